package dynamo

import (
	"context"

	"adcp-orchestrator/pkg/store"
)

// Circuit returns the circuit's document, or store.ErrNotFound.
func (s *Store) Circuit(ctx context.Context, tenant, agentID string) (store.Document, error) {
	i, err := s.get(ctx, agentKey(tenant, agentID, skCircuit))
	if err == nil && i == nil {
		err = store.ErrNotFound
	}
	return readDocument(i), err
}

// PutCircuit stores a document if the version before it is stored, or returns store.ErrStale.
func (s *Store) PutCircuit(ctx context.Context, tenant, agentID string, d store.Document) error {
	return s.putVersion(ctx, with(agentKey(tenant, agentID, skCircuit), item{"body": bin(d.Body)}), d.Version)
}
