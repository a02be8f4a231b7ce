package memory

import (
	"context"

	"adcp-orchestrator/pkg/orchestrator"
)

// Circuit implements orchestrator.Store.
func (s *Store) Circuit(_ context.Context, tenant, agentID string) (orchestrator.Document, error) {
	d, err := find(s, s.circuits, id{tenant, agentID})
	return cloneDocument(d), err
}

// PutCircuit implements orchestrator.Store.
func (s *Store) PutCircuit(_ context.Context, tenant, agentID string, d orchestrator.Document) error {
	return s.putDocument(s.circuits, id{tenant, agentID}, d)
}
