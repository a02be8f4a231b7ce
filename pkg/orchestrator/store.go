package orchestrator

import (
	"context"
	"encoding/json"
	"time"

	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/registry"
)

// IdempotencyRecord binds a client's idempotency key to an operation.
type IdempotencyRecord struct {
	OperationID string
	// Fingerprint is SHA-256 of the JCS of what was submitted.
	Fingerprint string
	// ExpiresAt is the operation's, zero if it does not expire. The key is kept for
	// operation.KeysOutlive longer.
	ExpiresAt time.Time
}

// NewOperation is everything that is stored when an operation begins: all of it or nothing.
type NewOperation struct {
	Op          operation.Operation // version 1
	Event       operation.Event
	Request     json.RawMessage // the frozen arguments
	KeyHash     string
	Fingerprint string
	// NaturalFingerprint is kept with each of the operation's natural keys: SHA-256 of what the client
	// wants. Replaces is the operation that is known to hold Op.NaturalKey and makes room,
	// ReplacesOrder the one that holds Op.OrderKey.
	NaturalFingerprint      string
	Replaces, ReplacesOrder string
}

// Replaced is where a new operation names the operation that makes room at one of its natural keys.
func (n *NewOperation) Replaced(key string) *string {
	if key == n.Op.OrderKey {
		return &n.ReplacesOrder
	}
	return &n.Replaces
}

// operationReader reads single operations. Every read is consistent: it sees every write that was
// stored before.
type operationReader interface {
	// Get returns an operation as stored, or store.ErrNotFound.
	Get(ctx context.Context, tenant, id string) (operation.Operation, error)
}

// committer stores changes.
type committer interface {
	// Commit stores a change. It returns store.ErrStale if Op.Version-1 is not the stored version,
	// store.ErrTaskTaken, a *store.DeliveryTakenError, or store.ErrNewerSchema if newer code has
	// stored what this code must not write over; then nothing was stored.
	Commit(ctx context.Context, c operation.Change) error
}

// operations reads and changes operations.
type operations interface {
	operationReader
	committer
}

// requests reads frozen requests.
type requests interface {
	// Request returns an operation's frozen arguments, or store.ErrNotFound.
	Request(ctx context.Context, tenant, id string) (json.RawMessage, error)
}

// RecordReader reads operations with all that is kept beside them.
type RecordReader interface {
	// Load returns an operation with its request, result and events, or store.ErrNotFound.
	Load(ctx context.Context, tenant, id string) (operation.Record, error)
}

// OperationReader is what the API reads operations by.
type OperationReader interface {
	operationReader
	requests
	RecordReader
	// Result returns an operation's result, or store.ErrNotFound if it has none.
	Result(ctx context.Context, tenant, id string) (json.RawMessage, error)
	// Events returns an operation's events behind a sequence number, oldest first: at most limit, and
	// the others of the last one's change. more says that there may be others.
	Events(ctx context.Context, tenant, id string, after int64, limit int) (
		events []operation.Event, more bool, err error)
	// List returns a page of a tenant's operations. What has changed in the last moments may be
	// missing or be shown as it was.
	List(ctx context.Context, tenant string, q operation.ListQuery) (operation.ListPage, error)
	// Counts counts a tenant's operations by state, and those that need a person, as far as
	// operation.MaxStateCount and MaxAttentionCount.
	Counts(ctx context.Context, tenant string) (operation.Counts, error)
}

// CallStore is what calling an agent needs of the store.
type CallStore interface {
	operations
	requests
	registry.Profiles
	// InputArguments returns the frozen arguments of the input for an input request, or
	// store.ErrNotFound.
	InputArguments(ctx context.Context, tenant, id string, generation int) (json.RawMessage, error)
}
