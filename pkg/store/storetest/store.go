package storetest

import (
	"context"

	"adcp-orchestrator/pkg/apikey"
	"adcp-orchestrator/pkg/breaker"
	"adcp-orchestrator/pkg/inbox"
	"adcp-orchestrator/pkg/keyring"
	"adcp-orchestrator/pkg/orchestrator"
	"adcp-orchestrator/pkg/registry"
)

// Store joins the interfaces of all use cases. Each use case depends only on its own part; Store is
// for implementations and their tests.
type Store interface {
	orchestrator.SubmitStore
	orchestrator.CallStore
	orchestrator.ReceiveStore
	orchestrator.ReconcileStore
	orchestrator.StartQueueStore
	registry.Store
	apikey.Store
	orchestrator.RecordReader
	inbox.Store
	keyring.Store
	breaker.Store
	inbox.QuarantineReader
}

// Table is a Store with a way to its items, for what other programs do to them: newer code, and the
// state machine.
type Table interface {
	Store
	// Attribute returns a string attribute of an operation's own item, "" if it has none.
	Attribute(ctx context.Context, tenant, opID, name string) (string, error)
	// SetAttribute sets a string attribute of an operation's own item.
	SetAttribute(ctx context.Context, tenant, opID, name, value string) error
}
