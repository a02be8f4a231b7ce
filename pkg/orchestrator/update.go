package orchestrator

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"slices"
	"time"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/circuit"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/store"
)

// update reads an operation and continues as updateFrom.
func update(ctx context.Context, s operations, tenant, id string,
	change func(operation.Operation) (*operation.Change, error)) (operation.Operation, error) {
	op, err := s.Get(ctx, tenant, id)
	if err != nil {
		return operation.Operation{}, err
	}
	return updateFrom(ctx, s, op, change)
}

// updateFrom stores what change decides about an operation that was read. If another writer was
// faster, it reads the operation and decides again. change returns nil to store nothing. The
// operation is returned as stored.
func updateFrom(ctx context.Context, s operations, op operation.Operation,
	change func(operation.Operation) (*operation.Change, error)) (operation.Operation, error) {
	for {
		c, err := change(op)
		if err != nil || c == nil {
			return op, err
		}
		raised := c.Op.Attention != nil && c.Op.Attention != op.Attention
		if raised { // the timeline shows every attention, whatever raised it
			c.Events = append(c.Events, operation.Event{Seq: c.Op.Version, At: c.Op.UpdatedAt,
				Kind: operation.EventAttention, Channel: operation.ByOrchestrator, From: c.Op.State, To: c.Op.State,
				Detail: string(c.Op.Attention.Reason)})
		}
		c.Op.EndTold = c.Op.EndTold || c.Op.State.Terminal() && !op.State.Terminal()
		c.Op.Count(c.Events)
		c.Used = op.State.Terminal() && c.Op.Tally.UsedSince(op.Tally)
		if op.HoldsNaturalKey() && !c.Op.HoldsNaturalKey() { // an end makes room for the next in the same write
			c.FreeNaturalKey = true
		}
		c.Names, c.FormerNames = c.Op.Renamed(op)
		if c.Op.Counted && c.Op.State.Terminal() {
			c.Op.Counted, c.Uncount = false, true
		}
		switch err := s.Commit(ctx, *c); {
		case err == nil:
			if raised {
				opLog(op).WarnContext(ctx, "attention", "reason", c.Op.Attention.Reason)
			}
			c.Op.IndexedAt = c.Op.IndexAt()
			return c.Op, nil
		case !errors.Is(err, store.ErrStale):
			return op, err
		}
		if err := ctx.Err(); err != nil {
			return op, err
		}
		if op, err = s.Get(ctx, op.Tenant, op.ID); err != nil {
			return operation.Operation{}, err
		}
	}
}

// planner changes operations whose execution waits for a decision.
type planner struct {
	store   operations
	deps    Deps
	support operation.AgentSupport
	// probe is true for a call that found out whether the agent is back: if it is not, the operation
	// waits in line with the others.
	probe bool
}

// advance lets decide change an operation, plans what comes next, and commits both in one write.
// decide returns nil if nothing changes; then attention that is newly due is stored, and
// the time of the reconciler's look if it moves far.
func (p planner) advance(ctx context.Context, op operation.Operation,
	decide func(op *operation.Operation, now time.Time) *operation.Change) (operation.Decision, error) {
	var next operation.Decision
	var at time.Time
	_, err := updateFrom(ctx, p.store, op, func(op operation.Operation) (*operation.Change, error) {
		now, before := p.deps.Now().UTC(), op
		at = now
		c := decide(&op, now)
		if p.probe && c != nil && unanswered(c.Events) {
			op.Requeue(now, string(circuit.AgentGate))
		}
		next = op.Plan(now, p.deps.Jitter(), p.support)
		if c == nil {
			return attentionOnly(before, op, now, &next), nil
		}
		p.deps.worked(&op, now)
		c.Op, c.BindTask = op, op.TaskID != before.TaskID
		return c, nil
	})
	if err == nil {
		p.deps.stored(at)
	}
	return next, err
}

// unanswered reports whether a call ended without an answer.
func unanswered(events []operation.Event) bool {
	return slices.ContainsFunc(events, func(e operation.Event) bool { return e.Kind == operation.EventNoAnswer })
}

// attentionOnly is the change that stores newly due attention, or that the execution waits much
// longer than the reconciler expects, or has taken up what it was told; nil if there is nothing.
// The reconciler would look at an operation that waits for half a day every few minutes.
func attentionOnly(op, planned operation.Operation, now time.Time, next *operation.Decision) *operation.Change {
	switch {
	case planned.Attention != op.Attention:
		planned.BumpVersion(now)
	case planned.Signal != op.Signal, op.DueMoves(planned.LooksAt()):
		planned.Version++ // no change that a client should see
	default:
		return nil
	}
	next.Version = planned.Version
	return &operation.Change{Op: planned}
}

// recorded is the change that consists of one event.
func recorded(e operation.Event) *operation.Change {
	return &operation.Change{Events: []operation.Event{e}}
}

// maxResult is the largest result that is kept, in bytes: what one transaction of any store can
// hold.
const maxResult = 3 << 20

// resultOf returns the body to keep at the end of an operation. A result that is too large does not
// keep the operation from ending: it raises attention.
func resultOf(op *operation.Operation, a adcp.Answer, v operation.Verdict, now time.Time) json.RawMessage {
	if v != operation.Advanced || !op.State.Terminal() {
		return nil
	}
	if len(a.Value) > maxResult {
		op.Flag(operation.ResultTooLarge, now, "read it at the agent")
		return nil
	}
	return a.Value
}

// opLog is the logger for an operation.
func opLog(op operation.Operation) *slog.Logger {
	return slog.With("operation_id", op.ID, "tenant", op.Tenant, "agent_id", op.AgentID)
}
