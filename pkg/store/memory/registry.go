package memory

import (
	"context"

	"adcp-orchestrator/pkg/registry"
	"adcp-orchestrator/pkg/store"
)

// Agent returns an agent's entry, or store.ErrNotFound.
func (s *Store) Agent(_ context.Context, tenant, agentID string) (registry.Agent, error) {
	return find(s, s.agents, id{tenant, agentID})
}

// PutAgent stores an entry if the version before it is stored, or returns store.ErrStale.
func (s *Store) PutAgent(_ context.Context, a registry.Agent) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.agents[id{a.Tenant, a.ID}].Version != a.Version-1 {
		return store.ErrStale
	}
	s.agents[id{a.Tenant, a.ID}] = a
	return nil
}

// Profile returns what was discovered about an agent, or store.ErrNotFound.
func (s *Store) Profile(_ context.Context, tenant, agentID string) (registry.Profile, error) {
	return find(s, s.profiles, id{tenant, agentID})
}

// PutProfile replaces an agent's profile.
func (s *Store) PutProfile(_ context.Context, tenant, agentID string, p registry.Profile) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.profiles[id{tenant, agentID}] = p
	return nil
}
