package webhook_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/inbox"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/webhook"
)

func TestReceiverAppliesAndWakes(t *testing.T) {
	t.Parallel()
	inEachMode(t, func(t *testing.T, h *harness) {
		h.calls = nil
		first := h.Handle(t.Context(), h.signed("a", h.payload("a", nil)))
		if first.Status != 200 || first.Code != "advanced" ||
			h.state(t, "a") != operation.Completed || h.state(t, "b") != operation.Submitted {
			t.Fatalf("got %+v, %s", first, h.state(t, "a"))
		}
		if len(h.wakes) != 1 || h.wakes[0] != "token_a settle" {
			t.Errorf("wakes: %v", h.wakes)
		}
		// An accepted delivery costs at most three requests to the store. Each of these calls is one
		// request, as the tests of pkg/store/dynamo check.
		want := []string{"LoadDelivery", "ClaimNonce", "Commit"}
		if h.mode != operation.WebhookRFC9421 {
			want = []string{"LoadDelivery", "Commit"}
		}
		if !slices.Equal(h.calls, want) {
			t.Errorf("calls of the store: %v, want %v", h.calls, want)
		}
		// Contract F79: a repeated delivery is acknowledged. It repeats the signal, which may have been
		// lost.
		again := h.Handle(t.Context(), h.signed("a", h.payload("a", nil)))
		if again.Status != 200 || again.Code != "duplicate" || len(h.wakes) != 2 {
			t.Errorf("got %+v, wakes %v", again, h.wakes)
		}
		records := h.quarantined(t)
		if len(records) != 0 || h.counted["advanced"] != 1 || h.counted["duplicate"] != 1 {
			t.Errorf("quarantined %v, counted %v", records, h.counted)
		}
	})
}

// Contract F31, steps 1 and 2: the checks before authentication are the same in each mode.
func TestReceiverRefusesBeforeAuthentication(t *testing.T) {
	t.Parallel()
	type change func(h *harness, x *webhook.Delivery)
	only := func(f func(x *webhook.Delivery)) change {
		return func(_ *harness, x *webhook.Delivery) { f(x) }
	}
	for name, tc := range map[string]struct {
		change      change
		status      int
		code        string
		quarantined int
	}{
		"another method":  {only(func(x *webhook.Delivery) { x.Method = "PUT" }), 405, "method_not_allowed", 0},
		"malformed token": {only(func(x *webhook.Delivery) { reroute(x, "x") }), 404, "unknown_route", 0},
		"a longer path":   {only(func(x *webhook.Delivery) { x.Path += "/" }), 404, "unknown_route", 0},
		"another secret": {func(h *harness, x *webhook.Delivery) {
			a, b := h.route["a"], h.route["b"]
			reroute(x, a[:len(a)-43]+b[len(b)-43:])
		}, 404, "unknown_route", 0},
		"another tenant": {func(h *harness, x *webhook.Delivery) {
			reroute(x, "other"+strings.TrimPrefix(h.route["a"], "acme"))
		}, 404, "unknown_route", 0},
		"another sender": {func(h *harness, x *webhook.Delivery) {
			reroute(x, "acme."+strings.Repeat("b", 16)+h.route["a"][len("acme.")+16:])
		}, 404, "unknown_route", 0},
		"another content type": {only(func(x *webhook.Delivery) {
			x.Header.Set("Content-Type", "text/plain")
		}), 415, "content_type", 1},
		"no content type": {only(func(x *webhook.Delivery) {
			x.Header.Del("Content-Type")
		}), 415, "content_type", 1},
		"too large, and wrongly signed": {only(func(x *webhook.Delivery) {
			x.Body = append(x.Body, make([]byte, 1<<20)...)
		}), 413, "too_large", 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inEachMode(t, func(t *testing.T, h *harness) {
				x := h.signed("a", h.payload("a", nil))
				tc.change(h, &x)
				got := h.Handle(t.Context(), x)
				if got.Status != tc.status || got.Code != tc.code || got.Challenge != "" {
					t.Errorf("got %+v", got)
				}
				h.expectUnchanged(t)
				if records := h.quarantined(t); len(records) != tc.quarantined {
					t.Errorf("quarantined %+v", records)
				}
				if slices.Contains(h.calls, "ClaimNonce") {
					t.Error("a nonce was claimed")
				}
			})
		})
	}
}

// Contract F86: an internal failure is never the sender's fault.
func TestReceiverRepliesToInternalFailuresWith503(t *testing.T) {
	t.Parallel()
	inEachMode(t, func(t *testing.T, h *harness) {
		h.fail = errors.New("throttled: arn:aws:dynamodb:secret-inside")
		got := h.Handle(t.Context(), h.signed("a", h.payload("a", nil)))
		if got.Status != 503 || strings.Contains(fmt.Sprintf("%+v", got), "arn:") {
			t.Errorf("got %+v", got)
		}
		h.fail = nil
		if h.mode.Shared() {
			h.Roots = func(context.Context) ([]string, error) { return nil, errors.New("no") }
			if got := h.Handle(t.Context(), h.signed("a", h.payload("a", nil))); got.Status != 503 {
				t.Errorf("got %+v", got)
			}
			h.Roots = func(context.Context) ([]string, error) {
				return []string{"a-new-root-of-thirty-two-characters", root}, nil
			}
		}
		// Contract F67: the previous secret is valid during a rotation.
		if got := h.Handle(t.Context(), h.signed("a", h.payload("a", nil))); got.Status != 200 {
			t.Errorf("got %+v", got)
		}
	})
}

// The agent was given one credential, from the root secret of the first call. No other root speaks
// for the operation; and if that root is gone, the sender is not to blame.
func TestOnlyTheRootOfTheFirstCallAuthenticates(t *testing.T) {
	t.Parallel()
	inEachMode(t, func(t *testing.T, h *harness) {
		if !h.mode.Shared() {
			return
		}
		const newer = "a-new-root-of-thirty-two-characters"
		roots := []string{newer, root}
		h.Roots = func(context.Context) ([]string, error) { return roots, nil }
		calledWith := func(root string) {
			op, err := h.store.Get(t.Context(), "acme", h.id("a"))
			if err != nil {
				t.Fatal(err)
			}
			op.Webhook.RootID = inbox.RootID(root)
			op.BumpVersion(now)
			if err := h.store.Commit(t.Context(), operation.Change{Op: op}); err != nil {
				t.Fatal(err)
			}
		}
		calledWith(newer)
		if got := h.Handle(t.Context(), h.signed("a", h.payload("a", nil))); got.Status != 401 {
			t.Errorf("a former root for a new operation: %+v", got)
		}
		calledWith(root)
		roots = []string{newer}
		if got := h.Handle(t.Context(), h.signed("a", h.payload("a", nil))); got.Status != 503 {
			t.Errorf("its root is gone: %+v", got)
		}
		roots = []string{newer, "one-more-root-of-thirty-two-characters", root}
		if got := h.Handle(t.Context(), h.signed("a", h.payload("a", nil))); got.Status != 200 {
			t.Errorf("its root is one of the former: %+v", got)
		}
	})
}

// The limit of deliveries per operation does not hold back the one that ends it.
func TestReceiverLimitsDeliveriesPerOperation(t *testing.T) {
	t.Parallel()
	h := newHarness(t, operation.WebhookRFC9421)
	op, err := h.store.Get(t.Context(), "acme", h.id("a"))
	if err != nil {
		t.Fatal(err)
	}
	op.Version++
	op.Attempts.Webhooks = operation.MaxDeliveries
	if err := h.store.Commit(t.Context(), operation.Change{Op: op}); err != nil {
		t.Fatal(err)
	}
	working := h.payload("a", map[string]any{"status": adcp.StatusWorking})
	if got := h.Handle(t.Context(), h.signed("a", working)); got.Status != 429 {
		t.Errorf("got %+v", got)
	}
	got := h.Handle(t.Context(), h.signed("a", h.payload("a", nil)))
	if got.Status != 200 || h.state(t, "a") != operation.Completed {
		t.Errorf("the end is refused: %+v", got)
	}
}
