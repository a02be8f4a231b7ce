package webhook_test

import (
	"testing"

	"adcp-orchestrator/pkg/operation"
)

// The items of an expired operation may still be there: its webhook gets the answers that one for
// an unknown operation gets, and no error that asks the sender for another try.
func TestAWebhookForAnExpiredOperationIsNoFaultOfOurs(t *testing.T) {
	t.Parallel()
	inEachMode(t, func(t *testing.T, h *harness) {
		op, err := h.store.Get(t.Context(), "acme", h.id("a"))
		if err != nil {
			t.Fatal(err)
		}
		op.State, op.ExpiresAt, op.Version = operation.Completed, now, op.Version+1
		if err := h.store.Commit(t.Context(), operation.Change{Op: op}); err != nil {
			t.Fatal(err)
		}
		got := h.Handle(t.Context(), h.signed("a", h.payload("a", nil)))
		if got.Status != 404 || got.Code != "unknown_route" {
			t.Errorf("by its own route: %+v", got)
		}
		got = h.Handle(t.Context(), h.signed("b", h.payload("a", nil)))
		if records := h.quarantined(t); got.Status != 422 || got.Code != "unknown_operation" || len(records) != 1 {
			t.Errorf("by another route: %+v, quarantined %+v", got, records)
		}
		if s := h.state(t, "b"); s != operation.Submitted {
			t.Errorf("b became %s", s)
		}
	})
}
