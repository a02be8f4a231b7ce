package inbox

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base32"
	"encoding/base64"
	"encoding/hex"
	"strings"

	"adcp-orchestrator/pkg/digest"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/validation"
)

// CallbackToken is the last segment of a webhook URL. Its names lead to the operation and to the
// sender's records in one read; its secret of 256 bits cannot be guessed (contract L9). It consists
// of unreserved characters only, so that no proxy rewrites it.
type CallbackToken struct{ Tenant, Sender, OperationID, Secret string }

// OperationIDForm is the form of an operation's id. A text of another form is looked up nowhere: a
// store refuses keys that are too long, and that would look like a fault of its own.
var OperationIDForm = validation.Pattern(`^op_[a-z2-7]{26}$`)

var callbackTokenForm = validation.Pattern(
	`^([a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?)\.([a-z2-7]{16})\.(op_[a-z2-7]{26})\.([A-Za-z0-9_-]{43})$`)

// ParseCallbackToken reads the form that String writes. ok is false if s has another form.
func ParseCallbackToken(s string) (token CallbackToken, ok bool) {
	m := callbackTokenForm().FindStringSubmatch(s)
	if m == nil {
		return CallbackToken{}, false
	}
	return CallbackToken{m[1], m[2], m[3], m[4]}, true
}

// String returns the form that stands in the URL.
func (c CallbackToken) String() string {
	return c.Tenant + "." + c.Sender + "." + c.OperationID + "." + c.Secret
}

// Matches reports whether the token belongs to the operation: by its secret, compared in constant
// time, and by its sender.
func (c CallbackToken) Matches(op operation.Operation) bool {
	want := op.Webhook.CallbackHash
	return want != "" &&
		subtle.ConstantTimeCompare([]byte(digest.Hex(c.Secret)), []byte(want)) == 1 &&
		c.Sender == SenderID(op.Target)
}

// URL returns the webhook URL to give to the agent. base is our public address without a trailing
// slash.
func (c CallbackToken) URL(base string) string { return base + "/v1/webhooks/" + c.String() }

// SenderID names an agent as a sender of webhooks: by its URL, which its brand.json lists (contract
// F47, F75), and by the brand.json that was configured for it. Two registry entries for one agent
// are one sender, with one set of keys and nonces.
func SenderID(t operation.Target) string {
	sum := sha256.Sum256([]byte(t.URL + "\x00" + t.BrandURL))
	return strings.ToLower(base32.StdEncoding.EncodeToString(sum[:10]))
}

// WebhookCredential derives the webhook credential of an operation from a root secret: 43
// characters, different for each operation, stored nowhere.
func WebhookCredential(root, tenant, operationID string) string {
	m := hmac.New(sha256.New, []byte(root))
	m.Write([]byte("webhook-credential\x00" + tenant + "\x00" + operationID))
	return base64.RawURLEncoding.EncodeToString(m.Sum(nil))
}

// RootOf returns the root secret that an id names. ok is false if it is none of the roots.
func RootOf(roots []string, id string) (root string, ok bool) {
	for _, r := range roots {
		if RootID(r) == id {
			return r, true
		}
	}
	return "", false
}

// RootID identifies a root secret without revealing it: 16 hexadecimal digits.
func RootID(root string) string {
	m := hmac.New(sha256.New, []byte(root))
	m.Write([]byte("root-id"))
	return hex.EncodeToString(m.Sum(nil)[:8])
}
