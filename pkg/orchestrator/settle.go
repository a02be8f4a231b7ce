package orchestrator

import (
	"context"
	"errors"
	"time"

	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/store"
)

// ErrPublishing says that another run holds the publication of the end, and may be publishing
// right now.
var ErrPublishing = errors.New("another run publishes the end")

// SettleStore is what Settle needs of the store.
type SettleStore interface {
	operations
	// SetExpiry gives everything that is kept beside an operation the operation's ExpiresAt: its other
	// items and its task id expire with it, its keys operation.KeysOutlive later. Without an ExpiresAt
	// nothing expires. It may be repeated, after an error too. It returns store.ErrStale if the stored
	// operation has another ExpiresAt.
	SetExpiry(ctx context.Context, op operation.Operation) error
}

// The compiler checks here that no ended operation expires while a delivery for it may be repeated
// after polling has ended.
const _ = uint64(operation.MinKeepEnded - operation.FollowFor - deliveryTTL)

// Publisher publishes what consumers are told of operations.
type Publisher interface {
	// Publish puts everything on the bus that is stored to be told of an operation, in its order.
	// After an error it is not known whether anybody received it: it is published again, under the
	// same ids.
	Publish(ctx context.Context, op operation.Ref) error
}

// Settle does what must happen once after the end: it publishes everything up to it, decides when
// the operation expires, and takes the operation from the reconciler.
type Settle struct {
	Store     SettleStore
	Publisher Publisher
	// NewOwner returns a name for a run, different each time.
	NewOwner func() string
	// KeepEnded is how long an operation is kept after its end was published, zero for ever. See
	// operation.MinKeepEnded.
	KeepEnded time.Duration
	Deps      Deps
	// Buys makes the operations that cancel buys; nil makes none.
	Buys *CancelBuys
}

// SettleResult is Settle's answer to the workflow.
type SettleResult struct {
	Tenant      string          `json:"tenant"`
	OperationID string          `json:"operation_id"`
	State       operation.State `json:"state"`
}

// Run settles an ended operation: it claims the publication, publishes, and records that it has
// (contract H7, races R8 and R13). A crash in between leaves a lease; the run after its end
// publishes the same notices again. A second run changes nothing, unless the expiry of what belongs
// to the operation is still pending: then it completes that. It returns ErrPublishing while another
// run may be publishing: the workflow tries again.
func (s Settle) Run(ctx context.Context, tenant, id string) (SettleResult, error) {
	owner, ours := s.NewOwner(), false
	op, err := update(ctx, s.Store, tenant, id, func(op operation.Operation) (*operation.Change, error) {
		if ours = op.ClaimPublication(s.Deps.Now().UTC(), owner); !ours {
			return nil, nil
		}
		var told []operation.Event
		if e, ok := op.TellEnd(); ok {
			told = append(told, e)
		}
		return &operation.Change{Op: op, Events: told}, nil
	})
	result := SettleResult{Tenant: tenant, OperationID: id, State: op.State}
	switch {
	case err != nil:
		return SettleResult{}, err
	case !ours && op.Unpublished():
		return SettleResult{}, ErrPublishing
	case !ours:
		return result, s.finish(ctx, op)
	}
	if err := s.Publisher.Publish(ctx, operation.Ref{Tenant: tenant, OperationID: id}); err != nil {
		return SettleResult{}, err
	}
	fence := op.Publication.Fence
	op, err = updateFrom(ctx, s.Store, op, func(op operation.Operation) (*operation.Change, error) {
		now := s.Deps.Now().UTC()
		e, ok := op.FinishPublication(now, fence)
		if !ok {
			return nil, nil
		}
		op.KeepFor(now, s.KeepEnded)
		return &operation.Change{Op: op, Events: []operation.Event{e}}, nil
	})
	if err != nil {
		return result, err
	}
	return result, s.finish(ctx, op)
}

// finish does what comes after the publication. A crash leaves it due, and the reconciler has the
// operation settled again.
func (s Settle) finish(ctx context.Context, op operation.Operation) error {
	if s.Buys != nil && op.CancelDue() {
		var err error
		if op, err = s.Buys.Run(ctx, op); err != nil {
			return err
		}
	}
	return s.spreadExpiry(ctx, op)
}

// spreadExpiry gives everything that belongs to an operation the operation's expiry, and then
// records that it has. The operation's own expiry was stored first: from then on all readers agree,
// and what later changes store has it from the start. A crash before the record leaves the expiry
// pending, and the reconciler has the operation settled again.
func (s Settle) spreadExpiry(ctx context.Context, op operation.Operation) error {
	for op.ExpiryPending {
		at, err := op.ExpiresAt, s.Store.SetExpiry(ctx, op)
		switch {
		case errors.Is(err, store.ErrStale) && ctx.Err() == nil: // a person is needed since, or it is done
			op, err = s.Store.Get(ctx, op.Tenant, op.ID)
		case err == nil:
			op, err = updateFrom(ctx, s.Store, op, func(op operation.Operation) (*operation.Change, error) {
				if !op.FinishExpiry(at) {
					return nil, nil
				}
				return &operation.Change{Op: op}, nil
			})
		}
		if err != nil {
			return err
		}
	}
	return nil
}
