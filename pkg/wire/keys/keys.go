// Package keys builds the source of senders' keys. It is apart from package inbound so that a
// function that only shows keys does not carry what receives webhooks.
package keys

import (
	"adcp-orchestrator/pkg/config"
	"adcp-orchestrator/pkg/keyring"
	"adcp-orchestrator/pkg/store/dynamo"
	"adcp-orchestrator/pkg/telemetry"
)

// Source returns the source of the keys that agents sign webhooks with.
func Source(s *dynamo.Store) *keyring.Source {
	return keyring.FromStore(s, config.Loopback(), telemetry.CountBy(telemetry.WebhookKeys, "Event"))
}
