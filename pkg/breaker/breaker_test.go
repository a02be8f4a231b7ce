package breaker_test

import (
	"context"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"adcp-orchestrator/pkg/breaker"
	"adcp-orchestrator/pkg/circuit"
	"adcp-orchestrator/pkg/store/memory"
)

// How the agent behaves for a minute. The other values up to behaviors are a healthy agent.
const (
	failing   = 1
	denying   = 2
	limiting  = 3
	hanging   = 4
	behaviors = 7
)

// fewer is how many of n seeds a test tries: a quarter of them with go test -short.
func fewer(n uint64) uint64 {
	if testing.Short() || few {
		return n / 4
	}
	return n
}

// Eight processes call an agent whose behavior changes. Processes die, and others write before each
// write and between two. No bound is ever passed, and whoever waits comes to his turn.
func TestNoCallBeyondTheLimits(t *testing.T) {
	t.Parallel()
	seen := map[circuit.Reason]int{}
	permits, closings, seeds := 0, uint64(0), fewer(8)
	for seed := range seeds {
		policy := circuit.Default
		if seed%2 == 1 { // the rate is what bounds the calls
			policy.InFlight = 200
		}
		f := newFleetWith(t, seed, 8, policy, breaker.DefaultBounds)
		behavior := 0
		f.answer = func() (breaker.Report, time.Duration, bool) { return f.behave(behavior) }
		f.store.beforeWrite = func() {
			if f.depth < 2 && f.r.IntN(20) == 0 {
				f.depth++
				f.call(f.newOp(nil))
				f.depth--
			}
			if f.r.IntN(2000) == 0 {
				panic(died{})
			}
		}
		f.reconcile()
		for range 60 { // 60 calls per second, more than the rate
			f.loop(time.Second)
		}
		for minute := range 10 {
			behavior = f.r.IntN(behaviors)
			f.run(time.Duration(minute+1) * time.Minute)
		}
		behavior = 0
		f.run(26 * time.Minute)
		for _, o := range f.ops {
			if f.now.Sub(o.Created) > 15*time.Minute {
				t.Errorf("seed %d: an operation of %v still waits: %+v", seed, o.Created, o)
			}
		}
		checkRate(t, f.policy, map[circuit.GateID][]time.Time{sellersGate: f.store.slots[sellersGate]})
		for k, n := range f.waits {
			seen[k] += n
		}
		permits += f.permits
		if !f.lastClose.IsZero() {
			closings++
		}
	}
	for _, why := range []circuit.Reason{circuit.Open, circuit.BackingOff, circuit.Limited, circuit.Full} {
		if seen[why] == 0 && !testing.Short() && !few { // a few seeds do not meet everything
			t.Errorf("nobody waited for %q", why)
		}
	}
	if closings < (seeds+1)/2 {
		t.Errorf("%d closings", closings)
	}
	t.Logf("%d permits, waits %v", permits, seen)
}

// behave is what an agent answers that behaves in one of the ways above.
func (f *fleet) behave(behavior int) (r breaker.Report, takes time.Duration, dies bool) {
	takes, dies = time.Duration(f.r.ExpFloat64()*float64(300*time.Millisecond)), f.r.IntN(200) == 0
	switch {
	case behavior == hanging:
		r, takes = breaker.Report{Result: breaker.ResultNoAnswer}, 4*time.Minute
	case behavior == failing && f.r.IntN(10) > 0, f.r.IntN(50) == 0:
		r, takes = breaker.Report{Result: breaker.ResultNoAnswer}, takes*20
	case behavior == denying:
		r = breaker.Report{Result: breaker.ResultDenied}
	case behavior == limiting && f.r.IntN(5) == 0:
		r = breaker.Report{Result: breaker.ResultRateLimited, RetryAfter: time.Duration(1+f.r.IntN(60)) * time.Second}
	case f.r.IntN(200) == 0:
		r = breaker.Report{Result: breaker.ResultUnknown}
	default:
		r = breaker.Report{Result: breaker.ResultAnswered}
	}
	return r, min(takes, f.lease-time.Second), dies
}

// However long an agent was away, the circuit closes within one open time of its return, and
// one look at the lines.
func TestCircuitClosesWithinOneOpenTime(t *testing.T) {
	t.Parallel()
	for seed := range fewer(12) {
		f := newFleet(t, seed, 8)
		away := time.Duration(f.r.IntN(3600)) * time.Second
		f.answer = func() (breaker.Report, time.Duration, bool) {
			if f.now.Before(start.Add(away)) {
				return breaker.Report{Result: breaker.ResultNoAnswer}, time.Second, false
			}
			return breaker.Report{Result: breaker.ResultAnswered}, time.Second, false
		}
		f.reconcile()
		for range 1 + f.r.IntN(50) {
			f.loop(time.Second)
		}
		f.run(away)
		last := f.state()
		// The open time that runs at the agent's return, or the next one if a probe is lost just then.
		longest := min(circuit.Default.MinOpen<<min(last.Opens, 20), circuit.Default.MaxOpen)
		limit := away + time.Duration(1.25*float64(longest)) + time.Minute + 15*time.Second
		f.run(limit)
		if !f.state().Closed() {
			t.Errorf("seed %d: away for %v, not closed after %v: %+v", seed, away, limit, f.state())
		}
		count := f.permits
		if f.run(limit + 30*time.Second); f.permits == count {
			t.Errorf("seed %d: no calls after closing", seed)
		}
	}
}

// Many goroutines of many processes call at one moment: no more permits are given than calls may be
// under way, slots are distinct, and only one call probes when an open circuit's time is over.
func TestConcurrentCallsStayWithinTheLimits(t *testing.T) {
	t.Parallel()
	now := start
	clock := func() time.Time { return now }
	store := memory.New(clock)
	var ids atomic.Int64
	newID := func() string { return strconv.FormatInt(ids.Add(1), 36) }
	var breakers []*breaker.Breaker
	policy := circuit.Default
	policy.Burst = 60 // above the calls that may be under way
	for range 8 {
		breakers = append(breakers, breaker.New(store, breaker.Options{Policy: policy,
			Bounds: breaker.DefaultBounds, Lease: time.Minute, Now: clock, Jitter: rand.Float64, NewID: newID}))
	}
	rush := func() (permits []breaker.Permit) {
		var wg sync.WaitGroup
		var mu sync.Mutex
		slots := map[time.Time]bool{}
		for _, b := range breakers {
			for range 8 {
				wg.Go(func() {
					for range 20 {
						a, err := b.Allow(context.Background(), breaker.Call{Tenant: "acme", AgentKey: "seller",
							Origin: "o", OperationID: newID(), Created: start})
						mu.Lock()
						switch {
						case err != nil:
							t.Error(err)
						case a.Reason == "":
							permits = append(permits, a.Permit)
						case a.Reason == circuit.Limited && slots[a.Slot]:
							t.Errorf("two slots at %v", a.Slot)
						case a.Reason == circuit.Limited:
							slots[a.Slot] = true
						}
						mu.Unlock()
					}
				})
			}
		}
		wg.Wait()
		return permits
	}
	report := func(permits []breaker.Permit, r breaker.CallResult) {
		var wg sync.WaitGroup
		for _, p := range permits {
			wg.Go(func() { p.Report(context.Background(), breaker.Report{Result: r}) })
		}
		wg.Wait()
	}
	permits := rush()
	if len(permits) != circuit.Default.InFlight {
		t.Errorf("%d permits at once", len(permits))
	}
	report(permits, breaker.ResultNoAnswer)
	if permits := rush(); len(permits) != 0 {
		t.Errorf("%d calls while open", len(permits))
	}
	now = now.Add(10 * time.Second)
	if permits = rush(); len(permits) != 1 || !permits[0].Probe() {
		t.Fatalf("%d calls when the circuit became half-open", len(permits))
	}
	report(permits, breaker.ResultAnswered)
	g, err := store.LeaveGate(t.Context(), sellersGate, nil, time.Time{})
	if err != nil || len(g.Leases) != 0 || !g.Answered.Equal(now) {
		t.Errorf("after all calls: %+v, %v", g, err)
	}
}

// Those who reserve at one moment are told the slots that they got, not those that they saw.
func TestConcurrentReservationsAreToldDistinctSlots(t *testing.T) {
	t.Parallel()
	p := circuit.Default
	p.InFlight = 1000
	f := newFleetWith(t, 1, 1, p, breaker.Bounds{Tenant: 1000, Origin: 1000})
	f.answerWith(breaker.ResultAnswered, time.Second)
	f.store.beforeWrite = func() { // somebody else reserves just before each write
		if f.depth == 0 && f.r.IntN(2) == 0 {
			f.depth++
			f.call(f.newOp(nil))
			f.depth--
		}
	}
	for range 200 {
		f.call(f.newOp(nil))
	}
	slots := map[time.Time]bool{}
	for _, o := range f.ops {
		if slots[o.slot] && !o.slot.IsZero() {
			t.Errorf("two slots at %v", o.slot)
		}
		slots[o.slot] = true
	}
	if len(slots) < 100 {
		t.Errorf("only %d slots", len(slots))
	}
}

func TestNilBreakerAllowsEveryCall(t *testing.T) {
	t.Parallel()
	var none *breaker.Breaker
	a, err := none.Allow(t.Context(), breaker.Call{Tenant: "acme", AgentKey: "seller"})
	if room := a.Permit.Report(t.Context(), breaker.Report{Result: breaker.ResultDenied}); room != nil ||
		a.Reason != "" || err != nil {
		t.Errorf("got %+v, %v", a, err)
	}
	if err := none.Hurry(t.Context(), "acme", "seller"); err != nil {
		t.Error(err)
	}
}
