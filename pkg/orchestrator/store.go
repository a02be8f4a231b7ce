package orchestrator

import (
	"context"

	"adcp-orchestrator/pkg/operation"
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
