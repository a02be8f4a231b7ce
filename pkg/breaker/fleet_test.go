package breaker_test

import (
	"cmp"
	"context"
	"encoding/json"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"adcp-orchestrator/pkg/breaker"
	"adcp-orchestrator/pkg/circuit"
	"adcp-orchestrator/pkg/store"
	"adcp-orchestrator/pkg/store/memory"
)

var start = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// countingStore counts the requests to a store.
type countingStore struct {
	breaker.Store
	reads, writes atomic.Int64
	// beforeWrite stands for what other processes do between a read and a write.
	beforeWrite func()
	// fault may fail a request, before or after it took effect.
	fault func() (before, after error)
}

func (c *countingStore) Circuit(ctx context.Context, tenant, agentID string) (store.Document, error) {
	c.reads.Add(1)
	if c.fault != nil {
		if before, after := c.fault(); before != nil || after != nil {
			return store.Document{}, cmp.Or(before, after)
		}
	}
	return c.Store.Circuit(ctx, tenant, agentID)
}

func (c *countingStore) PutCircuit(ctx context.Context, tenant, agentID string, d store.Document) error {
	c.writes.Add(1)
	if c.beforeWrite != nil {
		c.beforeWrite()
	}
	if c.fault != nil {
		before, after := c.fault()
		if before != nil {
			return before
		}
		if err := c.Store.PutCircuit(ctx, tenant, agentID, d); err != nil {
			return err
		}
		return after
	}
	return c.Store.PutCircuit(ctx, tenant, agentID, d)
}

// fleet is a number of processes that share a store and a virtual clock.
type fleet struct {
	t        *testing.T
	r        *rand.Rand
	now      time.Time
	store    *countingStore
	breakers []*breaker.Breaker // one per process
	events   []event            // by time
	lease    time.Duration
	// answer returns what the agent answers to a call now, and how long that takes. If the process
	// dies, the call is never reported.
	answer func() (r breaker.Report, takes time.Duration, dies bool)

	level        float64 // of a bucket that pays for every call: never below 0
	levelAt      time.Time
	strict       bool // the store does not fail, so no change may be lost
	backOffUntil time.Time
	leases       []time.Time // the ends of the probes under way
	permits      int
	waits        map[circuit.Reason]int
	lastClose    time.Time
	depth        int // of calls inside beforeWrite
}

type event struct {
	at time.Time
	do func()
}

func newFleet(t *testing.T, seed uint64, processes int) *fleet {
	f := &fleet{
		t:       t,
		r:       rand.New(rand.NewPCG(seed, 7)),
		now:     start,
		lease:   time.Minute,
		level:   circuit.Default.Burst,
		levelAt: start,
		strict:  true,
		waits:   map[circuit.Reason]int{},
	}
	clock := func() time.Time { return f.now }
	f.store = &countingStore{Store: memory.New(clock)}
	for range processes {
		f.breakers = append(f.breakers, breaker.New(f.store, circuit.Default, f.lease, clock, f.r.Float64))
	}
	return f
}

// answerWith makes the agent give the same answer to every call.
func (f *fleet) answerWith(result breaker.CallResult, takes time.Duration) {
	f.answer = func() (breaker.Report, time.Duration, bool) { return breaker.Report{Result: result}, takes, false }
}

func (f *fleet) after(d time.Duration, do func()) {
	e := event{f.now.Add(d), do}
	i, _ := slices.BinarySearchFunc(f.events, e, func(a, b event) int { return cmp.Or(a.at.Compare(b.at), -1) })
	f.events = slices.Insert(f.events, i, e)
}

func (f *fleet) run(until time.Duration) {
	for len(f.events) > 0 && !f.events[0].at.After(start.Add(until)) {
		e := f.events[0]
		f.events = f.events[1:]
		f.now = e.at
		e.do()
	}
}

func (f *fleet) state() (s circuit.State) {
	if d, err := f.store.Store.Circuit(f.t.Context(), "acme", "seller"); err == nil {
		if err := json.Unmarshal(d.Body, &s); err != nil {
			f.t.Fatal(err)
		}
	}
	return s
}

// call makes one call from a random process, after all waits, and then runs done.
func (f *fleet) call(done func()) {
	f.t.Helper()
	before := f.state()
	permit, wait, reason, err := f.breakers[f.r.IntN(len(f.breakers))].Allow(f.t.Context(), "acme", "seller")
	if err != nil {
		f.t.Fatalf("Allow: %v", err)
	}
	if wait > 0 {
		if f.waits[reason]++; reason == "" || wait > circuit.Default.MaxOpen*2+time.Hour {
			f.t.Fatalf("wait %v for %q", wait, reason)
		}
		f.after(wait, func() { f.call(done) })
		return
	}
	f.permits++
	if f.strict {
		f.checkPermit(before, permit)
	} else if permit.Probe() {
		f.startProbe()
	}
	report, takes, dies := f.answer()
	lease := len(f.leases) - 1
	if dies {
		f.after(f.lease, done) // the workflow tries again later
		return
	}
	f.after(takes, func() {
		if permit.Probe() {
			f.leases[lease] = time.Time{}
		}
		closed := f.state().Closed()
		permit.Report(f.t.Context(), report)
		if f.strict && !closed && f.state().Closed() {
			f.lastClose = f.now
		}
		until := f.now.Add(report.RetryAfter)
		if report.Result == breaker.ResultRateLimited && until.After(f.backOffUntil) {
			f.backOffUntil = until
		}
		done()
	})
}

func (f *fleet) startProbe() {
	for _, until := range f.leases {
		if f.now.Before(until) {
			f.t.Fatal("two probes at once")
		}
	}
	f.leases = append(f.leases, f.now.Add(f.lease))
}

// checkPermit fails the test if the permit must not have been given.
func (f *fleet) checkPermit(before circuit.State, permit breaker.Permit) {
	f.t.Helper()
	p := circuit.Default
	switch {
	case !before.Closed() && f.now.Before(before.OpenUntil):
		f.t.Fatalf("a call at %v while open: %+v", f.now, before)
	case !before.Closed() && !permit.Probe():
		f.t.Fatalf("a call that is no probe while half-open: %+v", before)
	case f.now.Before(f.backOffUntil):
		f.t.Fatalf("a call at %v, backing off until %v", f.now, f.backOffUntil)
	}
	if permit.Probe() {
		f.startProbe()
	}
	f.level = min(p.Burst, f.level+p.Rate*f.now.Sub(f.levelAt).Seconds()) - 1
	if f.levelAt = f.now; f.level < -1e-6 {
		f.t.Fatalf("more calls than rate and burst allow: %v too many", -f.level)
	}
}

// loop starts a workflow that calls again and again, with a gap of about that length between calls.
func (f *fleet) loop(gap time.Duration) {
	var again func()
	again = func() { f.after(time.Duration(f.r.ExpFloat64()*float64(gap)), func() { f.call(again) }) }
	again()
}
