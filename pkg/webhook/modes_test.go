package webhook_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"adcp-orchestrator/pkg/httpsig"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/webhook"
)

// Contract F33, F34: the registration's mode decides. A delivery in another mode is refused with a
// code of its own, even with a valid credential.
func TestReceiverModeMatrix(t *testing.T) {
	t.Parallel()
	for _, registered := range modes {
		for _, sent := range append(slices.Clone(modes), operation.WebhookNone) {
			t.Run(fmt.Sprintf("registered %s, sent %s", registered, sent), func(t *testing.T) {
				t.Parallel()
				h := newHarness(t, registered)
				got := h.Handle(t.Context(), h.signedIn(sent, "a", h.payload("a", nil)))
				want := webhook.Reply{
					Status:    401,
					Code:      "webhook_mode_mismatch",
					Challenge: `Signature error="webhook_mode_mismatch"`,
				}
				switch {
				case sent == registered:
					if got.Status != 200 {
						t.Errorf("got %+v", got)
					}
					return
				case sent == operation.WebhookNone && registered == operation.WebhookRFC9421:
					want.Code = "webhook_signature_header_malformed"
					want.Challenge = `Signature error="webhook_signature_header_malformed"`
				case sent == operation.WebhookNone:
					want.Code, want.Challenge = "unauthenticated", "" // contract F73
				}
				if got.Status != want.Status || got.Code != want.Code || got.Challenge != want.Challenge {
					t.Errorf("got %+v, want %+v", got, want)
				}
				// Contract F35: nothing says more than the header.
				if want.Challenge != "" && (got.Detail != "" || got.Errors != nil) {
					t.Errorf("got %+v", got)
				}
				h.expectUnchanged(t)
				records := h.quarantined(t)
				if len(records) != 1 || records[0].Authentic || records[0].Code != want.Code ||
					h.counted[want.Code] != 1 {
					t.Errorf("quarantined %+v, counted %v", records, h.counted)
				}
			})
		}
	}
}

// A quarantine record holds no credential of a refused delivery, and not its body.
func TestReceiverQuarantinesNoSecrets(t *testing.T) {
	t.Parallel()
	inEachMode(t, func(t *testing.T, h *harness) {
		x := h.signed("a", h.payload("a", nil))
		x.Header.Set("User-Agent", "seller/1\nlevel=INFO forged")
		x.Header.Set("Cookie", "session=1")
		switch h.mode {
		case operation.WebhookBearer:
			x.Header.Set("Authorization", x.Header.Get("Authorization")+"x")
		default:
			x.Body[3] ^= 1
		}
		for range 3 {
			if got := h.Handle(t.Context(), x); got.Status != 401 {
				t.Fatalf("got %+v", got)
			}
		}
		records := h.quarantined(t)
		if len(records) != 1 || records[0].Count != 3 || records[0].Authentic {
			t.Fatalf("quarantined %+v", records)
		}
		if got := records[0].Header["User-Agent"]; strings.Contains(got, "\n") || strings.Contains(got, "forged") {
			t.Errorf("the record holds the header %q", got)
		}
		record := fmt.Sprintf("%+v", records[0])
		for _, secret := range []string{
			x.Header.Get(httpsig.HeaderSignature),
			x.Header.Get(webhook.HeaderSignature),
			x.Header.Get("Authorization"),
			"session=1",
			h.push["a"],
			h.route["a"][len(h.route["a"])-43:],
			"mb_a",
			"whk_0123456789abcdef",
		} {
			if secret != "" && strings.Contains(record, secret) {
				t.Errorf("the record holds %q: %s", secret, record)
			}
		}
	})
}
