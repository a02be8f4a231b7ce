package orchestrator

import (
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/registry"
	"context"
	"encoding/json"
)

// RecordReader reads operations with all that is kept beside them.
type RecordReader interface {
	// Load returns an operation with its request, result and timeline, or ErrNotFound.
	Load(ctx context.Context, tenant, id string) (operation.Record, error)
}

// FollowStore is what calling an agent needs of the store.
type FollowStore interface {
	operationReader
	committer
	registry.Profiles
	// Request returns an operation's frozen arguments, or ErrNotFound.
	Request(ctx context.Context, tenant, id string) (json.RawMessage, error)
	// Resume returns the frozen arguments of the resume of a pause, or ErrNotFound.
	InputArguments(ctx context.Context, tenant, id string, generation int) (json.RawMessage, error)
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
