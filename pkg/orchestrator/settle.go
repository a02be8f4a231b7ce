package orchestrator

import (
	"context"
	"errors"
	"time"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/operation"
)

// ErrPublishing: another run holds the publication of the end, and may be telling of it right now.
var ErrPublishing = errors.New("another run publishes the end")

// SettleStore is what Settle needs of the store.
type SettleStore interface {
	operationReader
	committer
}

// Publisher tells the world.
type Publisher interface {
	// Publish tells of an end. After an error it is not known whether the world has heard of it: it is told again, under the same ID.
	Publish(ctx context.Context, n EndedEvent) error
}

// Notice is what the world is told of an end: ids and how it went, never payloads.
type EndedEvent struct {
	// ID is the same each time that the same end is told: whoever hears it twice knows by it.
	ID          string            `json:"id"`
	Tenant      string            `json:"tenant"`
	OperationID string            `json:"operation_id"`
	AgentID     string            `json:"agent_id"`
	Type        adcp.Task         `json:"type"`
	State       operation.State   `json:"state"`
	TaskID      string            `json:"task_id,omitempty"`
	EndedBy     operation.Channel `json:"ended_by"`
	EndedAt     time.Time         `json:"ended_at"`
	// ErrorCode is the agent's, Attention why a human should look, if any.
	ErrorCode string           `json:"error_code,omitempty"`
	Attention operation.Reason `json:"attention,omitempty"`
}

func endedEventOf(op operation.Operation) EndedEvent {
	n := EndedEvent{ID: op.Tenant + "/" + op.ID + "/ended", Tenant: op.Tenant, OperationID: op.ID, AgentID: op.AgentID, Type: op.Type, State: op.State,
		TaskID: op.TaskID, EndedBy: op.Terminal.Channel, EndedAt: op.Terminal.At}
	if op.Error != nil {
		n.ErrorCode = op.Error.Code
	}
	if op.Attention != nil {
		n.Attention = op.Attention.Reason
	}
	return n
}

// Settle does what must happen once after the end: it tells the world of it, and takes the operation from the sweeper's hands.
type Settle struct {
	Store     SettleStore
	Publisher Publisher
	// NewOwner names a run, differently each time.
	NewOwner func() string
	Deps     Deps
}

// Settled is Settle's answer to the workflow.
type SettleResult struct {
	Tenant      string          `json:"tenant"`
	OperationID string          `json:"operation_id"`
	State       operation.State `json:"state"`
}

// Run settles an ended operation: it claims the publication, publishes, and records that it has (contract H7, races R8 and R13). Dying in between leaves a
// lease; the run after its end publishes the same notice again. Settling what is settled changes nothing. It returns ErrPublishing while another run may be
// at it: the workflow tries again.
func (s Settle) Run(ctx context.Context, tenant, id string) (SettleResult, error) {
	owner, ours := s.NewOwner(), false
	op, err := update(ctx, s.Store, tenant, id, func(op operation.Operation) (*operation.Change, error) {
		if ours = op.ClaimPublication(s.Deps.Now().UTC(), owner); !ours {
			return nil, nil
		}
		return &operation.Change{Op: op}, nil
	})
	settled := SettleResult{Tenant: tenant, OperationID: id, State: op.State}
	switch {
	case err != nil:
		return SettleResult{}, err
	case !ours && op.Unpublished():
		return SettleResult{}, ErrPublishing
	case !ours:
		return settled, nil
	}
	if err := s.Publisher.Publish(ctx, endedEventOf(op)); err != nil {
		return SettleResult{}, err
	}
	fence := op.Publication.Fence
	_, err = updateFrom(ctx, s.Store, op, func(op operation.Operation) (*operation.Change, error) {
		e, ok := op.FinishPublication(s.Deps.Now().UTC(), fence)
		if !ok {
			return nil, nil
		}
		return &operation.Change{Op: op, Events: []operation.Event{e}}, nil
	})
	return settled, err
}
