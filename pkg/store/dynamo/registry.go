package dynamo

import (
	"context"
	"encoding/json"

	"adcp-orchestrator/pkg/registry"
)

func agentKey(tenant, agentID, sk string) item { return key(tenant, "agent", agentID, sk) }

// Agent returns an agent's entry, or store.ErrNotFound.
func (s *Store) Agent(ctx context.Context, tenant, id string) (registry.Agent, error) {
	a, err := getDocument[registry.Agent](ctx, s, agentKey(tenant, id, skRegistry))
	a.Tenant = tenant
	return a, err
}

// PutAgent stores an entry if the version before it is stored, or returns store.ErrStale.
func (s *Store) PutAgent(ctx context.Context, a registry.Agent) error {
	doc, err := json.Marshal(a)
	if err != nil {
		return err
	}
	return s.putVersion(ctx, with(agentKey(a.Tenant, a.ID, skRegistry), item{"doc": str(string(doc))}), a.Version)
}

// Profile returns what was discovered about an agent, or store.ErrNotFound.
func (s *Store) Profile(ctx context.Context, tenant, agentID string) (registry.Profile, error) {
	return getDocument[registry.Profile](ctx, s, agentKey(tenant, agentID, skProfile))
}

// PutProfile replaces an agent's profile.
func (s *Store) PutProfile(ctx context.Context, tenant, agentID string, p registry.Profile) error {
	return s.putDocument(ctx, agentKey(tenant, agentID, skProfile), p)
}
