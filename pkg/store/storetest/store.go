package storetest

import (
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
	registry.Store
	apikey.Store
	orchestrator.RecordReader
	inbox.Store
	keyring.Store
	breaker.Store
	inbox.QuarantineReader
}
