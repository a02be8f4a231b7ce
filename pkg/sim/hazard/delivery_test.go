package hazard

import (
	"cmp"
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"adcp-orchestrator/pkg/httpsig"
	"adcp-orchestrator/pkg/inbox"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/sim"
	"adcp-orchestrator/pkg/webhook"
)

const (
	host    = "api.example"
	baseURL = "https://" + host + "/live"
)

// push is one delivery of a webhook.
type push struct {
	// delay is the time from the task's end to the delivery. immediate sends it at once instead.
	delay     time.Duration
	immediate bool
	mode      operation.WebhookMode
	keyUse    string // the use that the signing key is marked with
	body      string
	alter     func(header http.Header)
}

// webhookBody returns what an honest sender says about a task's end, with some members changed; a
// null removes a member.
func (t *task) webhookBody(changes string) string {
	m := map[string]any{
		"idempotency_key": "whk_0123456789abcdef_" + t.id,
		"operation_id":    t.operation,
		"task_id":         t.id,
		"task_type":       "create_media_buy",
		"protocol":        "media-buy",
		"status":          t.outcome,
		"timestamp":       "2026-11-23T12:00:00Z",
		"token":           t.token,
		"result":          json.RawMessage(t.result),
	}
	var c map[string]any
	if err := json.Unmarshal([]byte("{"+changes+"}"), &c); err != nil {
		panic(err)
	}
	for k, v := range c {
		if m[k] = v; v == nil {
			delete(m, k)
		}
	}
	b, _ := json.Marshal(m)
	return string(b)
}

// post sends a webhook now, or plans it.
func (h *harness) post(t *task, p push) {
	if p.immediate {
		h.deliver(t, p)
		return
	}
	h.Plan(t.doneAt.Add(p.delay), func() { h.deliver(t, p) })
}

// deliver authenticates a webhook by its mode and gives it to the receiver in its wire form.
func (h *harness) deliver(t *task, p push) {
	path := strings.TrimPrefix(t.url, baseURL)
	d := webhook.Delivery{
		Method:        http.MethodPost,
		Path:          path,
		CallbackToken: path[strings.LastIndex(path, "/")+1:],
		Header:        http.Header{"Content-Type": {jsonType}, "Host": {host}},
		Body:          []byte(p.body),
	}
	credential := inbox.WebhookCredential(rootSecret, sim.Tenant, t.operation)
	switch p.mode {
	case operation.WebhookHMAC:
		stamp := strconv.FormatInt(h.Now().Unix(), 10)
		d.Header.Set(webhook.HeaderTimestamp, stamp)
		d.Header.Set(webhook.HeaderSignature, "sha256="+webhook.SignHMAC(credential, stamp, d.Body))
	case operation.WebhookBearer:
		d.Header.Set("Authorization", "Bearer "+credential)
	default:
		h.sign(&d, t.url, p)
	}
	if p.alter != nil {
		p.alter(d.Header)
	}
	h.replies = append(h.replies, h.receiver.Handle(context.Background(), d))
}

// sign signs a delivery by RFC 9421 the way the sellers' libraries do: the signature in base64url
// without padding, the digest in padded standard base64.
func (h *harness) sign(d *webhook.Delivery, url string, p push) {
	h.nonceCount++ // each attempt has its own nonce
	nonce := base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, "nonce %010d", h.nonceCount))
	identity := httpsig.Identity{
		Key:    publishedKeys()["seller-"+cmp.Or(p.keyUse, httpsig.UseWebhookSigning)],
		Signer: signer{},
	}
	message := httpsig.Message{Method: d.Method, URL: url, Header: d.Header.Clone(), Body: d.Body}
	header, err := httpsig.Sign(context.Background(), httpsig.WebhookProfile(), identity, message,
		httpsig.Stamp{Created: h.Now(), Nonce: nonce})
	if err != nil {
		panic(err)
	}
	for name, values := range header {
		d.Header[name] = values
	}
}

var privateKey = ed25519.NewKeyFromSeed([]byte("the key of a seller of no manner"))

type signer struct{}

// Sign implements httpsig.Signer.
func (signer) Sign(_ context.Context, message []byte) ([]byte, error) {
	return ed25519.Sign(privateKey, message), nil
}

// publishedKeys returns the seller's key under two ids, one for each use that senders mark it with.
func publishedKeys() httpsig.JWKS {
	x := base64.RawURLEncoding.EncodeToString(privateKey.Public().(ed25519.PublicKey))
	set := httpsig.JWKS{}
	for _, use := range []string{httpsig.UseWebhookSigning, httpsig.UseRequestSigning} {
		id := "seller-" + use
		set[id] = httpsig.JWK{
			KID:     id,
			KeyType: "OKP",
			Curve:   "Ed25519",
			Alg:     "EdDSA",
			Use:     "sig",
			KeyOps:  []string{"verify"},
			AdCPUse: use,
			X:       x,
		}
	}
	return set
}

// unrevokedKeys are keys of which none is revoked.
type unrevokedKeys struct{ httpsig.JWKS }

func (unrevokedKeys) Check(context.Context, string) error { return nil }
