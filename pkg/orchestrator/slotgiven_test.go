package orchestrator_test

import (
	"context"
	"testing"
	"time"

	"adcp-orchestrator/pkg/breaker"
	"adcp-orchestrator/pkg/circuit"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/orchestrator"
	"adcp-orchestrator/pkg/store/memory"
)

// quickAdmit gives an operation its slot as soon as it stands in line.
type quickAdmit struct {
	*memory.Store
	give func(context.Context)
}

func (q quickAdmit) JoinLine(ctx context.Context, id circuit.GateID, w circuit.Waiter, now time.Time) (
	g circuit.Gate, first bool, err error) {
	g, first, err = q.Store.JoinLine(ctx, id, w, now)
	q.give(ctx)
	return g, first, err
}

// An operation that was given its slot before it had stored that it waits keeps the slot.
func TestASlotThatIsGivenBeforeTheWaitIsStoredIsKept(t *testing.T) {
	t.Parallel()
	h := newHarness(t, &fakeAgent{profile: buyProfile(), answers: nil})
	slot := h.at.Add(10 * time.Second)
	s := quickAdmit{h.store, func(ctx context.Context) {
		op, err := h.store.Get(ctx, "acme", h.id)
		if err != nil || !op.GiveSlot(h.at, slot) {
			t.Errorf("no slot given: %v", err)
		}
		if err := h.store.Commit(ctx, operation.Change{Op: op}); err != nil {
			t.Error(err)
		}
	}}
	full := circuit.Default
	full.InFlight = 0
	b := breaker.New(s, breaker.Options{Policy: full, Bounds: breaker.DefaultBounds, Lease: time.Minute,
		Now: h.deps.Now, Jitter: h.deps.Jitter, NewID: func() string { return "a" }})
	next, err := orchestrator.Dispatch{Store: h.store, Agents: h.caller, Breaker: b, Workflow: h.workflow, Deps: h.deps}.
		Run(t.Context(), "acme", h.id)
	if err != nil {
		t.Fatal(err)
	}
	op, err := h.store.Get(t.Context(), "acme", h.id)
	if err != nil || !op.Admission.Slot.Equal(slot) || op.Admission.Gate != "" || next.Delay != 10 {
		t.Errorf("%+v, then %+v: %v", op.Admission, next, err)
	}
}
