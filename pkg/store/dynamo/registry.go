package dynamo

import (
	"context"
	"math"

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
	if a.Version == 1 {
		return s.AddAgent(ctx, a, math.MaxInt)
	}
	i, err := agentItem(a)
	if err != nil {
		return err
	}
	return s.putVersion(ctx, i)
}

// CountAgents returns how many agents of a tenant are stored.
func (s *Store) CountAgents(ctx context.Context, tenant string) (int, error) {
	i, err := s.get(ctx, attributes(layout.LimitKey(tenant, layout.AgentsCount)))
	return int(number(i, "n")), err
}

// Profile returns what was discovered about an agent at an endpoint, or store.ErrNotFound.
func (s *Store) Profile(
	ctx context.Context, tenant, agentID string, at registry.Endpoint,
) (registry.Profile, error) {
	return getDocument[registry.Profile](ctx, s, layout.ProfileKey(tenant, agentID, at.Key()))
}

// PutProfile replaces an agent's profile of the same endpoint.
func (s *Store) PutProfile(ctx context.Context, tenant, agentID string, p registry.Profile) error {
	k := layout.ProfileKey(tenant, agentID, p.Endpoint().Key())
	return s.putDocument(ctx, k.Until(s.now().Add(registry.ProfileFor)), p)
}
