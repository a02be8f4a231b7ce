package breaker_test

import (
	"cmp"
	"container/heap"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"adcp-orchestrator/pkg/breaker"
	"adcp-orchestrator/pkg/circuit"
	"adcp-orchestrator/pkg/store/memory"
)

var start = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// fleet is a number of processes that share a store and a virtual clock. They make the calls of
// operations, as package orchestrator does.
type fleet struct {
	t        *testing.T
	r        *rand.Rand
	now      time.Time
	store    *countingStore
	breakers []*breaker.Breaker // one per process
	events   events
	policy   circuit.Policy
	bounds   breaker.Bounds
	lease    time.Duration
	// answer returns what the agent answers to a call now, and how long that takes. If the process
	// dies, the call is never reported.
	answer func() (r breaker.Report, takes time.Duration, dies bool)
	// forgetful operations do not ask again while they wait in line: only others can help them.
	forgetful bool

	ops          map[string]*op       // that want to make a call
	strict       bool                 // the store does not fail, so no change may be lost
	backOffUntil map[string]time.Time // by agent
	probes       []time.Time          // the ends of the probes under way
	underWay     map[string]int
	most         map[string]int // of underWay
	permits      int
	rounds       map[int]int // how many calls took so many rounds
	waits        map[circuit.Reason]int
	called       []*op
	lastClose    time.Time
	depth        int // of calls inside beforeWrite
	ids          int
}

// op is an operation that wants to make a call.
type op struct {
	circuit.Waiter
	agent, origin string
	poll          bool
	// Its admission, as package operation has it.
	slot   time.Time
	gate   circuit.GateKind
	since  time.Time
	asked  int
	rounds int
	calls  int
	// plan counts its plans: each replaces the one before.
	plan    int
	version int
	done    func()
}

type event struct {
	at time.Time
	n  int
	do func()
}

// events are a heap, by time and then in the order in which they were planned.
type events struct {
	all []event
	n   int
}

func (e *events) Len() int { return len(e.all) }
func (e *events) Less(i, j int) bool {
	return cmp.Or(e.all[i].at.Compare(e.all[j].at), e.all[i].n-e.all[j].n) < 0
}
func (e *events) Swap(i, j int) { e.all[i], e.all[j] = e.all[j], e.all[i] }
func (e *events) Push(x any)    { e.all = append(e.all, x.(event)) }
func (e *events) Pop() any {
	last := e.all[len(e.all)-1]
	e.all = e.all[:len(e.all)-1]
	return last
}

func newFleet(t *testing.T, seed uint64, processes int) *fleet {
	t.Helper()
	return newFleetWith(t, seed, processes, circuit.Default, breaker.DefaultBounds)
}

func newFleetWith(t *testing.T, seed uint64, processes int, p circuit.Policy, bounds breaker.Bounds) *fleet {
	t.Helper()
	f := &fleet{
		t: t, r: rand.New(rand.NewPCG(seed, 7)), now: start, policy: p, bounds: bounds, lease: 5 * time.Minute, strict: true,
		ops: map[string]*op{}, underWay: map[string]int{}, most: map[string]int{}, rounds: map[int]int{},
		waits: map[circuit.Reason]int{}, backOffUntil: map[string]time.Time{},
	}
	clock := func() time.Time { return f.now }
	f.store = &countingStore{Store: memory.New(clock), now: clock, slots: map[circuit.GateID][]time.Time{}}
	for range processes {
		f.breakers = append(f.breakers, breaker.New(f.store, breaker.Options{Policy: p, Bounds: bounds, Lease: f.lease,
			Now: clock, Jitter: f.r.Float64, NewID: func() string { f.ids++; return fmt.Sprint(f.ids) }}))
	}
	return f
}

// answerWith makes the agent give the same answer to every call.
func (f *fleet) answerWith(result breaker.CallResult, takes time.Duration) {
	f.answer = func() (breaker.Report, time.Duration, bool) { return breaker.Report{Result: result}, takes, false }
}

func (f *fleet) after(d time.Duration, do func()) {
	f.events.n++
	heap.Push(&f.events, event{f.now.Add(d), f.events.n, do})
}

func (f *fleet) run(until time.Duration) {
	for f.events.Len() > 0 && !f.events.all[0].at.After(start.Add(until)) {
		e := heap.Pop(&f.events).(event)
		f.now = e.at
		e.do()
	}
	f.now = start.Add(until)
}

// process is a random process.
func (f *fleet) process() *breaker.Breaker { return f.breakers[f.r.IntN(len(f.breakers))] }

// state is the circuit of the agent that most tests call.
func (f *fleet) state() circuit.State {
	return f.stateOf(&op{Waiter: circuit.Waiter{Tenant: "acme"}, agent: "seller"})
}

func (f *fleet) stateOf(o *op) (s circuit.State) {
	if d, err := f.store.Store.Circuit(f.t.Context(), o.Tenant, o.agent); err == nil {
		if err := json.Unmarshal(d.Body, &s); err != nil {
			f.t.Fatal(err)
		}
	}
	return s
}

// gate reads the gate of the agent.
func (f *fleet) gate() circuit.Gate {
	g, err := f.store.Store.LeaveGate(f.t.Context(), sellersGate, nil, time.Time{})
	if err != nil {
		f.t.Fatal(err)
	}
	return g
}

var sellersGate = circuit.GateID{Kind: circuit.AgentGate, Tenant: "acme", Name: "seller"}

// newOp is an operation that was created now.
func (f *fleet) newOp(done func()) *op {
	f.ids++
	id := fmt.Sprintf("op_%09d", f.ids)
	w := circuit.Waiter{Tenant: "acme", OperationID: id, Created: f.now.Truncate(time.Millisecond)}
	o := &op{Waiter: w, agent: "seller", origin: "https://seller.example", done: done}
	f.ops[o.OperationID] = o
	return o
}

// at plans what an operation does next, instead of what it had planned.
func (f *fleet) at(o *op, d time.Duration) {
	o.plan++
	plan := o.plan
	f.after(max(0, d), func() {
		if o.plan == plan {
			f.call(o)
		}
	})
}

// startProbe fails the test if two probes are under way.
func (f *fleet) startProbe() (n int) {
	for _, until := range f.probes {
		if f.now.Before(until) {
			f.t.Fatal("two probes at once")
		}
	}
	f.probes = append(f.probes, f.now.Add(f.lease))
	return len(f.probes) - 1
}

// checkPermit fails the test if the permit must not have been given.
func (f *fleet) checkPermit(o *op, before circuit.State, permit breaker.Permit) {
	f.t.Helper()
	switch {
	case !before.Closed() && f.now.Before(before.OpenUntil):
		f.t.Fatalf("a call at %v while open: %+v", f.now, before)
	case !before.Closed() && !permit.Probe():
		f.t.Fatalf("a call that is no probe while half-open: %+v", before)
	case f.now.Before(f.backOffUntil[o.agent]):
		f.t.Fatalf("a call at %v, backing off until %v", f.now, f.backOffUntil[o.agent])
	}
}

// begin counts a call that is under way at each gate, and fails the test if it is one too many.
func (f *fleet) begin(o *op) (end func()) {
	for what, limit := range map[string]int{
		"agent " + o.Tenant + o.agent: f.policy.InFlight,
		"tenant " + o.Tenant:          f.bounds.Tenant,
		"origin " + o.origin:          f.bounds.Origin,
	} {
		f.underWay[what]++
		f.most[what] = max(f.most[what], f.underWay[what])
		if f.strict && f.underWay[what] > limit {
			f.t.Fatalf("%d calls under way, %s", f.underWay[what], what)
		}
	}
	return func() {
		f.underWay["agent "+o.Tenant+o.agent]--
		f.underWay["tenant "+o.Tenant]--
		f.underWay["origin "+o.origin]--
	}
}

// loop starts a workflow that calls again and again, with a gap of about that length between calls.
func (f *fleet) loop(gap time.Duration) {
	var again func()
	again = func() {
		f.after(time.Duration(f.r.ExpFloat64()*float64(gap)), func() { f.call(f.newOp(again)) })
	}
	again()
}
