package keyring

import (
	"context"
	"errors"

	"adcp-orchestrator/pkg/registry"
	"adcp-orchestrator/pkg/store"
)

// profileReader reads agents' discovered profiles. It returns store.ErrNotFound for an endpoint
// without one.
type profileReader interface {
	Profile(ctx context.Context, tenant, agentID string, at registry.Endpoint) (registry.Profile, error)
}

// ProfileFrom returns a Source.Profile that reads what discovery stored for the sender's own
// endpoint, which need not be the one that is registered now. Both results are "" if the agent was
// not discovered there yet.
func ProfileFrom(s profileReader) func(ctx context.Context, sender Sender) (brandURL, keyOrigin string, err error) {
	return func(ctx context.Context, sender Sender) (string, string, error) {
		p, err := s.Profile(ctx, sender.Tenant, sender.AgentID, registry.EndpointOf(sender.AgentURL, sender.Transport))
		if errors.Is(err, store.ErrNotFound) {
			return "", "", nil
		}
		identity := p.Capabilities.Identity
		return identity.BrandURL, identity.Origins["webhook_signing"], err
	}
}
