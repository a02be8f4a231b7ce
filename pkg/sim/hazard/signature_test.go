package hazard

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"adcp-orchestrator/pkg/httpsig"
	"adcp-orchestrator/pkg/operation"
)

// reencodeHeader replaces the base64 in a header.
func reencodeHeader(name string, reencode func(string) string) func(http.Header) {
	return func(header http.Header) {
		label, value, _ := strings.Cut(header.Get(name), ":")
		header.Set(name, label+":"+reencode(strings.TrimSuffix(value, ":"))+":")
	}
}

// paddedStandard turns base64url into padded standard base64.
func paddedStandard(s string) string {
	s = strings.NewReplacer("-", "+", "_", "/").Replace(s)
	return s + strings.Repeat("=", (4-len(s)%4)%4)
}

func signatureHazards() []scenario {
	long := 5 * time.Hour
	single := func(p push) func(*task) []push {
		return func(t *task) []push {
			if p.body == "" {
				p.body = t.webhookBody("")
			}
			return []push{p}
		}
	}
	return []scenario{
		{
			// "Signature is base64url without padding; Content-Digest is padded standard base64 ... Accept
			// each alphabet"
			name:      "the signature in one alphabet, the digest in another",
			seller:    &seller{workTime: long, push: single(push{})},
			state:     operation.Completed,
			purchases: 1,
			check:     withinAMinute(repliesAndEnd("200 advanced", operation.ByWebhook)),
		},
		{
			name:      "the signature in padded standard base64",
			seller:    &seller{workTime: long, push: single(push{alter: reencodeHeader("Signature", paddedStandard)})},
			state:     operation.Completed,
			purchases: 1,
			check:     withinAMinute(repliesAndEnd("200 advanced", operation.ByWebhook)),
		},
		{
			// "refuse a mixture": base64url with padding. The poll ends the operation.
			name: "two alphabets in one signature",
			seller: &seller{
				workTime: long,
				push:     single(push{alter: reencodeHeader("Signature", func(s string) string { return "-" + s[1:] + "==" })}),
			},
			state:     operation.Completed,
			purchases: 1,
			check:     repliesAndEnd("401 webhook_signature_header_malformed", operation.ByPoll),
		},
		{
			// "Python's sender wants a key marked webhook-signing; the newer rule is request-signing:
			// accept both."
			name:      "a key marked webhook-signing",
			seller:    &seller{workTime: long, push: single(push{keyUse: httpsig.UseWebhookSigning})},
			state:     operation.Completed,
			purchases: 1,
			check:     withinAMinute(repliesAndEnd("200 advanced", operation.ByWebhook)),
		},
		{
			name:      "a key marked request-signing",
			seller:    &seller{workTime: long, push: single(push{keyUse: httpsig.UseRequestSigning})},
			state:     operation.Completed,
			purchases: 1,
			check:     withinAMinute(repliesAndEnd("200 advanced", operation.ByWebhook)),
		},
		{
			// "HMAC: ... over timestamp.body. Python's JSON has spaces: verify raw bytes."
			name: "HMAC over JSON with spaces",
			seller: &seller{
				workTime: long,
				push: func(t *task) []push {
					return []push{{mode: operation.WebhookHMAC, body: withSpaces(t.webhookBody(""))}}
				},
			},
			mode:      operation.WebhookHMAC,
			state:     operation.Completed,
			purchases: 1,
			check: func(t *testing.T, h *harness) {
				withinAMinute(repliesAndEnd("200 advanced", operation.ByWebhook))(t, h)
				if s := h.seller.tasks[0].schemes; !strings.Contains(s, "HMAC-SHA256") {
					t.Errorf("the webhook was configured with %s", s)
				}
			},
		},
		{
			name:      "a bearer token",
			seller:    &seller{workTime: long, push: single(push{mode: operation.WebhookBearer})},
			mode:      operation.WebhookBearer,
			state:     operation.Completed,
			purchases: 1,
			check:     withinAMinute(repliesAndEnd("200 advanced", operation.ByWebhook)),
		},
		{
			// "6.11.0's default emitter ignores authentication (signs 9421 all the same)": refused for the
			// mode alone (contract F33), and the poll ends the operation.
			name:      "signed though HMAC was registered",
			seller:    &seller{workTime: long, push: single(push{})},
			mode:      operation.WebhookHMAC,
			state:     operation.Completed,
			purchases: 1,
			check:     repliesAndEnd("401 webhook_mode_mismatch", operation.ByPoll),
		},
		{
			name:      "HMAC though a signature was registered",
			seller:    &seller{workTime: long, push: single(push{mode: operation.WebhookHMAC})},
			state:     operation.Completed,
			purchases: 1,
			check:     repliesAndEnd("401 webhook_mode_mismatch", operation.ByPoll),
		},
	}
}

// withSpaces writes JSON the way Python does.
func withSpaces(s string) string { return strings.NewReplacer(`":`, `": `, `,"`, `, "`).Replace(s) }
