package dynamo

import (
	"context"
	"errors"

	"adcp-orchestrator/pkg/notice"
	"adcp-orchestrator/pkg/store"
	"adcp-orchestrator/pkg/store/layout"
)

// Circuit returns the circuit's document, or store.ErrNotFound.
func (s *Store) Circuit(ctx context.Context, tenant, agentID string) (store.Document, error) {
	i, err := s.get(ctx, attributes(layout.AgentKey(tenant, agentID, layout.SKCircuit)))
	switch {
	case throttled(err): // the table is not away: whoever decides by it has to wait
		err = errors.Join(store.ErrThrottled, err)
	case err == nil && i == nil:
		err = store.ErrNotFound
	}
	return readDocument(i), err
}

// PutCircuit stores a document, and what consumers are told of it, if the version before it is
// stored, or returns store.ErrStale.
func (s *Store) PutCircuit(ctx context.Context, tenant, agentID string, d store.Document,
	told ...notice.Notice) error {
	return s.putVersion(ctx, layout.AgentKey(tenant, agentID, layout.SKCircuit).WithBody(d), told...)
}
