package dynamo

import (
	"context"

	"adcp-orchestrator/pkg/store"
	"adcp-orchestrator/pkg/store/layout"
)

// Circuit returns the circuit's document, or store.ErrNotFound.
func (s *Store) Circuit(ctx context.Context, tenant, agentID string) (store.Document, error) {
	i, err := s.get(ctx, attributes(layout.AgentKey(tenant, agentID, layout.SKCircuit)))
	if err == nil && i == nil {
		err = store.ErrNotFound
	}
	return readDocument(i), err
}

// PutCircuit stores a document if the version before it is stored, or returns store.ErrStale.
func (s *Store) PutCircuit(ctx context.Context, tenant, agentID string, d store.Document) error {
	return s.putVersion(ctx, layout.AgentKey(tenant, agentID, layout.SKCircuit).WithBody(d))
}
