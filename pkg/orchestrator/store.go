package orchestrator

import (
	"adcp-orchestrator/pkg/operation"
	"context"
	"encoding/json"
)

// Store is everything that a store keeps. Each use case names the part that it needs; this is for those who build stores.
type Store interface {
	SubmitStore
	FollowStore
	ReceiveStore
	ReconcileStore
	Store4
	Store3
	RecordReader
	Store2
	Keyrings
	Circuits
	QuarantineReader
}

// RecordReader reads operations with all that is kept beside them.
type RecordReader interface {
	// Load returns an operation with its request, result and timeline, or ErrNotFound.
	Load(ctx context.Context, tenant, id string) (operation.Record, error)
}

// FollowStore is what calling an agent needs of the store.
type FollowStore interface {
	operationReader
	committer
	Profiles
	// Request returns an operation's frozen arguments, or ErrNotFound.
	Request(ctx context.Context, tenant, id string) (json.RawMessage, error)
	// Resume returns the frozen arguments of the resume of a pause, or ErrNotFound.
	InputArguments(ctx context.Context, tenant, id string, generation int) (json.RawMessage, error)
}
