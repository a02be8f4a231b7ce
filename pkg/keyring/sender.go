package keyring

import (
	"context"
	"errors"

	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/orchestrator"
)

// SenderOf names the sender that an agent is, as it was registered.
func SenderOf(tenant, agentID string, t operation.Target) Sender {
	return Sender{Tenant: tenant, ID: orchestrator.SenderID(t), AgentID: agentID, AgentURL: t.URL, BrandURL: t.BrandURL}
}

// ProfileFrom reads what an agent's capabilities said of its identity from what was discovered when it was called. An agent that was not asked yet says nothing.
func ProfileFrom(s interface {
	Profile(ctx context.Context, tenant, agentID string) (orchestrator.Profile, error)
}) func(ctx context.Context, sender Sender) (brandURL, keyOrigin string, err error) {
	return func(ctx context.Context, sender Sender) (string, string, error) {
		p, err := s.Profile(ctx, sender.Tenant, sender.AgentID)
		if errors.Is(err, orchestrator.ErrNotFound) || err == nil && p.URL != sender.AgentURL {
			return "", "", nil
		}
		return p.Capabilities.Identity.BrandURL, p.Capabilities.Identity.Origins["webhook_signing"], err
	}
}

// Alarming are the events that a person should hear of: Count's, of which an alarm is made.
var Alarming = []string{"jwks_uri_changed", "key_pressure", "key_revoked", "revocation_stale"}
