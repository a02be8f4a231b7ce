package orchestrator_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"adcp-orchestrator/pkg/breaker"
	"adcp-orchestrator/pkg/circuit"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/orchestrator"
	"adcp-orchestrator/pkg/registry"
	"adcp-orchestrator/pkg/store/memory"
)

// faultyStore fails to change some operations.
type faultyStore struct {
	*memory.Store
	faulty []string
}

func (s faultyStore) Commit(ctx context.Context, c operation.Change) error {
	if slices.Contains(s.faulty, c.Op.ID) {
		return errors.ErrUnsupported
	}
	return s.Store.Commit(ctx, c)
}

// inLine puts operations into the line of their agent's gate.
func (h *harness) inLine(ids ...string) circuit.GateID {
	h.t.Helper()
	var id circuit.GateID
	for _, h.id = range ids {
		op := h.op()
		a := registry.Agent{ID: op.AgentID, URL: op.Target.URL, Transport: op.Target.Transport}
		id = circuit.GateID{Kind: circuit.AgentGate, Tenant: "acme", Name: a.CircuitKey()}
		w := circuit.Waiter{Tenant: "acme", OperationID: op.ID, Created: op.CreatedAt}
		if _, _, err := h.store.JoinLine(h.t.Context(), id, w, h.at); err != nil {
			h.t.Fatal(err)
		}
		op.AwaitRoom(h.at, string(circuit.AgentGate), time.Time{}, false, "")
		if err := h.store.Commit(h.t.Context(), operation.Change{Op: op}); err != nil {
			h.t.Fatal(err)
		}
	}
	return id
}

// An operation that cannot be changed keeps its place and keeps nobody else waiting.
func TestOperationThatFailsDoesNotBlockTheLine(t *testing.T) {
	t.Parallel()
	h := newHarness(t, &fakeAgent{profile: buyProfile()})
	ids := []string{h.id}
	for n := range 5 {
		h.at = h.at.Add(time.Second)
		ids = append(ids, h.submit(buySubmission, fmt.Sprint("k", n)).ID)
	}
	id := h.inLine(ids...)
	faulty := faultyStore{h.store, ids[:2]}
	admit := orchestrator.Admit{Store: faulty, Breaker: h.breaker, Workflow: h.workflow, Deps: h.deps}
	n, err := admit.Run(t.Context(), id, 3)
	if n != 3 || !errors.Is(err, errors.ErrUnsupported) {
		t.Fatalf("admitted %d, %v", n, err)
	}
	h.at = h.at.Add(time.Minute)
	if n, err := admit.Lines(t.Context()); n != 1 || err == nil {
		t.Fatalf("the reconciler admitted %d, %v", n, err)
	}
	for i, want := range []bool{false, false, true, true, true, true} {
		h.id = ids[i]
		if has := !h.op().Admission.Slot.IsZero(); has != want {
			t.Errorf("operation %d has a slot: %v", i, has)
		}
	}
	left, err := h.store.Line(t.Context(), id, 10)
	if err != nil || len(left) != 2 || left[0].OperationID != ids[0] || left[1].OperationID != ids[1] {
		t.Errorf("left in line: %v, %v", left, err)
	}
}

// The oldest get their slots first, each one its own, and those who do not wait any more are
// taken out of the line, which is closed at the end.
func TestOldestAreAdmittedFirst(t *testing.T) {
	t.Parallel()
	h := newHarness(t, &fakeAgent{profile: buyProfile()})
	ids := []string{h.id}
	for n := range 4 {
		h.at = h.at.Add(time.Second)
		ids = append(ids, h.submit(buySubmission, fmt.Sprint("k", n)).ID)
	}
	id := h.inLine(ids[4], ids[2], ids[0], ids[3], ids[1])
	gone := circuit.Waiter{Tenant: "acme", OperationID: "op_gone", Created: now.Add(-time.Hour)}
	if _, _, err := h.store.JoinLine(t.Context(), id, gone, h.at); err != nil {
		t.Fatal(err)
	}
	admit := orchestrator.Admit{Store: h.store, Breaker: h.breaker, Workflow: h.workflow, Deps: h.deps}
	if n, err := admit.Run(t.Context(), id, 2); n != 2 || err != nil {
		t.Fatal(n, err)
	}
	left, err := h.store.Line(t.Context(), id, 10)
	if err != nil || len(left) != 3 || left[0].OperationID != ids[2] {
		t.Fatalf("left: %v, %v", left, err)
	}
	if n, err := admit.Run(t.Context(), id, 100); n != 3 || err != nil {
		t.Fatal(n, err)
	}
	before := time.Time{}
	for _, h.id = range ids {
		slot := h.op().Admission.Slot
		if !slot.After(before) {
			t.Errorf("%s has the slot %v, the one before %v", h.id, slot, before)
		}
		before = slot
	}
	g, err := h.store.LeaveGate(t.Context(), id, nil, time.Time{})
	if due, _ := h.store.LinesDue(t.Context(), h.at.Add(time.Hour), 10); err != nil || g.Line || len(due) != 0 {
		t.Errorf("the line is not closed: %+v, due %v, %v", g, due, err)
	}
}

var _ breaker.Store = faultyStore{}
