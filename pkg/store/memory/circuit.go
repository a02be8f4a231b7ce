package memory

import (
	"adcp-orchestrator/pkg/store"
	"context"
)

// Circuit implements orchestrator.Store.
func (s *Store) Circuit(_ context.Context, tenant, agentID string) (store.Document, error) {
	d, err := find(s, s.circuits, id{tenant, agentID})
	return cloneDocument(d), err
}

// PutCircuit implements orchestrator.Store.
func (s *Store) PutCircuit(_ context.Context, tenant, agentID string, d store.Document) error {
	return s.putDocument(s.circuits, id{tenant, agentID}, d)
}
