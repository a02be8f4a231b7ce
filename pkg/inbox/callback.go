package inbox

import (
	"adcp-orchestrator/pkg/digest"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/validation"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base32"
	"encoding/base64"
	"strings"
)

// Route is the last segment of a webhook URL: where the registration and the sender's records are found with one look, and a secret of 256 bits that
// nobody can guess (contract L9). It holds unreserved characters only, so that no proxy rewrites it.
type CallbackToken struct{ Tenant, Sender, OperationID, Secret string }

var callbackTokenForm = validation.Pattern(`^([a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?)\.([a-z2-7]{16})\.(op_[a-z2-7]{26})\.([A-Za-z0-9_-]{43})$`)

// ParseRoute reads a route. ok is false if s can't be one.
func ParseCallbackToken(s string) (r CallbackToken, ok bool) {
	m := callbackTokenForm().FindStringSubmatch(s)
	if m == nil {
		return CallbackToken{}, false
	}
	return CallbackToken{m[1], m[2], m[3], m[4]}, true
}

// String is the form that stands in the URL.
func (r CallbackToken) String() string {
	return r.Tenant + "." + r.Sender + "." + r.OperationID + "." + r.Secret
}

// Opens reports whether the route is the operation's: its secret in constant time, and its sender.
func (r CallbackToken) Matches(op operation.Operation) bool {
	return op.Webhook.CallbackHash != "" && subtle.ConstantTimeCompare([]byte(digest.Hex(r.Secret)), []byte(op.Webhook.CallbackHash)) == 1 &&
		r.Sender == SenderID(op.Target)
}

// SenderOf names an agent as a sender of webhooks: by its URL, which is what its brand.json lists (contract F47, F75), and by the brand.json that was
// configured for it. Two registry entries for one agent are one sender, with one set of keys and nonces.
func SenderID(t operation.Target) string {
	sum := sha256.Sum256([]byte(t.URL + "\x00" + t.BrandURL))
	return strings.ToLower(base32.StdEncoding.EncodeToString(sum[:10]))
}

// URL is what the agent is given: the route below our public base address, which ends without a slash.
func (r CallbackToken) URL(base string) string { return base + "/v1/webhooks/" + r.String() }

// Credential derives a registration's webhook credential from a root secret: 43 characters, different for each operation, stored nowhere.
func WebhookCredential(root, tenant, operationID string) string {
	m := hmac.New(sha256.New, []byte(root))
	m.Write([]byte("webhook-credential\x00" + tenant + "\x00" + operationID))
	return base64.RawURLEncoding.EncodeToString(m.Sum(nil))
}
