package breaker_test

import (
	"context"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"adcp-orchestrator/pkg/breaker"
	"adcp-orchestrator/pkg/circuit"
	"adcp-orchestrator/pkg/store/memory"
)

// How the agent behaves for a minute. The other values up to behaviors are a healthy agent.
const (
	silent    = 1
	denying   = 2
	limiting  = 3
	behaviors = 6
)

// fewer is how many of n seeds a test tries: a quarter of them with go test -short.
func fewer(n uint64) uint64 {
	if testing.Short() {
		return n / 4
	}
	return n
}

// Eight processes call an agent whose behavior changes. Processes die, and others write between
// each read and write.
func TestNoCallBeyondTheLimits(t *testing.T) {
	t.Parallel()
	seen := map[circuit.Reason]int{}
	permits, closings, seeds := 0, uint64(0), fewer(12)
	for seed := range seeds {
		f := newFleet(t, seed, 8)
		behavior := 0
		f.answer = func() (breaker.Report, time.Duration, bool) {
			takes := time.Duration(f.r.ExpFloat64() * float64(300*time.Millisecond))
			switch dies := f.r.IntN(100) == 0; {
			case behavior == silent && f.r.IntN(10) > 0, f.r.IntN(50) == 0:
				return breaker.Report{Result: breaker.ResultNoAnswer}, min(takes*20, f.lease), dies
			case behavior == denying:
				return breaker.Report{Result: breaker.ResultDenied}, takes, dies
			case behavior == limiting && f.r.IntN(5) == 0:
				after := time.Duration(1+f.r.IntN(60)) * time.Second
				return breaker.Report{Result: breaker.ResultRateLimited, RetryAfter: after}, takes, dies
			case f.r.IntN(200) == 0:
				return breaker.Report{Result: breaker.ResultUnknown}, takes, dies
			default:
				return breaker.Report{Result: breaker.ResultAnswered}, takes, dies
			}
		}
		f.store.beforeWrite = func() {
			if f.depth < 2 && f.r.IntN(3) == 0 {
				f.depth++
				f.call(func() {})
				f.depth--
			}
		}
		for range 100 { // 50 calls per second, more than the bucket gives
			f.loop(2 * time.Second)
		}
		for minute := range 20 {
			behavior = f.r.IntN(behaviors)
			f.run(time.Duration(minute+1) * time.Minute)
		}
		for k, n := range f.waits {
			seen[k] += n
		}
		permits += f.permits
		if !f.lastClose.IsZero() {
			closings++
		}
	}
	if seen[circuit.Open] == 0 || seen[circuit.BackingOff] == 0 || seen[circuit.Limited] == 0 || closings < seeds/2 {
		t.Errorf("not every case occurred: %v, %d closings", seen, closings)
	}
	t.Logf("%d permits, waits %v", permits, seen)
}

// However long an agent was away, the circuit closes within one open time of its return.
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
		for range 1 + f.r.IntN(50) {
			f.loop(time.Second)
		}
		f.run(away)
		last := f.state()
		// The open time that runs at the agent's return, or the next one if a probe is lost just then. A
		// waiting caller comes at most a quarter late, and a call takes a second.
		longest := min(circuit.Default.MinOpen<<min(last.Opens, 20), circuit.Default.MaxOpen)
		limit := away + time.Duration(1.25*1.25*float64(longest)) + 15*time.Second
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

// Many goroutines of many processes call at one moment: there are no more permits than tokens in
// the bucket, and only one probe when an open circuit's time is over.
func TestConcurrentCallsStayWithinTheLimits(t *testing.T) {
	t.Parallel()
	now := start
	clock := func() time.Time { return now }
	store := memory.New(clock)
	var breakers []*breaker.Breaker
	for range 8 {
		breakers = append(breakers, breaker.New(store, circuit.Default, time.Minute, clock, rand.Float64))
	}
	rush := func() (permits []breaker.Permit) {
		var wg sync.WaitGroup
		var mu sync.Mutex
		for _, b := range breakers {
			for range 8 {
				wg.Go(func() {
					for range 20 {
						permit, wait, _, err := b.Allow(context.Background(), "acme", "seller")
						if err != nil {
							t.Error(err)
						}
						if wait == 0 {
							mu.Lock()
							permits = append(permits, permit)
							mu.Unlock()
						}
					}
				})
			}
		}
		wg.Wait()
		return permits
	}
	permits := rush()
	if p := circuit.Default; float64(len(permits)) > p.Burst-p.Rate*p.TokenLife.Seconds() || len(permits) < 20 {
		t.Errorf("%d permits at once", len(permits))
	}
	var wg sync.WaitGroup
	for _, p := range permits {
		wg.Go(func() { p.Report(context.Background(), breaker.Report{Result: breaker.ResultNoAnswer}) })
	}
	wg.Wait()
	if permits := rush(); len(permits) != 0 {
		t.Errorf("%d calls while open", len(permits))
	}
	now = now.Add(10 * time.Second)
	if permits = rush(); len(permits) != 1 || !permits[0].Probe() {
		t.Fatalf("%d calls when the circuit became half-open", len(permits))
	}
	permits[0].Report(context.Background(), breaker.Report{Result: breaker.ResultAnswered})
	if permits := rush(); len(permits) < 20 {
		t.Errorf("%d calls after closing", len(permits))
	}
}

func TestNilBreakerAllowsEveryCall(t *testing.T) {
	t.Parallel()
	var none *breaker.Breaker
	permit, wait, _, err := none.Allow(t.Context(), "acme", "seller")
	if permit.Report(t.Context(), breaker.Report{Result: breaker.ResultDenied}); wait != 0 || err != nil {
		t.Errorf("got %v, %v", wait, err)
	}
}
