package breaker_test

import (
	"slices"
	"testing"
	"time"

	"adcp-orchestrator/pkg/breaker"
	"adcp-orchestrator/pkg/circuit"
)

// roundsOf is how many rounds most and all calls took.
func (f *fleet) roundsOf() (mean float64, most int) {
	calls, rounds := 0, 0
	for r, n := range f.rounds {
		calls, rounds, most = calls+n, rounds+n*r, max(most, r)
	}
	return float64(rounds) / float64(max(1, calls)), most
}

// A thousand calls at once at an idle gate: a burst goes, the others get slots at the rate, and
// each comes back once.
func TestThousandCallsAtOnce(t *testing.T) {
	t.Parallel()
	for name, inFlight := range map[string]int{"bounded by the rate": 1000, "bounded by the calls under way": 50} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := circuit.Default
			p.InFlight = inFlight
			bounds := breaker.Bounds{Tenant: 1000, Origin: 1000}
			f := newFleetWith(t, 1, 8, p, bounds)
			f.answerWith(breaker.ResultAnswered, 300*time.Millisecond)
			f.reconcile()
			for range 1000 {
				f.call(f.newOp(nil))
			}
			if want := min(inFlight, int(p.Burst)); f.permits != want {
				t.Errorf("%d calls at once, want %d", f.permits, want)
			}
			took := time.Duration(0)
			for len(f.ops) > 0 && took < 10*time.Minute {
				took += time.Second
				f.run(took)
			}
			checkRate(t, p, map[circuit.GateID][]time.Time{sellersGate: f.store.slots[sellersGate]})
			mean, most := f.roundsOf()
			t.Logf("%v, rounds %v, mean %.2f, %v under way at most, %d reads and %d writes", took, f.rounds, mean,
				f.most, f.store.reads.Load(), f.store.writes.Load())
			if slots := len(f.store.slots[sellersGate]); inFlight == 1000 && (most > 2 || slots != 1000) {
				t.Errorf("%d rounds, %d slots", most, slots)
			}
			if mean > 2.1 || took > 65*time.Second || len(f.ops) > 0 {
				t.Errorf("%v, %.2f rounds", took, mean)
			}
		})
	}
}

// An agent that accepts calls and never answers holds no more calls than may be under way, for
// hours, and its circuit opens while the first ones still hang.
func TestSilentAgentOpensTheCircuit(t *testing.T) {
	t.Parallel()
	hours := max(1, int(fewer(2)))
	for name, gap := range map[string]time.Duration{"many calls": 500 * time.Millisecond, "few calls": 2 * time.Second} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFleet(t, 1, 8)
			f.answer = func() (breaker.Report, time.Duration, bool) {
				return breaker.Report{Result: breaker.ResultNoAnswer}, 240 * time.Second, false
			}
			f.reconcile()
			var arrive func()
			arrive = func() { f.call(f.newOp(nil)); f.after(gap, arrive) }
			arrive()
			opened := time.Duration(0)
			for at := time.Duration(0); at < 5*time.Minute && opened == 0; at += time.Second {
				if f.run(at); !f.state().Closed() {
					opened = at
				}
			}
			// The fifth call has to be old enough, and somebody to come.
			if limit := f.policy.SilentAfter + 5*gap + 2*time.Second; opened == 0 || opened > limit {
				t.Errorf("opened after %v, not within %v", opened, limit)
			}
			f.run(10 * time.Minute)
			count := f.permits
			f.run(10*time.Minute + time.Duration(hours)*time.Hour)
			if n := f.permits - count; n > hours*60/5+1 { // probes
				t.Errorf("%d calls in %d hours", n, hours)
			}
			t.Logf("opened after %v, %d calls, %v under way at most", opened, f.permits, f.most)
		})
	}
}

// An agent that answers each call after a minute keeps working: no call fails, and as many are
// under way as may be. Its circuit may open for the calls that hang, but their answers close
// it.
func TestSlowAgentKeepsWorking(t *testing.T) {
	t.Parallel()
	for _, together := range []bool{false, true} {
		f := newFleet(t, 1, 8)
		f.answerWith(breaker.ResultAnswered, time.Minute)
		f.reconcile()
		if together {
			for range 2000 {
				f.call(f.newOp(nil))
			}
		} else { // twice as many as it can do
			var arrive func()
			arrive = func() { f.call(f.newOp(nil)); f.after(time.Minute/100, arrive) }
			arrive()
		}
		f.run(5 * time.Minute)
		before := len(f.called)
		f.run(25 * time.Minute)
		perMinute := float64(len(f.called)-before) / 20
		mean, most := f.roundsOf()
		t.Logf("together %v: %.1f calls a minute, rounds %.2f, at most %d, waits %v", together, perMinute, mean, most,
			f.waits)
		if perMinute < 0.85*float64(f.policy.InFlight) {
			t.Errorf("together %v: %.1f calls a minute", together, perMinute)
		}
	}
}

// After an outage of six hours, ten thousand operations that waited are called within a quarter
// of an hour at the agent's rate, the oldest first, and new ones behind them.
func TestTenThousandWaitForAnAgent(t *testing.T) {
	t.Parallel()
	const outage = 6 * time.Hour
	n := 10_000
	if testing.Short() || few {
		n = 2000
	}
	f := newFleet(t, 1, 8)
	back := start.Add(outage)
	f.answer = func() (breaker.Report, time.Duration, bool) {
		if f.now.Before(back) {
			return breaker.Report{Result: breaker.ResultNoAnswer}, time.Second, false
		}
		return breaker.Report{Result: breaker.ResultAnswered}, 500 * time.Millisecond, false
	}
	f.reconcile()
	for i := range n {
		f.after(outage*time.Duration(i)/time.Duration(n), func() { f.call(f.newOp(nil)) })
	}
	f.run(outage)
	tried := f.permits
	cost := [2]int64{f.store.reads.Load(), f.store.writes.Load()}
	t.Logf("six hours: %d calls, %d reads, %d writes, waits %v", tried, cost[0], cost[1], f.waits)
	var arrive func() // new ones, half as many as the rate allows
	arrive = func() { f.call(f.newOp(nil)); f.after(100*time.Millisecond, arrive) }
	arrive()
	f.called = nil
	closed := time.Duration(0)
	done := func() bool {
		return !slices.ContainsFunc(f.oldest(1), func(o *op) bool { return o.Created.Before(back) })
	}
	took := time.Duration(0)
	for took < time.Hour && !done() {
		took += 5 * time.Second
		f.run(outage + took)
		if closed == 0 && f.state().Closed() {
			closed = took
		}
	}
	checkRate(t, f.policy, map[circuit.GateID][]time.Time{sellersGate: f.store.slots[sellersGate]})
	old, early := 0, f.passed()
	for _, o := range f.called {
		if o.Created.Before(back) {
			old++
		}
	}
	mean, most := f.roundsOf()
	t.Logf("closed after %v, done after %v: %d old and %d new ones; half of them passed at most %d older ones, "+
		"99 of 100 %d; rounds %.2f, at most %d; %.2f reads and %.2f writes for each", closed, took, old, len(f.called)-old,
		early[len(early)/2], early[len(early)*99/100], mean, most,
		float64(f.store.reads.Load()-cost[0])/float64(len(f.called)),
		float64(f.store.writes.Load()-cost[1])/float64(len(f.called)))
	perRate := time.Duration(float64(n)/f.policy.Rate) * time.Second
	if took > closed+perRate+time.Minute || closed > 7*time.Minute {
		t.Errorf("closed after %v, done after %v", closed, took)
	}
	// Those who have a slot already when the circuit closes, and a few whose slots come together.
	if p99 := early[len(early)*99/100]; p99 > 3*f.policy.InFlight || len(f.called)-old > 2*f.policy.InFlight {
		t.Errorf("one of a hundred passed %d older ones, %d new ones passed old ones", p99, len(f.called)-old)
	}
}

// passed is how many older ones each call passed, sorted.
func (f *fleet) passed() (all []int) {
	var later []time.Time // of those called after, sorted
	for _, o := range slices.Backward(f.called) {
		n, _ := slices.BinarySearchFunc(later, o.Created, time.Time.Compare)
		all = append(all, n)
		later = slices.Insert(later, n, o.Created)
	}
	slices.Sort(all)
	return all
}

// oldest are the oldest operations that wait.
func (f *fleet) oldest(n int) (all []*op) {
	for _, o := range f.ops {
		all = append(all, o)
	}
	slices.SortFunc(all, func(a, b *op) int { return a.Created.Compare(b.Created) })
	return all[:min(n, len(all))]
}
