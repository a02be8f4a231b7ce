package breaker_test

import (
	"fmt"
	"testing"
	"time"

	"adcp-orchestrator/pkg/breaker"
	"adcp-orchestrator/pkg/circuit"
)

// Many tenants call many agents, of which some share an origin. Neither a tenant nor an origin
// ever has more calls under way than its bound, no agent's either, and everybody comes to his
// turn, although processes die.
func TestTenantAndOriginBoundsHold(t *testing.T) {
	t.Parallel()
	for seed := range fewer(8) {
		p := circuit.Default
		p.InFlight = 8
		f := newFleetWith(t, seed, 8, p, breaker.Bounds{Tenant: 12, Origin: 15})
		f.lease = 5 * time.Minute
		f.answer = func() (breaker.Report, time.Duration, bool) {
			takes := time.Duration(f.r.ExpFloat64() * float64(2*time.Second))
			return breaker.Report{Result: breaker.ResultAnswered}, min(takes, time.Minute), f.r.IntN(100) == 0
		}
		f.store.beforeWrite = func() {
			if f.r.IntN(2000) == 0 {
				panic(died{})
			}
		}
		f.reconcile()
		arrive := func() {
			o := f.newOp(nil)
			n := f.r.IntN(12) // agents; each origin has two of them
			o.Tenant, o.agent = fmt.Sprint("tenant-", f.r.IntN(3)), fmt.Sprint("agent-", n)
			o.origin = fmt.Sprint("https://", n/6)
			o.poll = f.r.IntN(2) == 0
			f.call(o)
		}
		for range 200 { // at once
			arrive()
		}
		for i := range 3000 { // 10 calls in a second, as many as the tenants' bounds let through
			f.after(time.Duration(i)*100*time.Millisecond, arrive)
		}
		f.run(40 * time.Minute)
		if len(f.ops) > 0 {
			t.Errorf("seed %d: %d wait: %v", seed, len(f.ops), f.waiting()[:1])
		}
		full := 0
		for what, most := range f.most {
			limit := map[byte]int{'a': p.InFlight, 't': 12, 'o': 15}[what[0]]
			if most > limit {
				t.Errorf("seed %d: %d under way, %s", seed, most, what)
			}
			if most == limit {
				full++
			}
		}
		checkRate(t, p, f.store.slots)
		mean, most := f.roundsOf()
		t.Logf("seed %d: rounds %.2f, at most %d; %d gates were full; waits %v; %d writes for %d calls", seed, mean, most,
			full, f.waits, f.store.writes.Load(), f.permits)
		if full < 2 {
			t.Errorf("seed %d: only %d gates were full", seed, full)
		}
	}
}

// An agent that asked for an hour keeps only its own calls waiting, although the oldest of
// those who wait in its tenant's line is one of them.
func TestAgentThatAskedForTimeHoldsNobodyElseUp(t *testing.T) {
	t.Parallel()
	f := newFleetWith(t, 1, 1, circuit.Default, breaker.Bounds{Tenant: 2, Origin: 10})
	f.forgetful = true
	f.answer = func() (breaker.Report, time.Duration, bool) {
		return breaker.Report{Result: breaker.ResultRateLimited, RetryAfter: time.Hour}, time.Second, false
	}
	f.call(f.newOp(nil)) // limited after a second
	f.answerWith(breaker.ResultAnswered, time.Minute)
	other := func() *op {
		o := f.newOp(nil)
		o.agent, o.origin = "other", "https://other.example"
		return o
	}
	f.call(other())
	waits := f.newOp(nil)
	f.call(waits) // the tenant has two calls under way
	behind := other()
	f.call(behind)
	if waits.gate != circuit.TenantGate || behind.gate != circuit.TenantGate {
		t.Fatalf("they wait at %q and %q", waits.gate, behind.gate)
	}
	f.reconcile()
	f.run(10 * time.Minute)
	if f.ops[behind.OperationID] != nil {
		t.Errorf("still waits: %+v", behind)
	}
	if f.ops[waits.OperationID] == nil || waits.calls > 0 || waits.gate != "" {
		t.Errorf("called while the agent wants time, or still in line: %+v", waits)
	}
	f.run(2 * time.Hour)
	if len(f.ops) > 0 || waits.rounds > 3 {
		t.Errorf("wait: %v", f.waiting())
	}
}
