package orchestrator

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"slices"
	"time"

	"adcp-orchestrator/pkg/breaker"
	"adcp-orchestrator/pkg/circuit"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/store"
)

// Admit gives slots to operations that wait in the line of a gate, the oldest first, and wakes
// them. Whoever makes room does it, and the reconciler where nobody does.
type Admit struct {
	Store    operations
	Breaker  *breaker.Breaker
	Workflow Waker
	Deps     Deps
}

const (
	// admitTime bounds what a call does for those behind it, admitFew how many of them it wakes:
	// others make room as well.
	admitTime = 4 * time.Second
	admitFew  = 5
)

// few is how many a call wakes at a gate. Only an agent's gate counts those who were woken and
// have not come yet. At another gate a call that leaves makes room for one.
func few(id circuit.GateID) int {
	if id.Kind == circuit.AgentGate {
		return admitFew
	}
	return 1
}

// soon admits a few at gates where there is room. It fails silently: the reconciler looks at each
// line.
func (a Admit) soon(ctx context.Context, room []circuit.GateID) {
	if deadline, ok := ctx.Deadline(); len(room) == 0 || ok && time.Until(deadline) < 2*admitTime {
		return // what the run itself has decided matters more
	}
	ctx, cancel := context.WithTimeout(ctx, admitTime)
	defer cancel()
	for _, id := range room {
		if _, err := a.Run(ctx, id, few(id)); err != nil {
			slog.WarnContext(ctx, "nobody admitted, left to the reconciler", "gate", id.Kind, "tenant", id.Tenant,
				"error", err)
		}
	}
}

// linesEach bounds one run of Lines; what is left is still due at the next.
const linesEach = 100

// Lines looks at the lines that are due: of gates where nobody made room, or whoever did has
// died. A fault of one does not keep the others from being looked at.
func (a Admit) Lines(ctx context.Context) (admitted int, err error) {
	due, err := a.Breaker.LinesDue(ctx, linesEach)
	if err != nil {
		return 0, err
	}
	var faults []error
	for _, id := range due {
		// Put off first: a gate that fails does not come first again.
		if err := a.Breaker.LookLater(ctx, id); err != nil {
			faults = append(faults, err)
			continue
		}
		n, err := a.Run(ctx, id, math.MaxInt)
		admitted += n
		faults = append(faults, err)
	}
	return admitted, errors.Join(faults...)
}

// maxFaults is how many of a line may fail before a run leaves the rest to a later one.
const maxFaults = 10

// Run admits as many as a gate has room for, at most most of them, and returns how many.
// Several processes may do it at once: one operation gets one slot. Those who fail keep their
// places and do not keep the others waiting.
func (a Admit) Run(ctx context.Context, id circuit.GateID, most int) (admitted int, err error) {
	room, err := a.Breaker.Room(ctx, id)
	if err != nil || room == 0 {
		return 0, err
	}
	var faults []error
	passed := map[string]bool{} // who failed, or whom another process admits
	for most = min(room, most); admitted < most && len(faults) < maxFaults; {
		waiting, err := a.Breaker.Waiting(ctx, id, most-admitted+len(passed)+admitFew)
		if err != nil {
			return admitted, errors.Join(append(faults, err)...)
		}
		if len(waiting) == 0 {
			return admitted, a.Breaker.CloseLine(ctx, id)
		}
		// Those who do not wait any more are taken out on the way.
		waiting = slices.DeleteFunc(waiting, func(w circuit.Waiter) bool {
			return passed[w.OperationID] || a.Breaker.Claimed(w)
		})
		if len(waiting) == 0 {
			break
		}
		for _, w := range waiting[:min(len(waiting), most-admitted)] {
			gave, full, err := a.admit(ctx, id, w)
			if gave {
				admitted++
			}
			if err != nil {
				passed[w.OperationID] = true
			}
			if err != nil && !errors.Is(err, store.ErrStale) {
				faults = append(faults, fmt.Errorf("operation %s: %w", w.OperationID, err))
			}
			if full || ctx.Err() != nil || len(faults) == maxFaults {
				return admitted, errors.Join(faults...)
			}
		}
	}
	return admitted, errors.Join(faults...)
}

// admit gives one operation a slot: stores it, takes the operation out of the line, and wakes it. A
// process that dies in between leaves an operation with a slot: the next one takes it out of the
// line, and the reconciler wakes it. full is true if the agent has no slot in the near future.
func (a Admit) admit(ctx context.Context, id circuit.GateID, w circuit.Waiter) (gave, full bool, err error) {
	op, err := a.Store.Get(ctx, w.Tenant, w.OperationID)
	if errors.Is(err, store.ErrNotFound) {
		return false, false, a.Breaker.Forget(ctx, id, w)
	}
	if err != nil {
		return false, false, err
	}
	now := a.Deps.Now().UTC()
	if planned := op; !planned.GiveSlot(now, now) {
		return false, false, a.Breaker.Forget(ctx, id, w)
	}
	if err := a.Breaker.Claim(ctx, id, w); err != nil {
		return false, false, err
	}
	slot, ok, err := a.Breaker.Reserve(ctx, id, op.Tenant, agentOf(op).CircuitKey())
	if err != nil || !ok {
		return false, !ok && err == nil, err
	}
	op, err = updateFrom(ctx, a.Store, op, func(op operation.Operation) (*operation.Change, error) {
		if gave = op.GiveSlot(now, slot); !gave {
			return nil, nil
		}
		return &operation.Change{Op: op}, nil
	})
	if err != nil {
		return false, false, err
	}
	if err := a.Breaker.Forget(ctx, id, w); err != nil || !gave { // else another process wakes it
		return gave, false, err
	}
	return gave, false, wakeAt(ctx, a.Workflow, op, slot.Sub(now))
}
