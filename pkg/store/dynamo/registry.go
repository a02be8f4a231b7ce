package dynamo

import (
	"context"

	"adcp-orchestrator/pkg/registry"
	"adcp-orchestrator/pkg/store/layout"
)

// Agent returns an agent's entry, or store.ErrNotFound.
func (s *Store) Agent(ctx context.Context, tenant, id string) (registry.Agent, error) {
	a, err := getDocument[registry.Agent](ctx, s, layout.AgentKey(tenant, id, layout.SKRegistry))
	a.Tenant = tenant
	return a, err
}

// PutAgent stores an entry if the version before it is stored, or returns store.ErrStale.
func (s *Store) PutAgent(ctx context.Context, a registry.Agent) error {
	i, err := layout.AgentKey(a.Tenant, a.ID, layout.SKRegistry).With(layout.Item{"version": a.Version}).WithDoc(a)
	if err != nil {
		return err
	}
	return s.putVersion(ctx, i)
}

// Profile returns what was discovered about an agent, or store.ErrNotFound.
func (s *Store) Profile(ctx context.Context, tenant, agentID string) (registry.Profile, error) {
	return getDocument[registry.Profile](ctx, s, layout.AgentKey(tenant, agentID, layout.SKProfile))
}

// PutProfile replaces an agent's profile.
func (s *Store) PutProfile(ctx context.Context, tenant, agentID string, p registry.Profile) error {
	return s.putDocument(ctx, layout.AgentKey(tenant, agentID, layout.SKProfile), p)
}
