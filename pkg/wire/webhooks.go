package wire

import (
	"adcp-orchestrator/pkg/config"
	"adcp-orchestrator/pkg/keyring"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/store"
	"adcp-orchestrator/pkg/store/dynamo"
	"adcp-orchestrator/pkg/telemetry"
	"adcp-orchestrator/pkg/webhook"
)

// Keyring returns the source of the keys that agents sign webhooks with.
func Keyring(s *dynamo.Store) *keyring.Source {
	return keyring.FromStore(s, config.Loopback(), telemetry.Counting("WebhookKeys", "Event"))
}

// SenderKeys returns a function that opens the keys of an operation's agent from its stored
// keyring.
func SenderKeys(keys *keyring.Source) func(operation.Operation, store.Document) webhook.SenderKeys {
	return func(op operation.Operation, d store.Document) webhook.SenderKeys {
		return keys.Open(keyring.SenderOf(op.Tenant, op.AgentID, op.Target), d)
	}
}
