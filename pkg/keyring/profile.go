package keyring

import (
	"context"
	"errors"

	"adcp-orchestrator/pkg/registry"
	"adcp-orchestrator/pkg/store"
)

// profileReader reads agents' discovered profiles. It returns store.ErrNotFound for an agent
// without one.
type profileReader interface {
	Profile(ctx context.Context, tenant, agentID string) (registry.Profile, error)
}

// ProfileFrom returns a Source.Profile that reads the profile that discovery stored for the agent.
// Both results are "" if the agent was not discovered yet, or at another address.
func ProfileFrom(s profileReader) func(ctx context.Context, sender Sender) (brandURL, keyOrigin string, err error) {
	return func(ctx context.Context, sender Sender) (string, string, error) {
		p, err := s.Profile(ctx, sender.Tenant, sender.AgentID)
		if errors.Is(err, store.ErrNotFound) || err == nil && p.URL != sender.AgentURL {
			return "", "", nil
		}
		identity := p.Capabilities.Identity
		return identity.BrandURL, identity.Origins["webhook_signing"], err
	}
}
