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
		f.reconcile()
		for range 20 {
			f.loop(2 * time.Second)
		}
		f.run(10 * time.Minute)
		f.answerWith(breaker.ResultAnswered, time.Second)
		f.run(30 * time.Minute) // an open circuit closes, and a probe that was lost blocks it for its lease
		if !f.state().Closed() {
			t.Errorf("seed %d: %+v", seed, f.state())
		}
		gone = true
		count := f.permits
		f.run(31 * time.Minute)
		if n := f.permits - count; n < 50 || n > 8*62 { // one call per process in one to two seconds
			t.Errorf("seed %d: %d calls in a minute without a store", seed, n)
		}
		f.store.fault = nil
		f.run(50 * time.Minute)
		g := f.gate()
		if held := g.UnderWay(f.now); len(f.ops) > held+20 || held > 30 {
			t.Errorf("seed %d: %d wait, %d places are taken", seed, len(f.ops), held)
		}
	}
}

func TestKnownBackOffHoldsWithoutStore(t *testing.T) {
	t.Parallel()
	f := newFleet(t, 1, 1)
	b := f.breakers[0]
	call := breaker.Call{Tenant: "acme", AgentKey: "seller", Origin: "o", OperationID: "op_1", Created: start}
	a, err := b.Allow(t.Context(), call)
	if a.Reason != "" || err != nil {
		t.Fatal(a, err)
	}
	f.store.fault = func() (before, after error) { return errors.ErrUnsupported, nil }
	a.Permit.Report(t.Context(), breaker.Report{Result: breaker.ResultRateLimited, RetryAfter: time.Minute})
	a, err = b.Allow(t.Context(), call)
	if a.Slot.Before(start.Add(time.Minute)) || a.Reason != circuit.BackingOff || err != nil {
		t.Errorf("got %+v, %v", a, err)
	}
	another := call
	another.AgentKey = "another"
	if a, err := b.Allow(t.Context(), another); a.Reason != "" || err != nil {
		t.Errorf("another agent: %+v, %v", a, err)
	}
	// The end of the context is the only error.
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	call.AgentKey = "third"
	if _, err := b.Allow(ctx, call); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// A place that could not be given back ends by itself: an outage of the store takes no capacity for
// longer than a call may last.
func TestPlacesEndByThemselves(t *testing.T) {
	t.Parallel()
	p := circuit.Default
	p.Burst = float64(p.InFlight)
	f := newFleetWith(t, 1, 1, p, breaker.DefaultBounds)
	f.answerWith(breaker.ResultAnswered, time.Second)
	for range f.policy.InFlight {
		f.call(f.newOp(nil))
	}
	f.store.fault = func() (before, after error) { return errors.ErrUnsupported, nil }
	f.run(2 * time.Second)
	f.store.fault = nil
	if n := len(f.gate().Leases); n != f.policy.InFlight {
		t.Fatalf("%d leases", n)
	}
	f.call(f.newOp(nil))
	f.reconcile()
	if f.run(f.lease - time.Second); f.permits > f.policy.InFlight {
		t.Fatal("a place was taken twice")
	}
	if f.run(f.lease + 2*time.Minute); f.permits != f.policy.InFlight+1 || len(f.ops) != 0 {
		t.Errorf("%d permits, waiting: %v", f.permits, f.waiting())
	}
}

func TestUnreadableDocumentIsOverwritten(t *testing.T) {
	t.Parallel()
	f := newFleet(t, 1, 1)
	unreadable := store.Document{Version: 1, Body: []byte(`{"opens":"x"}`)}
	if err := f.store.PutCircuit(t.Context(), "acme", "seller", unreadable); err != nil {
		t.Fatal(err)
	}
	a, err := f.breakers[0].Allow(t.Context(), breaker.Call{Tenant: "acme", AgentKey: "seller", OperationID: "op_1"})
	if a.Reason != "" || err != nil {
		t.Fatalf("got %+v, %v", a, err)
	}
	a.Permit.Report(t.Context(), breaker.Report{Result: breaker.ResultNoAnswer})
	if f.state().Failures != 1 {
		t.Errorf("got %+v", f.state())
	}
}
