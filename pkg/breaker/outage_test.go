package breaker_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"adcp-orchestrator/pkg/breaker"
	"adcp-orchestrator/pkg/circuit"
	"adcp-orchestrator/pkg/store"
)

// A store that fails, before or after a request took effect, blocks no process forever and never
// causes two probes.
func TestFailingStoreBlocksNoProcess(t *testing.T) {
	t.Parallel()
	for seed := range fewer(8) {
		f := newFleet(t, seed, 8)
		f.strict = false
		gone := false
		f.store.fault = func() (before, after error) {
			switch x := f.r.IntN(100); {
			case gone || x == 0:
				return errors.ErrUnsupported, nil
			case x == 1:
				return nil, errors.ErrUnsupported
			}
			return nil, nil
		}
		f.answer = func() (breaker.Report, time.Duration, bool) {
			if f.r.IntN(4) > 0 {
				return breaker.Report{Result: breaker.ResultNoAnswer}, time.Second, false
			}
			return breaker.Report{Result: breaker.ResultAnswered}, time.Second, false
		}
		for range 20 {
			f.loop(2 * time.Second)
		}
		f.run(10 * time.Minute)
		f.answerWith(breaker.ResultAnswered, time.Second)
		f.run(20 * time.Minute) // an open circuit closes
		gone = true
		count := f.permits
		f.run(21 * time.Minute)
		if n := f.permits - count; n < 50 || n > 8*62 { // one call per process in one to two seconds
			t.Errorf("seed %d: %d calls in a minute without a store", seed, n)
		}
	}
}

func TestKnownBackOffHoldsWithoutStore(t *testing.T) {
	t.Parallel()
	f := newFleet(t, 1, 1)
	b := f.breakers[0]
	permit, wait, _, err := b.Allow(t.Context(), "acme", "seller")
	if wait != 0 || err != nil {
		t.Fatal(wait, err)
	}
	f.store.fault = func() (before, after error) { return errors.ErrUnsupported, nil }
	permit.Report(t.Context(), breaker.Report{Result: breaker.ResultRateLimited, RetryAfter: time.Minute})
	_, wait, reason, err := b.Allow(t.Context(), "acme", "seller")
	if wait < time.Minute || reason != circuit.BackingOff || err != nil {
		t.Errorf("got %v, %v, %v", wait, reason, err)
	}
	if _, wait, _, err := b.Allow(t.Context(), "acme", "another"); wait != 0 || err != nil {
		t.Errorf("another agent waits %v, %v", wait, err)
	}
	// The end of the context is the only error.
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, _, err := b.Allow(ctx, "acme", "third"); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestUnreadableDocumentIsOverwritten(t *testing.T) {
	t.Parallel()
	f := newFleet(t, 1, 1)
	unreadable := store.Document{Version: 1, Body: []byte(`{"opens":"x"}`)}
	if err := f.store.PutCircuit(t.Context(), "acme", "seller", unreadable); err != nil {
		t.Fatal(err)
	}
	_, wait, _, err := f.breakers[0].Allow(t.Context(), "acme", "seller")
	if wait != 0 || err != nil || f.state().Tokens == 0 {
		t.Errorf("got %v, %v, %+v", wait, err, f.state())
	}
}
