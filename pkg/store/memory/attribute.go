package memory

import (
	"context"

	"adcp-orchestrator/pkg/store"
	"adcp-orchestrator/pkg/store/layout"
)

// Attribute returns a string attribute of an operation's own item, "" if it has none.
func (s *Store) Attribute(_ context.Context, tenant, opID, name string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, ok := s.operations[id{tenant, opID}]
	if !ok {
		return "", store.ErrNotFound
	}
	return r.items[layout.SKOperation].Text(name), nil
}

// SetAttribute sets a string attribute of an operation's own item, as another program would.
func (s *Store) SetAttribute(_ context.Context, tenant, opID, name, value string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, ok := s.operations[id{tenant, opID}]
	if !ok {
		return store.ErrNotFound
	}
	r.put(r.items[layout.SKOperation].With(layout.Item{name: value}))
	return nil
}
