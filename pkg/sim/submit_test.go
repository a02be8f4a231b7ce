package sim

import (
	"context"
	"errors"
	"testing"
	"time"

	"adcp-orchestrator/pkg/orchestrator"
)

// A request with a known key, or for a purchase order that is open or completed, returns the
// operation that there is.
func TestSubmitReturnsTheExistingOperation(t *testing.T) {
	t.Parallel()
	w := New(definition(t), &Seller{Duration: time.Hour}, &Crash{})
	submit := func(key, po string) string {
		op, err := w.Submit(t.Context(), Tenant, key, po)
		if err != nil {
			t.Fatal(err)
		}
		return op.ID
	}
	first := submit("key-1", "po-1")
	if id := submit("key-1", "po-1"); id != first {
		t.Error("the same key made another operation")
	}
	_, err := w.Submit(context.Background(), Tenant, "key-1", "po-2")
	if !errors.Is(err, orchestrator.ErrPayloadDiffers) {
		t.Errorf("another payload: %v", err)
	}
	if id := submit("key-2", "po-1"); id != first {
		t.Error("a second open operation for one purchase order")
	}
	if other := submit("key-3", "po-2"); other == first {
		t.Error("another purchase order returned the first operation")
	}
	if err := w.Run(t.Context(), 2*time.Hour); err != nil {
		t.Fatal(err)
	}
	if id := submit("key-2", "po-1"); id != first {
		t.Error("a late retry with the second key bought again after the end")
	}
	if id := submit("key-4", "po-1"); id != first {
		t.Error("a new key bought again what its purchase order has bought")
	}
	if err := w.Run(t.Context(), 2*time.Hour); err != nil {
		t.Fatal(err)
	}
	if n := purchases(w.Seller); n != 2 {
		t.Errorf("%d purchases under two purchase orders", n)
	}
}
