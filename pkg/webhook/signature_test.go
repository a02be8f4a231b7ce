package webhook_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"adcp-orchestrator/pkg/httpsig"
	"adcp-orchestrator/pkg/keyring"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/webhook"
)

// A delivery is refused if any single bit is flipped: of the body, the path, or a covered or
// signing header. It is also refused with a query.
func TestReceiverSignatureCoversEverything(t *testing.T) {
	t.Parallel()
	h := newHarness(t, operation.WebhookRFC9421)
	good := h.signed("a", h.payload("a", nil))
	expectRefused := func(what string, x webhook.Delivery) {
		t.Helper()
		if got := h.Handle(t.Context(), x); got.Status != 401 && got.Status != 404 && got.Status != 415 {
			t.Errorf("%s: %+v", what, got)
		}
	}
	flips := 0
	eachFlip := func(s string, use func(string)) {
		for i := range len(s) {
			for bit := range 8 {
				b := []byte(s)
				b[i] ^= 1 << bit
				use(string(b))
				flips++
			}
		}
	}
	eachFlip(string(good.Body), func(s string) {
		x := good
		x.Body = []byte(s)
		expectRefused("body", x)
	})
	eachFlip(good.CallbackToken, func(s string) {
		x := good
		reroute(&x, s)
		expectRefused("path "+s, x)
	})
	for _, query := range []string{"a=1", "a", "="} {
		x := good
		x.Query = query
		expectRefused("query "+query, x)
	}
	for _, name := range []string{"Content-Type", "Content-Digest", "Signature-Input", "Signature", "Host"} {
		eachFlip(good.Header.Get(name), func(s string) {
			x := good
			x.Header = good.Header.Clone()
			x.Header.Set(name, s)
			sameHost := name == "Host" && strings.EqualFold(s, good.Header.Get(name)) // case does not matter in it
			if !sameHost {
				expectRefused(fmt.Sprintf("%s %q", name, s), x)
			}
		})
	}
	h.expectUnchanged(t)
	if slices.Contains(h.calls, "ClaimNonce") {
		t.Error("a forged delivery claimed a nonce")
	}
	if got := h.Handle(t.Context(), good); got.Status != 200 {
		t.Errorf("the unchanged delivery after %d forgeries: %+v", flips, got)
	}
	t.Logf("%d single bits flipped, each refused", flips)
}

// Contract F37: the code shows the order of the steps.
func TestReceiverReportsTheFirstFailedStep(t *testing.T) {
	t.Parallel()
	h := newHarness(t, operation.WebhookRFC9421)
	duplicateKey := strings.Replace(string(h.payload("a", nil)), `"media_buy_id":`,
		`"media_buy_id":"x","media_buy_id":`, 1)
	x := h.signed("a", []byte(duplicateKey))
	got := h.Handle(t.Context(), x)
	if got.Status != 401 || got.Challenge != `Signature error="webhook_body_malformed"` {
		t.Errorf("a duplicate key: %+v", got)
	}
	if records := h.quarantined(t); len(records) != 1 || !records[0].Authentic {
		t.Errorf("quarantined %+v", records)
	}
	// The first delivery has claimed the nonce.
	if got := h.Handle(t.Context(), x); got.Code != "webhook_signature_replayed" {
		t.Errorf("the same delivery again: %+v", got)
	}
	forged := h.signed("a", h.payload("a", nil))
	forged.Body[5] ^= 1
	h.Store = fullNonceStore{h.Store}
	if got := h.Handle(t.Context(), forged); got.Code != "webhook_signature_rate_abuse" { // 9a before 10
		t.Errorf("over the cap, with a bad signature: %+v", got)
	}
	h.expectUnchanged(t)
}

// Contract F74, F76: a sender's nonce is valid once, over all of its endpoints.
func TestReceiverAcceptsANonceOncePerSender(t *testing.T) {
	t.Parallel()
	h := newHarness(t, operation.WebhookRFC9421)
	nonce := base64.RawURLEncoding.EncodeToString([]byte("the same nonce 1"))
	withNonce := func(name string) webhook.Delivery {
		x := h.signed(name, h.payload(name, nil))
		h.sign(&x, base+x.Path, nonce)
		return x
	}
	if got := h.Handle(t.Context(), withNonce("a")); got.Status != 200 {
		t.Fatalf("got %+v", got)
	}
	got := h.Handle(t.Context(), withNonce("b"))
	if got.Code != "webhook_signature_replayed" || h.state(t, "b") != operation.Submitted {
		t.Errorf("the nonce at another endpoint: %+v", got)
	}
	if got := h.Handle(t.Context(), withNonce("c")); got.Status != 200 {
		t.Errorf("the nonce of another sender: %+v", got)
	}
}

// Contract F79: concurrent deliveries of one event make one change, whether the sender repeats one
// signature or signs each attempt again.
func TestConcurrentDeliveriesMakeOneChange(t *testing.T) {
	t.Parallel()
	const n = 24
	for name, resigned := range map[string]bool{"one signature": false, "a signature for each attempt": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHarness(t, operation.WebhookRFC9421)
			var deliveries []webhook.Delivery
			for i := range n {
				if resigned || i == 0 {
					deliveries = append(deliveries, h.signed("a", h.payload("a", nil)))
				} else {
					deliveries = append(deliveries, deliveries[0])
				}
			}
			var wg sync.WaitGroup
			for _, x := range deliveries {
				wg.Go(func() { h.Handle(t.Context(), x) })
			}
			wg.Wait()
			repeated := "webhook_signature_replayed"
			if resigned {
				repeated = "duplicate"
			}
			if h.counted["advanced"] != 1 || h.counted[repeated] != n-1 || h.state(t, "a") != operation.Completed {
				t.Errorf("counted %v, state %s", h.counted, h.state(t, "a"))
			}
			op, err := h.store.Get(t.Context(), "acme", h.id("a"))
			if err != nil || op.Attempts.Webhooks != 1 {
				t.Errorf("%d webhooks applied, %v", op.Attempts.Webhooks, err)
			}
		})
	}
}

// Contract F86: a delivery that can't be checked at present is sent again, and not dropped.
func TestReceiverRepliesToUnavailableKeysWith503(t *testing.T) {
	t.Parallel()
	h := newHarness(t, operation.WebhookRFC9421)
	h.senderKeys = failingKeys{&keyring.UnavailableError{
		Code:       "jwks_unreachable",
		RetryAfter: 7 * time.Second,
		Cause:      errors.New("dial 10.0.0.1: secret-inside"),
	}}
	got := h.Handle(t.Context(), h.signed("a", h.payload("a", nil)))
	if got.Status != 503 || got.RetryAfter != 7*time.Second || strings.Contains(fmt.Sprintf("%+v", got), "inside") {
		t.Errorf("got %+v", got)
	}
	records := h.quarantined(t)
	if len(records) != 1 || records[0].Code != "keys_unavailable" || records[0].Reason != "jwks_unreachable" {
		t.Errorf("quarantined %+v", records)
	}
	h.senderKeys = unrevokedKeys{httpsig.JWKS{}}
	got = h.Handle(t.Context(), h.signed("a", h.payload("a", nil)))
	if got.Code != "webhook_signature_key_unknown" {
		t.Errorf("got %+v", got)
	}
	h.expectUnchanged(t)
}
