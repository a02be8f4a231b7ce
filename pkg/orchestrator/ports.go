// Package orchestrator holds the use cases and the ports they need. Each use case stores first and signals afterwards: a process that dies between
// two lines loses nothing, because whoever comes next finds what was stored and goes on from there.
package orchestrator

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"adcp-orchestrator/pkg/operation"
)

// The errors of a Store. Everything else it returns is a fault of ours: temporary, to be retried, never shown outside.
var (
	ErrNotFound = errors.New("not found")
	// ErrStale: the operation has changed since it was read. Read it again and decide again.
	ErrStale = errors.New("the operation has changed since it was read")
	// ErrKeyTaken: the submission's idempotency key is bound.
	ErrKeyTaken = errors.New("the idempotency key is bound")
	// ErrTaskTaken: the agent's task id is bound to another operation.
	ErrTaskTaken = errors.New("the task id is bound to another operation")
	// ErrNonceSeen: the nonce was claimed before and has not expired.
	ErrNonceSeen = errors.New("the nonce was used before")
	// ErrFull: there is no room for another of its kind.
	ErrFull = errors.New("no room for another")
)

// NaturalTakenError says that another operation holds the natural key.
type NaturalKeyTakenError struct{ OperationID string }

func (e *NaturalKeyTakenError) Error() string { return "the natural key is held by " + e.OperationID }

// DeliveryTakenError says that a delivery with this key was accepted before.
type DeliveryTakenError struct{ First operation.Delivery }

func (e *DeliveryTakenError) Error() string {
	return fmt.Sprintf("the delivery was accepted before (%s)", e.First.Verdict)
}

// Submission binds a client's idempotency key to an operation.
type IdempotencyRecord struct {
	OperationID string
	// Fingerprint is SHA-256 of the JCS of what was submitted.
	Fingerprint string
}

// Creation is everything that is stored when an operation begins: all of it or nothing.
type NewOperation struct {
	Op          operation.Operation // version 1
	Event       operation.Event
	Request     json.RawMessage // the frozen arguments
	KeyHash     string
	Fingerprint string
	// NaturalHash is the natural key's hash, empty if the operation has none; Replaces is the ended operation that is known to hold it.
	NaturalHash string
	Replaces    string
}

// Ref names an operation.
type Ref struct {
	Tenant      string `json:"tenant"`
	OperationID string `json:"id"`
}

// Reads of single operations. Every read is consistent: what a write of anybody's has stored before is seen.
type operationReader interface {
	// Get returns an operation as stored, or ErrNotFound.
	Get(ctx context.Context, tenant, id string) (operation.Operation, error)
}

type committer interface {
	// Commit stores a change. It returns ErrStale if Op.Version-1 is not the stored version, ErrTaskTaken, or a *DeliveryTakenError;
	// then nothing was stored.
	Commit(ctx context.Context, c operation.Change) error
}

type AgentReader interface {
	// Agent returns a registry entry, or ErrNotFound.
	Agent(ctx context.Context, tenant, id string) (Agent, error)
}

type Profiles interface {
	// Profile returns what was discovered of an agent, or ErrNotFound.
	Profile(ctx context.Context, tenant, agentID string) (Profile, error)
	// PutProfile stores it.
	PutProfile(ctx context.Context, tenant, agentID string, p Profile) error
}

// starter starts workflow executions.
type starter interface {
	// Start starts the execution of an operation's generation. Starting one that was started before is no error.
	Start(ctx context.Context, tenant, id string, generation int) error
}

// Deps are what use cases take from outside instead of asking the machine.
type Deps struct {
	Now    func() time.Time
	Jitter func() float64 // in [0,1)
}

// operations is what persist needs of the store.
type operations interface {
	operationReader
	committer
}

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
		case !errors.Is(err, ErrStale):
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
