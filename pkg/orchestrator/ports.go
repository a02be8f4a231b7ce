// Package orchestrator holds the use cases and the ports they need. Each use case stores first and signals afterwards: a process that dies between
// two lines loses nothing, because whoever comes next finds what was stored and goes on from there.
package orchestrator

import (
	"context"
	"encoding/json"
	"errors"
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

// Deps are what use cases take from outside instead of asking the machine.
type Deps struct {
	Now    func() time.Time
	Jitter func() float64 // in [0,1)
}
