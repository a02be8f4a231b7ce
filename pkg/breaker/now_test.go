package breaker_test

import (
	"context"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"adcp-orchestrator/pkg/breaker"
	"adcp-orchestrator/pkg/circuit"
	"adcp-orchestrator/pkg/store/memory"
)

// nowBreaker is a breaker at a time that does not move, in which the rate is no bound unless
// policy makes it one.
func nowBreaker(policy circuit.Policy, at *time.Time) (*breaker.Breaker, *memory.Store) {
	clock := func() time.Time { return *at }
	s := memory.New(clock)
	var ids atomic.Int64
	return breaker.New(s, breaker.Options{Policy: policy, Bounds: breaker.DefaultBounds, Lease: time.Minute, Now: clock,
		Jitter: func() float64 { return 0 }, NewID: func() string { return strconv.FormatInt(ids.Add(1), 36) }}), s
}

var (
	nowCall = breaker.Call{Tenant: "acme", AgentKey: "seller.1", Origin: "https://s:443", Now: true}
	anyTime = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
)

func fast() circuit.Policy {
	p := circuit.Default
	p.Rate, p.Burst = 10_000, 10_000
	return p
}

func operationCall(id string) breaker.Call {
	c := nowCall
	c.Now, c.OperationID, c.Created = false, id, anyTime
	return c
}

// Two hundred clients read one agent at once, and it hangs. The reads find half of the gate;
// the other half is free for operations, and nobody stands in line for an answer that he will
// not get.
func TestReadsAtOnceLeaveHalfOfTheGateToOperations(t *testing.T) {
	t.Parallel()
	at := anyTime
	b, s := nowBreaker(fast(), &at)
	var inside, refused atomic.Int64
	permits := make(chan breaker.Permit, 200)
	var all sync.WaitGroup
	for range 200 {
		all.Go(func() {
			switch a, err := b.Allow(context.Background(), nowCall); {
			case err != nil:
				t.Error(err)
			case a.Reason == "":
				inside.Add(1)
				permits <- a.Permit
			default: // full, or so many at once that the write was lost
				if !a.Slot.After(at) || a.Reserved {
					t.Errorf("refused with %+v", a)
				}
				refused.Add(1)
			}
		})
	}
	all.Wait()
	half := int64(circuit.Default.InFlight / 2)
	if inside.Load() > half || inside.Load() == 0 || inside.Load()+refused.Load() != 200 {
		t.Fatalf("%d reads are under way, %d were refused", inside.Load(), refused.Load())
	}
	for inside.Load() < half { // those who lost their writes ask again
		a, err := b.Allow(t.Context(), nowCall)
		if err != nil || a.Reason != "" {
			t.Fatalf("%d reads are under way: %+v, %v", inside.Load(), a, err)
		}
		inside.Add(1)
		permits <- a.Permit
	}
	if a, err := b.Allow(t.Context(), nowCall); err != nil || a.Reason != circuit.Full || a.Gate != circuit.AgentGate {
		t.Errorf("one more: %+v, %v", a, err)
	}
	agents := circuit.GateID{Kind: circuit.AgentGate, Tenant: "acme", Name: "seller.1"}
	if waiting, err := s.Line(t.Context(), agents, 10); err != nil || len(waiting) != 0 {
		t.Errorf("in line: %v, %v", waiting, err)
	}
	for n := range int(half) {
		if a, err := b.Allow(t.Context(), operationCall("op_"+strconv.Itoa(n))); err != nil || a.Reason != "" {
			t.Fatalf("operation %d beside the reads: %+v, %v", n, a, err)
		}
	}
	close(permits)
	for p := range permits {
		p.Report(t.Context(), breaker.Report{Result: breaker.ResultAnswered})
	}
	if g, err := s.LeaveGate(t.Context(), agents, nil, time.Time{}); err != nil || len(g.Leases) != int(half) {
		t.Errorf("%d places are taken after the reads, %v", len(g.Leases), err)
	}
}

// A read that is refused for the rate reserves nothing: else a client that asks again and again
// would push the slots of operations into the future.
func TestRefusedReadsMoveNoSlot(t *testing.T) {
	t.Parallel()
	at := anyTime
	b, s := nowBreaker(circuit.Default, &at)
	var last breaker.Answer
	for range 200 {
		a, err := b.Allow(t.Context(), nowCall)
		if err != nil {
			t.Fatal(err)
		}
		a.Permit.Report(t.Context(), breaker.Report{Result: breaker.ResultAnswered})
		last = a
	}
	if last.Reason != circuit.Limited || last.Slot.Sub(at) > time.Second || last.Reserved {
		t.Errorf("the last read: %+v", last)
	}
	agents := circuit.GateID{Kind: circuit.AgentGate, Tenant: "acme", Name: "seller.1"}
	g, err := s.LeaveGate(t.Context(), agents, nil, time.Time{})
	if err != nil || g.Next.Sub(at) > time.Second || !g.NextPoll.IsZero() {
		t.Errorf("the next slot is in %v, that of polls %v; %v", g.Next.Sub(at), g.NextPoll, err)
	}
	if a, err := b.Allow(t.Context(), operationCall("op_1")); err != nil || a.Slot.Sub(at) > time.Second {
		t.Errorf("an operation gets %+v, %v", a, err)
	}
}

// Operations that wait in line come first.
func TestReadsStandBehindTheLine(t *testing.T) {
	t.Parallel()
	at := anyTime
	b, _ := nowBreaker(fast(), &at)
	var permits []breaker.Permit
	for n := range circuit.Default.InFlight + 1 {
		a, err := b.Allow(t.Context(), operationCall("op_"+strconv.Itoa(n)))
		if err != nil {
			t.Fatal(err)
		}
		permits = append(permits, a.Permit)
	}
	for _, p := range permits[:circuit.Default.InFlight] {
		p.Report(t.Context(), breaker.Report{Result: breaker.ResultAnswered})
	}
	if a, err := b.Allow(t.Context(), nowCall); err != nil || a.Reason != circuit.Full {
		t.Errorf("with one in line and an empty gate: %+v, %v", a, err)
	}
}

// An open circuit refuses a read with the time of the next probe. Then a read may be the probe.
func TestReadFindsOutThatAnAgentIsBack(t *testing.T) {
	t.Parallel()
	at := anyTime
	b, s := nowBreaker(fast(), &at)
	for range circuit.Default.Failures {
		a, err := b.Allow(t.Context(), nowCall)
		if err != nil || a.Reason != "" {
			t.Fatalf("%+v, %v", a, err)
		}
		a.Permit.Report(t.Context(), breaker.Report{Result: breaker.ResultNoAnswer})
	}
	a, err := b.Allow(t.Context(), nowCall)
	if err != nil || a.Reason != circuit.Open || !a.Slot.After(at) {
		t.Fatalf("%+v, %v", a, err)
	}
	agents := circuit.GateID{Kind: circuit.AgentGate, Tenant: "acme", Name: "seller.1"}
	if waiting, err := s.Line(t.Context(), agents, 10); err != nil || len(waiting) != 0 {
		t.Errorf("in line: %v, %v", waiting, err)
	}
	at = a.Slot
	probe, err := b.Allow(t.Context(), nowCall)
	if err != nil || !probe.Permit.Probe() {
		t.Fatalf("%+v, %v", probe, err)
	}
	probe.Permit.Report(t.Context(), breaker.Report{Result: breaker.ResultAnswered})
	if a, err := b.Allow(t.Context(), operationCall("op_1")); err != nil || a.Reason != "" {
		t.Errorf("after the probe: %+v, %v", a, err)
	}
}
