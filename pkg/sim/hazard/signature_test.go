package hazard

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"adcp-orchestrator/pkg/httpsig"
	"adcp-orchestrator/pkg/operation"
)

// respelled writes a header's base64 in other letters.
func respelled(name string, respell func(string) string) func(http.Header) {
	return func(h http.Header) {
		label, value, _ := strings.Cut(h.Get(name), ":")
		h.Set(name, label+":"+respell(strings.TrimSuffix(value, ":"))+":")
	}
}

// standard is base64url turned into padded standard base64.
func standard(s string) string {
	s = strings.NewReplacer("-", "+", "_", "/").Replace(s)
	return s + strings.Repeat("=", (4-len(s)%4)%4)
}

func signatureHazards() []scenario {
	long := 5 * time.Hour
	one := func(p push) func(*task) []push {
		return func(t *task) []push {
			if p.body == "" {
				p.body = t.ended("")
			}
			return []push{p}
		}
	}
	return []scenario{
		{
			// "Signature is base64url without padding; Content-Digest is padded standard base64 ... Accept each alphabet"
			name:   "the signature in one alphabet, the digest in another",
			seller: &seller{takes: long, push: one(push{})}, state: operation.Completed, purchases: 1,
			check: atOnce(heard("200 advanced", operation.ByWebhook)),
		},
		{
			name:   "the signature in padded standard base64",
			seller: &seller{takes: long, push: one(push{alter: respelled("Signature", standard)})}, state: operation.Completed, purchases: 1,
			check: atOnce(heard("200 advanced", operation.ByWebhook)),
		},
		{
			// "refuse a mixture": base64url with padding. The poll ends it.
			name:   "two alphabets in one signature",
			seller: &seller{takes: long, push: one(push{alter: respelled("Signature", func(s string) string { return "-" + s[1:] + "==" })})}, state: operation.Completed, purchases: 1,
			check: heard("401 webhook_signature_header_malformed", operation.ByPoll),
		},
		{
			// "Python's sender wants a key marked webhook-signing; the newer rule is request-signing: accept both."
			name:   "a key marked webhook-signing",
			seller: &seller{takes: long, push: one(push{use: httpsig.UseWebhookSigning})}, state: operation.Completed, purchases: 1,
			check: atOnce(heard("200 advanced", operation.ByWebhook)),
		},
		{
			name:   "a key marked request-signing",
			seller: &seller{takes: long, push: one(push{use: httpsig.UseRequestSigning})}, state: operation.Completed, purchases: 1,
			check: atOnce(heard("200 advanced", operation.ByWebhook)),
		},
		{
			// "HMAC: ... over timestamp.body. Python's JSON has spaces: verify raw bytes."
			name: "HMAC over JSON with spaces",
			seller: &seller{takes: long, push: func(t *task) []push {
				return []push{{mode: operation.WebhookHMAC, body: spaced(t.ended(""))}}
			}},
			mode: operation.WebhookHMAC, state: operation.Completed, purchases: 1,
			check: func(t *testing.T, g *stage) {
				atOnce(heard("200 advanced", operation.ByWebhook))(t, g)
				if s := g.seller.tasks[0].schemes; !strings.Contains(s, "HMAC-SHA256") {
					t.Errorf("was asked for %s", s)
				}
			},
		},
		{
			name:   "a bearer token",
			seller: &seller{takes: long, push: one(push{mode: operation.WebhookBearer})}, mode: operation.WebhookBearer, state: operation.Completed, purchases: 1,
			check: atOnce(heard("200 advanced", operation.ByWebhook)),
		},
		{
			// "6.11.0's default emitter ignores authentication (signs 9421 all the same)": refused for the mode alone (contract F33), and the poll ends it.
			name:   "signed though HMAC was registered",
			seller: &seller{takes: long, push: one(push{})}, mode: operation.WebhookHMAC, state: operation.Completed, purchases: 1,
			check: heard("401 webhook_mode_mismatch", operation.ByPoll),
		},
		{
			name:   "HMAC though a signature was registered",
			seller: &seller{takes: long, push: one(push{mode: operation.WebhookHMAC})}, state: operation.Completed, purchases: 1,
			check: heard("401 webhook_mode_mismatch", operation.ByPoll),
		},
	}
}

// spaced is JSON as Python writes it.
func spaced(s string) string { return strings.NewReplacer(`":`, `": `, `,"`, `, "`).Replace(s) }
