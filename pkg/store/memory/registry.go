package memory

import (
	"context"

	"adcp-orchestrator/pkg/registry"
	"adcp-orchestrator/pkg/store"
	"adcp-orchestrator/pkg/store/layout"
)

// Agent returns an agent's entry, or store.ErrNotFound.
func (s *Store) Agent(_ context.Context, tenant, agentID string) (registry.Agent, error) {
	a, err := readDoc[registry.Agent](s, s.agents, id{tenant, agentID})
	a.Tenant = tenant
	return a, err
}

// PutAgent stores an entry if the version before it is stored, or returns store.ErrStale.
func (s *Store) PutAgent(_ context.Context, a registry.Agent) error {
	i, err := layout.AgentKey(a.Tenant, a.ID, layout.SKRegistry).With(layout.Item{"version": a.Version}).WithDoc(a)
	if err == nil {
		err = i.Check()
	}
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	k := id{a.Tenant, a.ID}
	if s.agents[k].Number("version") != a.Version-1 {
		return store.ErrStale
	}
	s.agents[k] = s.agents[k].With(i)
	return nil
}

// Profile returns what was discovered about an agent, or store.ErrNotFound.
func (s *Store) Profile(_ context.Context, tenant, agentID string) (registry.Profile, error) {
	return readDoc[registry.Profile](s, s.profiles, id{tenant, agentID})
}

// PutProfile replaces an agent's profile.
func (s *Store) PutProfile(_ context.Context, tenant, agentID string, p registry.Profile) error {
	return s.putDoc(s.profiles, id{tenant, agentID}, layout.AgentKey(tenant, agentID, layout.SKProfile), p)
}

// putDoc stores a document, whatever is stored.
func (s *Store) putDoc(items map[id]layout.Item, at id, k layout.Item, v any) error {
	i, err := k.WithDoc(v)
	if err == nil {
		err = i.Check()
	}
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	items[at] = items[at].With(i)
	return nil
}
