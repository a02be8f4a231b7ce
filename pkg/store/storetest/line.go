package storetest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"adcp-orchestrator/pkg/circuit"
	"adcp-orchestrator/pkg/registry"
	"adcp-orchestrator/pkg/store"
)

// lineIsInOrderOfAge: the oldest operation comes first, whenever it joined, and no other line
// has it.
func lineIsInOrderOfAge(t *testing.T, s *suite) {
	const waiters = 25
	var line []circuit.Waiter
	for i := range waiters { // some as old as another
		line = append(line, circuit.Waiter{Tenant: s.tenant, OperationID: fmt.Sprintf("op_%02d", i),
			Created: Start.Add(time.Duration(i/2-5) * 999 * time.Millisecond)})
	}
	r := rand.New(rand.NewPCG(4, 4))
	for n, id := range s.gates() {
		mine := slices.Clone(line)
		if id.Kind == circuit.OriginGate { // which all tenants share
			for i := range mine {
				mine[i].Tenant += fmt.Sprint("-", i%3)
			}
		}
		for _, i := range slices.Concat(r.Perm(waiters), r.Perm(waiters)) { // each joins twice
			_, _, err := s.JoinLine(t.Context(), id, mine[i], Start)
			must(t, err)
		}
		for _, limit := range []int{1, 7, waiters, waiters + 1} {
			got, err := s.Line(t.Context(), id, limit)
			must(t, err)
			if w := mine[:min(limit, waiters)]; fmt.Sprint(got) != fmt.Sprint(w) {
				t.Fatalf("limit %d:\n got %v\nwant %v", limit, got, w)
			}
		}
		must(t, s.LeaveLine(t.Context(), id, mine[3]))
		must(t, s.LeaveLine(t.Context(), id, mine[3])) // again: no error
		got, err := s.Line(t.Context(), id, waiters)
		must(t, err)
		if w := slices.Delete(slices.Clone(mine), 3, 4); fmt.Sprint(got) != fmt.Sprint(w) {
			t.Errorf("gate %d: got %v", n, got)
		}
	}
	tooLong := circuit.Waiter{Tenant: s.tenant, OperationID: strings.Repeat("x", 2000), Created: Start}
	if _, _, err := s.JoinLine(t.Context(), s.agentGate(), tooLong, Start); err == nil {
		t.Error("a key that is too long is stored")
	}
}

// aWaiterIsClaimedByOne: among those who claim a waiter at once, until the claim is over; one who
// joins again is not claimed.
func aWaiterIsClaimedByOne(t *testing.T, s *suite) {
	for _, id := range s.gates() {
		w := circuit.Waiter{Tenant: s.tenant, OperationID: "op_1", Created: Start}
		claim := func(now time.Time) error { return s.ClaimWaiter(background, id, w, now, now.Add(time.Second)) }
		if err := claim(Start); !errors.Is(err, store.ErrStale) {
			t.Errorf("claimed, and does not stand in line: %v", err)
		}
		_, _, err := s.JoinLine(t.Context(), id, w, Start)
		must(t, err)
		for _, now := range []time.Time{Start, Start.Add(time.Second)} {
			won := race(t, 8, func(int) error { return claim(now) },
				func(err error) bool { return errors.Is(err, store.ErrStale) })
			line, err := s.Line(t.Context(), id, 1)
			must(t, err)
			if won != 1 || !line[0].Claimed.Equal(now.Add(time.Second)) {
				t.Errorf("%d have claimed %v", won, line)
			}
		}
		_, _, err = s.JoinLine(t.Context(), id, w, Start)
		must(t, err)
		must(t, claim(Start))
	}
}

// oneOfThoseWhoJoinIsFirst: among those who join a line at once, each time that it was empty.
func oneOfThoseWhoJoinIsFirst(t *testing.T, s *suite) {
	const joiners = 12
	errNotFirst := errors.New("not first")
	for _, id := range s.gates() {
		for range 3 {
			first := race(t, joiners, func(i int) error {
				w := circuit.Waiter{Tenant: s.tenant, OperationID: fmt.Sprint("op_", i%8), Created: Start}
				g, first, err := s.JoinLine(background, id, w, Start)
				if err == nil && !g.Line {
					return errors.New("the line is not marked")
				}
				if err == nil && !first {
					return errNotFirst
				}
				return err
			}, func(err error) bool { return errors.Is(err, errNotFirst) })
			line, err := s.Line(t.Context(), id, joiners)
			must(t, err)
			if first != 1 || len(line) != 8 {
				t.Fatalf("%d first ones, %d in line", first, len(line))
			}
			must(t, s.CloseLine(t.Context(), id))
		}
	}
}

// linesAreListed: a gate with a line is listed until it is taken out, the longest due first.
func linesAreListed(t *testing.T, s *suite) {
	past, all := Start.AddDate(-2, 0, 0), s.gates()
	after := func(n int) time.Time { return past.Add(time.Duration(n) * time.Millisecond) }
	check := func(what string, now time.Time, limit int, want ...circuit.GateID) {
		t.Helper()
		if due := s.due(t, now, limit); fmt.Sprint(due) != fmt.Sprint(want) {
			t.Fatalf("%s: got %v, want %v", what, due, want)
		}
	}
	for n, id := range all {
		w := circuit.Waiter{Tenant: s.tenant, OperationID: "op_1", Created: Start}
		_, _, err := s.JoinLine(t.Context(), id, w, after(10-n))
		must(t, err)
	}
	check("all", after(11), 100, all[3], all[2], all[1], all[0])
	check("the longest due", after(11), 2, all[3], all[2])
	check("not at that very time", after(8), 100, all[3])
	must(t, s.LookAtLine(t.Context(), all[3], after(20)))
	check("one put off", after(11), 100, all[2], all[1], all[0])
	w := circuit.Waiter{Tenant: s.tenant, OperationID: "op_2", Created: Start}
	_, first, err := s.JoinLine(t.Context(), all[3], w, after(1))
	must(t, err)
	if first {
		t.Error("first in a line that has somebody")
	}
	check("whoever joins later does not change when", after(11), 100, all[2], all[1], all[0])
	must(t, s.UnlistLine(t.Context(), all[2]))
	check("a marked line is not taken out", after(11), 100, all[2], all[1], all[0])
	must(t, s.CloseLine(t.Context(), all[2]))
	check("a closed one stays", after(11), 100, all[2], all[1], all[0])
	must(t, s.UnlistLine(t.Context(), all[2]))
	check("until it is taken out", after(11), 100, all[1], all[0])
	_, first, err = s.JoinLine(t.Context(), all[2], w, after(0))
	must(t, err)
	if !first {
		t.Error("not first in a line that was closed")
	}
	check("and is listed again", after(11), 100, all[2], all[1], all[0])
	refs, err := s.Due(t.Context(), after(11), 100)
	must(t, err)
	if len(refs.Refs) != 0 {
		t.Errorf("gates among the operations: %v", refs)
	}
	for _, id := range all {
		must(t, s.CloseLine(t.Context(), id))
		must(t, s.UnlistLine(t.Context(), id))
	}
	check("none", after(100), 100)
}

// circuitAndGateAreSeparate: an agent's circuit, its gate, its line and its entry are records
// of their own, and so are those of other agents and tenants.
func circuitAndGateAreSeparate(t *testing.T, s *suite) {
	id := s.agentGate()
	put := func(version int64) {
		t.Helper()
		must(t, s.PutCircuit(t.Context(), s.tenant, id.Name, store.Document{Version: version, Body: []byte("c")}))
	}
	put(1)
	step := circuit.Step{Lease: lease("l", Start), Limit: 1, Call: circuit.Pace{Interval: time.Second, Floor: Start}}
	g, err := s.StepGate(t.Context(), id, step)
	must(t, err)
	put(2)
	w := circuit.Waiter{Tenant: s.tenant, OperationID: "circuit", Created: Start}
	_, _, err = s.JoinLine(t.Context(), id, w, Start)
	must(t, err)
	put(3)
	back, err := s.LeaveGate(t.Context(), id, nil, time.Time{})
	must(t, err)
	if g.Line = true; showGate(back) != showGate(g) {
		t.Errorf("got %s, want %s", showGate(back), showGate(g))
	}
	d, err := s.Circuit(t.Context(), s.tenant, id.Name)
	must(t, err)
	if d.Version != 3 || string(d.Body) != "c" {
		t.Errorf("got %+v", d)
	}
	others := append(s.gates()[1:], circuit.GateID{Kind: circuit.AgentGate, Tenant: s.tenant + "x", Name: id.Name})
	for _, other := range others {
		g, err := s.LeaveGate(t.Context(), other, nil, time.Time{})
		must(t, err)
		line, err := s.Line(t.Context(), other, 10)
		must(t, err)
		if showGate(g) != showGate(circuit.Gate{}) || len(line) != 0 {
			t.Errorf("%v: %s, %v", other, showGate(g), line)
		}
	}
	_, err = s.Agent(t.Context(), s.tenant, id.Name)
	want(t, err, store.ErrNotFound)
	_, err = s.Profile(t.Context(), s.tenant, id.Name, registry.Endpoint{})
	want(t, err, store.ErrNotFound)
	must(t, s.LeaveLine(t.Context(), id, w))
	must(t, s.CloseLine(t.Context(), id))
	must(t, s.UnlistLine(t.Context(), id))
}
