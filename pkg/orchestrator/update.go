package orchestrator

import (
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/store"
	"context"
	"errors"
	"log/slog"
)

// persist reads an operation and goes on as persistFrom.
func update(ctx context.Context, s operations, tenant, id string, change func(operation.Operation) (*operation.Change, error)) (operation.Operation, error) {
	op, err := s.Get(ctx, tenant, id)
	if err != nil {
		return operation.Operation{}, err
	}
	return updateFrom(ctx, s, op, change)
}

// persistFrom lets change decide about an operation that was read, and stores what it decided; again from what is stored then whenever somebody else was
// faster. change returns nil to store nothing. The operation is returned as stored.
func updateFrom(ctx context.Context, s operations, op operation.Operation, change func(operation.Operation) (*operation.Change, error)) (operation.Operation, error) {
	for {
		c, err := change(op)
		if err != nil || c == nil {
			return op, err
		}
		raised := c.Op.Attention != nil && c.Op.Attention != op.Attention
		if a := c.Op.Attention; raised { // whoever raised it, the timeline tells
			c.Events = append(c.Events, operation.Event{Seq: c.Op.Version, At: c.Op.UpdatedAt, Kind: operation.EventAttention, Channel: operation.ByOrchestrator,
				From: c.Op.State, To: c.Op.State, Detail: string(a.Reason)})
		}
		switch err := s.Commit(ctx, *c); {
		case err == nil:
			if raised {
				slog.WarnContext(ctx, "attention", "operation", op.ID, "tenant", op.Tenant, "agent", op.AgentID, "reason", c.Op.Attention.Reason)
			}
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

// operations is what persist needs of the store.
type operations interface {
	operationReader
	committer
}
