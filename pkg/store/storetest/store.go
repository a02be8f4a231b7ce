package storetest

import (
	"adcp-orchestrator/pkg/apikey"
	"adcp-orchestrator/pkg/breaker"
	"adcp-orchestrator/pkg/inbox"
	"adcp-orchestrator/pkg/keyring"
	"adcp-orchestrator/pkg/orchestrator"
	"adcp-orchestrator/pkg/registry"
)

// Store is everything that a store keeps. Each use case names the part that it needs; this is for those who build stores.
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
