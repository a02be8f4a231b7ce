package memory

import (
	"adcp-orchestrator/pkg/apikey"
	"adcp-orchestrator/pkg/registry"
	"adcp-orchestrator/pkg/store"
	"context"
)

// Agent implements orchestrator.Store.
func (s *Store) Agent(_ context.Context, tenant, agentID string) (registry.Agent, error) {
	return find(s, s.agents, id{tenant, agentID})
}

// PutAgent implements orchestrator.Store.
func (s *Store) PutAgent(_ context.Context, a registry.Agent) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.agents[id{a.Tenant, a.ID}].Version != a.Version-1 {
		return store.ErrStale
	}
	s.agents[id{a.Tenant, a.ID}] = a
	return nil
}

// Profile implements orchestrator.Store.
func (s *Store) Profile(_ context.Context, tenant, agentID string) (registry.Profile, error) {
	return find(s, s.profiles, id{tenant, agentID})
}

// PutProfile implements orchestrator.Store.
func (s *Store) PutProfile(_ context.Context, tenant, agentID string, p registry.Profile) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.profiles[id{tenant, agentID}] = p
	return nil
}

// Key implements orchestrator.Store.
func (s *Store) Key(_ context.Context, tenant, hash string) (apikey.Key, error) {
	return find(s, s.apiKeys, id{tenant, hash})
}

// PutKey implements orchestrator.Store.
func (s *Store) PutKey(_ context.Context, k apikey.Key) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.apiKeys[id{k.Tenant, k.Hash}] = k
	return nil
}
