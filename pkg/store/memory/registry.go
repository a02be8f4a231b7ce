package memory

import (
	"context"
	"math"

	"adcp-orchestrator/pkg/registry"
	"adcp-orchestrator/pkg/store/layout"
)

// Agent returns an agent's entry, or store.ErrNotFound.
func (s *Store) Agent(_ context.Context, tenant, agentID string) (registry.Agent, error) {
	a, err := readDoc[registry.Agent](s, s.agents, id{tenant, agentID})
	a.Tenant = tenant
	return a, err
}

// PutAgent stores an entry if the version before it is stored, or returns store.ErrStale.
func (s *Store) PutAgent(ctx context.Context, a registry.Agent) error {
	return s.AddAgent(ctx, a, math.MaxInt)
}

// CountAgents returns how many agents of a tenant are stored.
func (s *Store) CountAgents(_ context.Context, tenant string) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.countAgents(tenant), nil
}

// countAgents counts the agents of a tenant. The caller holds the lock.
func (s *Store) countAgents(tenant string) (n int) {
	for k := range s.agents {
		if k.tenant == tenant {
			n++
		}
	}
	return n
}

// Profile returns what was discovered about an agent at an endpoint, or store.ErrNotFound.
func (s *Store) Profile(_ context.Context, tenant, agentID string, at registry.Endpoint) (registry.Profile, error) {
	return readDoc[registry.Profile](s, s.profiles, profileID(tenant, agentID, at))
}

// PutProfile replaces an agent's profile of the same endpoint.
func (s *Store) PutProfile(_ context.Context, tenant, agentID string, p registry.Profile) error {
	k := layout.ProfileKey(tenant, agentID, p.Endpoint().Key()).Until(s.now().Add(registry.ProfileFor))
	return s.putDoc(s.profiles, profileID(tenant, agentID, p.Endpoint()), k, p)
}

func profileID(tenant, agentID string, at registry.Endpoint) id {
	return id{tenant, agentID + "\x00" + at.Key()}
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
