package memory

import (
	"context"

	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/registry"
	"adcp-orchestrator/pkg/store"
	"adcp-orchestrator/pkg/store/layout"
)

// openCount is how many operations of an agent are open. The count of an agent that was deleted is
// closed.
type openCount struct {
	n      int
	closed bool
}

// AddAgent stores an agent's first entry, and takes away what the deletion of a former agent of
// that id has left. It returns store.ErrStale if there is an entry, or store.ErrFull.
func (s *Store) AddAgent(_ context.Context, a registry.Agent, limit int) error {
	i, err := layout.AgentKey(a.Tenant, a.ID, layout.SKRegistry).With(layout.Item{"version": a.Version}).
		With(layout.ListEntry(a.Tenant, layout.KindAgents, a.CreatedAt, a.ID)).WithDoc(a)
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
	if a.Version == 1 {
		if s.countAgents(a.Tenant) >= limit {
			return store.ErrFull
		}
		delete(s.brakes, k)
		s.open[k] = openCount{n: s.open[k].n}
	}
	s.agents[k] = s.agents[k].With(i)
	return nil
}

// DeleteAgent deletes the entry of that version and its brake, on condition that no operation of
// the agent is open: from then on Create refuses. It returns store.ErrNotFound, store.ErrStale or a
// *store.AgentBusyError.
func (s *Store) DeleteAgent(_ context.Context, tenant, agentID string, version int64) error {
	if err := s.conflict("DeleteAgent", maxTries); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	k := id{tenant, agentID}
	stored, ok := s.agents[k]
	switch {
	case !ok:
		return store.ErrNotFound
	case stored.Number("version") != version:
		return store.ErrStale
	case s.open[k].n > 0:
		return &store.AgentBusyError{Open: s.open[k].n}
	}
	delete(s.agents, k)
	delete(s.brakes, k)
	s.open[k] = openCount{closed: true}
	return nil
}

// OpenOperations returns how many operations of an agent are open.
func (s *Store) OpenOperations(_ context.Context, tenant, agentID string) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.open[id{tenant, agentID}].n, nil
}

// countOpen counts an operation among its agent's open ones, or takes it out. The caller holds the
// lock.
func (s *Store) countOpen(op operation.Operation, by int) {
	k := id{op.Tenant, op.AgentID}
	c := s.open[k]
	c.n += by
	s.open[k] = c
}

// AgentsPage lists a tenant's agents, the newest first. The cursor is a position in the list.
func (s *Store) AgentsPage(_ context.Context, tenant, after string, limit int) (
	page []registry.Agent, next string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	items, next := pageOf(s, s.agents, layout.ListQuery{Tenant: tenant, Kind: layout.KindAgents, Before: after}, limit)
	for _, i := range items {
		a, err := layout.ReadDoc[registry.Agent](i)
		if err != nil {
			return nil, "", err
		}
		a.Tenant = tenant
		page = append(page, a)
	}
	return page, next, nil
}

// Brake returns an agent's brake, the zero one if none was ever put.
func (s *Store) Brake(_ context.Context, tenant, agentID string) (registry.Brake, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i, ok := s.brakes[id{tenant, agentID}]
	if !ok {
		return registry.Brake{}, nil
	}
	return layout.ReadDoc[registry.Brake](i)
}

// PutBrake stores an agent's brake if there is an entry of the agent, or returns store.ErrNotFound.
func (s *Store) PutBrake(_ context.Context, tenant, agentID string, b registry.Brake) error {
	i, err := layout.BrakeKey(tenant, agentID).WithDoc(b)
	if err == nil {
		err = i.Check()
	}
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	k := id{tenant, agentID}
	if _, ok := s.agents[k]; !ok {
		return store.ErrNotFound
	}
	s.brakes[k] = i
	return nil
}

// Paused reports whether an agent's brake is on.
func (s *Store) Paused(ctx context.Context, tenant, agentID string) (bool, error) {
	b, err := s.Brake(ctx, tenant, agentID)
	return b.On, err
}
