package dynamo

import (
	"adcp-orchestrator/pkg/store"
	"context"
)

// Circuit implements orchestrator.Store.
func (s *Store) Circuit(ctx context.Context, tenant, agentID string) (store.Document, error) {
	i, err := s.get(ctx, circuitKey(tenant, agentID))
	if err == nil && i == nil {
		err = store.ErrNotFound
	}
	return store.Document{Version: number(i, "version"), Body: data(i, "body")}, err
}

// PutCircuit implements orchestrator.Store.
func (s *Store) PutCircuit(ctx context.Context, tenant, agentID string, d store.Document) error {
	return s.putVersion(ctx, with(circuitKey(tenant, agentID), item{"body": bin(d.Body)}), d.Version)
}

// circuitKey is beside the agent's profile: whoever needs both can have them with one query.
func circuitKey(tenant, agentID string) item { return key(tenant, "agent", agentID, "circuit") }
