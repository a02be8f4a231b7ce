package breaker_test

import (
	"testing"
	"time"

	"adcp-orchestrator/pkg/breaker"
	"adcp-orchestrator/pkg/circuit"
)

// A process dies before any one of the writes that it makes, or another one acts there. Nobody who
// waits in line is forgotten if somebody looks at the lines each minute, although no operation asks
// again by itself.
func TestDeathBetweenAnyTwoWritesLosesNobody(t *testing.T) {
	t.Parallel()
	writes, runs, every := 0, 0, 5
	if testing.Short() || few {
		every = 40
	}
	for _, limits := range [][3]int{{1, 100, 100}, {2, 100, 100}, {100, 1, 100}, {100, 100, 1}} {
		for _, agentDown := range []bool{false, true} {
			for act := -1; ; act += every { // the write before which another process acts
				most := 0
				for die := 0; die <= most; die++ { // the write before which the process dies
					n := dieAt(t, limits, agentDown, die, act)
					most = max(most, n)
					runs++
				}
				if writes = max(writes, most); act >= most {
					break
				}
			}
		}
	}
	t.Logf("%d runs with up to %d writes", runs, writes)
}

// dieAt runs one case, and returns how many writes were made.
func dieAt(t *testing.T, limits [3]int, agentDown bool, die, act int) (writes int) {
	t.Helper()
	p := circuit.Default
	p.Failures, p.InFlight = 2, limits[0]
	f := newFleetWith(t, uint64(die), 2, p, breaker.Bounds{Tenant: limits[1], Origin: limits[2]})
	f.forgetful = true
	f.answer = func() (breaker.Report, time.Duration, bool) {
		if agentDown && f.now.Before(start.Add(30*time.Second)) {
			return breaker.Report{Result: breaker.ResultNoAnswer}, 2 * time.Second, false
		}
		return breaker.Report{Result: breaker.ResultAnswered}, 2 * time.Second, false
	}
	f.store.beforeWrite = func() {
		if writes++; writes == die {
			panic(died{})
		}
		if writes == act && f.depth == 0 {
			f.depth++
			f.call(f.newOp(nil))
			for _, id := range []circuit.GateID{sellersGate, {Kind: circuit.TenantGate, Tenant: "acme"},
				{Kind: circuit.OriginGate, Name: "https://seller.example"}} {
				f.alive(func() { f.give(f.process(), id, 1) })
			}
			f.depth--
		}
	}
	f.reconcile()
	for i := range 4 {
		f.after(time.Duration(i)*300*time.Millisecond, func() { f.call(f.newOp(nil)) })
	}
	f.run(25 * time.Minute)
	if len(f.ops) > 0 {
		line, _ := f.store.Store.Line(t.Context(), sellersGate, 10)
		t.Fatalf("limits %v, down %v, dies at write %d, another acts at %d: %d still wait: %v; agent's line %v",
			limits, agentDown, die, act, len(f.ops), f.waiting(), line)
	}
	n := writes // nothing is left to do: nobody looks at empty lines for ever
	f.run(30 * time.Minute)
	if writes > n {
		t.Fatalf("limits %v, dies at write %d, another acts at %d: %d writes with nobody waiting", limits, die, act, writes-n)
	}
	return writes
}

// A process finds a line empty, and somebody joins it before it is marked so. If the process dies
// then, at whatever write, the gate is still among those to be looked at.
func TestWhoJoinsALineThatIsBeingClosedIsFound(t *testing.T) {
	t.Parallel()
	for die := 2; die <= 4; die++ {
		f := newFleet(t, 1, 1)
		ctx, w := t.Context(), circuit.Waiter{Tenant: "acme", OperationID: "op_1", Created: start}
		join := func(w circuit.Waiter) {
			if _, _, err := f.store.Store.JoinLine(ctx, sellersGate, w, start); err != nil {
				t.Fatal(err)
			}
		}
		join(w)
		if err := f.store.Store.LeaveLine(ctx, sellersGate, w); err != nil {
			t.Fatal(err)
		}
		writes := 0
		f.store.beforeWrite = func() {
			switch writes++; writes {
			case 1:
				join(circuit.Waiter{Tenant: "acme", OperationID: "op_2", Created: start})
			case die:
				panic(died{})
			}
		}
		f.alive(func() {
			if err := f.breakers[0].CloseLine(ctx, sellersGate); err != nil {
				t.Error(err)
			}
		})
		due, err := f.store.Store.LinesDue(ctx, start.Add(time.Minute), 10)
		if err != nil || len(due) != 1 {
			t.Errorf("dead at write %d: due %v, %v", die, due, err)
		}
	}
}

// A call joins a line just when the last one under way leaves and sees nobody: it admits itself.
func TestWhoJoinsWhenTheLastOneLeavesIsNotLeftAlone(t *testing.T) {
	t.Parallel()
	for die := range 8 { // the write before which the other one leaves
		p := circuit.Default
		p.InFlight = 1
		f := newFleetWith(t, 1, 1, p, breaker.DefaultBounds)
		f.forgetful = true
		f.answerWith(breaker.ResultAnswered, time.Hour)
		f.call(f.newOp(nil))
		leave := f.events.all[0].do
		f.events.all = nil
		f.answerWith(breaker.ResultAnswered, time.Second)
		writes := 0
		f.store.beforeWrite = func() {
			if writes++; writes == die+1 {
				leave()
			}
		}
		f.call(f.newOp(nil))
		f.run(10 * time.Second)
		if writes > die && len(f.ops) > 0 {
			t.Errorf("left before write %d: %v", die+1, f.waiting())
		}
	}
}

// Places of processes that died end by themselves, and those in line are called then.
func TestLineMovesOnWhenDeadProcessesLeasesEnd(t *testing.T) {
	t.Parallel()
	f := newFleet(t, 1, 8)
	f.forgetful = true
	f.answer = func() (breaker.Report, time.Duration, bool) {
		return breaker.Report{Result: breaker.ResultAnswered}, time.Second, f.now.Before(start.Add(time.Minute))
	}
	f.reconcile()
	for range 100 {
		f.call(f.newOp(nil))
	}
	if f.run(f.lease - time.Second); f.permits != f.policy.InFlight {
		t.Fatalf("%d calls", f.permits)
	}
	f.run(f.lease + 3*time.Minute)
	if len(f.ops) > 0 {
		t.Errorf("%d wait", len(f.ops))
	}
}
