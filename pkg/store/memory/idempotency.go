package memory

import (
	"context"

	"adcp-orchestrator/pkg/orchestrator"
	"adcp-orchestrator/pkg/store"
)

// IdempotencyRecord returns what an idempotency key is bound to, or store.ErrNotFound.
func (s *Store) IdempotencyRecord(
	_ context.Context, tenant, keyHash string,
) (orchestrator.IdempotencyRecord, error) {
	return find(s, s.idempotency, id{tenant, keyHash})
}

// NaturalKeyHolder returns the operation that holds a natural key, or store.ErrNotFound.
func (s *Store) NaturalKeyHolder(
	_ context.Context, tenant, naturalHash string,
) (orchestrator.IdempotencyRecord, error) {
	return find(s, s.naturalKeys, id{tenant, naturalHash})
}

// Bind binds another idempotency key to the operation that holds a natural key. It returns
// store.ErrKeyTaken, or store.ErrStale if the operation no longer holds the natural key.
func (s *Store) Bind(
	_ context.Context, tenant, keyHash, naturalHash string, r orchestrator.IdempotencyRecord,
) error {
	if err := s.conflict("Bind", maxTries); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, taken := s.idempotency[id{tenant, keyHash}]; taken {
		return store.ErrKeyTaken
	}
	if s.naturalKeys[id{tenant, naturalHash}].OperationID != r.OperationID {
		return store.ErrStale
	}
	s.idempotency[id{tenant, keyHash}] = r
	return nil
}
