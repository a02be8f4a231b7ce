package webhook_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"adcp-orchestrator/pkg/inbox"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/quota"
	"adcp-orchestrator/pkg/webhook"
)

// meteredStore counts what a delivery reads: requests, and items as LoadDelivery documents them.
type meteredStore struct {
	inbox.Store
	requests, items int
}

func (s *meteredStore) LoadDelivery(ctx context.Context, q inbox.DeliveryQuery) (inbox.DeliveryContext, error) {
	s.requests++
	s.items++
	if q.KeyID != "" {
		s.items += 3
	}
	return s.Store.LoadDelivery(ctx, q)
}

func (s *meteredStore) reset() { s.requests, s.items = 0, 0 }

// protect gives the receiver of a harness the limits of production: for each sender, and for
// strangers.
func (h *harness) protect(r quota.Rate, clock func() time.Time) {
	h.Admit = quota.NewGuard(h.store, quota.Limits{Deliveries: r}, clock).Delivery
	h.Strangers = webhook.NewStrangers(clock)
}

// junk is a request of a stranger who knows the form of the routes, the name of a tenant and of one
// of its senders, and even the route of another operation.
func (h *harness) junk(i int) webhook.Delivery {
	x := h.signed("a", h.payload("a", nil))
	switch i % 4 {
	case 0: // a wrong form
		reroute(&x, "admin.php")
	case 1: // an operation that does not exist
		parts := strings.Split(h.route["a"], ".")
		parts[2] = "op_" + fmt.Sprintf("%026d", i)
		parts[2] = strings.NewReplacer("0", "a", "1", "b", "8", "c", "9", "d").Replace(parts[2])
		reroute(&x, strings.Join(parts, "."))
	case 2: // an operation that exists, with a wrong secret
		parts := strings.Split(h.route["a"], ".")
		parts[3] = strings.Repeat("A", 43)
		reroute(&x, strings.Join(parts, "."))
	case 3: // a route that exists, without an authentic delivery
		reroute(&x, h.route["b"])
		for _, name := range []string{"Authorization", "Signature", webhook.HeaderSignature} {
			if x.Header.Get(name) != "" {
				x.Header.Set(name, "Bearer junk")
			}
		}
	}
	return x
}

// A thousand requests of strangers between an honest sender's deliveries: each honest delivery is
// accepted, and the strangers cost hardly any writes.
func TestStrangersDoNotUseUpAnHonestSendersShare(t *testing.T) {
	t.Parallel()
	inEachMode(t, func(t *testing.T, h *harness) {
		h.protect(quota.Rate{PerSecond: 100, Burst: 200}, func() time.Time { return now })
		metered := &meteredStore{Store: h.Store}
		h.Store = metered
		junk := map[int]int{}
		honestItems, junkItems := 0, 0
		for i := range 1000 {
			metered.reset()
			junk[h.Handle(t.Context(), h.junk(i)).Status]++
			junkItems += metered.items
			if i%10 != 0 {
				continue
			}
			body := h.payload("a", map[string]any{"status": "working", "result": nil,
				"idempotency_key": fmt.Sprintf("whk_%016d", i)})
			metered.reset()
			if got := h.Handle(t.Context(), h.signed("a", body)); got.Status != http.StatusOK {
				t.Fatalf("after %d requests of strangers an honest delivery got %+v", i+1, got)
			}
			honestItems += metered.items
		}
		writes := 0
		for _, call := range h.calls {
			if call == "Quarantine" {
				writes++
			}
		}
		t.Logf("junk got %v, read %.2f items a request and wrote %d times in all; honest deliveries read %.2f items",
			junk, float64(junkItems)/1000, writes, float64(honestItems)/100)
		if junk[http.StatusNotFound] != 750 || junk[http.StatusUnauthorized] != 250 {
			t.Errorf("junk got %v", junk)
		}
		// A fourth of the junk knows a route, and is verified.
		if most := 250*5 + 500*1 + 200; writes > 50 || junkItems > most {
			t.Errorf("junk read %d items, want at most %d, and wrote %d times", junkItems, most, writes)
		}
	})
}

// What a flood repeats is recorded, and refused with its own code, not with one that means "try
// again".
func TestFloodOnAKnownRouteIsRecordedOnce(t *testing.T) {
	t.Parallel()
	h := newHarness(t, operation.WebhookBearer)
	h.protect(quota.Rate{PerSecond: 1, Burst: 1}, func() time.Time { return now })
	for i := range 100 {
		if got := h.Handle(t.Context(), h.junk(4*i+3)); got.Code != "unauthenticated" {
			t.Fatalf("got %+v", got)
		}
	}
	if q := h.quarantined(t); len(q) != 1 || q[0].Code != "unauthenticated" || q[0].Count != 20 {
		t.Errorf("quarantined %+v", q)
	}
}

// A sender that is too fast is asked to try again, and nobody else is. Its signature is not used
// up: what it sends again is no replay (contract F84).
func TestAuthenticSendersFloodIsRefusedForItselfOnly(t *testing.T) {
	t.Parallel()
	inEachMode(t, func(t *testing.T, h *harness) {
		at := now
		h.protect(quota.Rate{PerSecond: 1, Burst: 2}, func() time.Time { return at })
		send := func(name string, i int) (webhook.Delivery, webhook.Reply) {
			x := h.signed(name, h.payload(name, map[string]any{"status": "working", "result": nil,
				"idempotency_key": fmt.Sprintf("whk_%016d", i)}))
			return x, h.Handle(t.Context(), x)
		}
		for i := range 2 {
			if _, got := send("a", i); got.Status != http.StatusOK {
				t.Fatalf("delivery %d: %+v", i, got)
			}
		}
		refused, got := send("b", 2) // another operation of the same sender
		if got.Status != http.StatusTooManyRequests || got.Code != "rate_limited" || got.RetryAfter <= 0 ||
			got.Challenge != "" {
			t.Errorf("the third delivery of two got %+v", got)
		}
		if _, got := send("c", 3); got.Status != http.StatusOK {
			t.Errorf("another sender got %+v", got)
		}
		if q := h.quarantined(t); len(q) != 0 {
			t.Errorf("quarantined %+v", q)
		}
		at = at.Add(got.RetryAfter)
		if got := h.Handle(t.Context(), refused); got.Status != http.StatusOK {
			t.Errorf("the same delivery after Retry-After got %+v", got)
		}
	})
}
