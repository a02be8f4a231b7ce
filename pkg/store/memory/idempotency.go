package memory

import (
	"context"

	"adcp-orchestrator/pkg/orchestrator"
	"adcp-orchestrator/pkg/store"
	"adcp-orchestrator/pkg/store/layout"
)

// IdempotencyRecord returns what an idempotency key is bound to, or store.ErrNotFound. A key is
// bound for longer than its operation exists.
func (s *Store) IdempotencyRecord(
	_ context.Context, tenant, keyHash string,
) (orchestrator.IdempotencyRecord, error) {
	return s.record(s.idempotency, id{tenant, keyHash})
}

// record returns who holds a key.
func (s *Store) record(claims map[id]claim, k id) (orchestrator.IdempotencyRecord, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, ok := s.held(claims, k)
	if !ok {
		return orchestrator.IdempotencyRecord{}, store.ErrNotFound
	}
	return orchestrator.IdempotencyRecord{
		OperationID: c.operationID,
		Fingerprint: c.fingerprint,
		ExpiresAt:   layout.KeyExpiresAt(c.ttl),
	}, nil
}

// held returns who holds a key. ok is false if nobody does, or not any more. The caller holds the
// lock.
func (s *Store) held(claims map[id]claim, k id) (c claim, ok bool) {
	c, ok = claims[k]
	return c, ok && !layout.Passed(c.ttl, s.now())
}

// NaturalKeyHolder returns the operation that holds a natural key, or store.ErrNotFound.
func (s *Store) NaturalKeyHolder(
	_ context.Context, tenant, naturalHash string,
) (orchestrator.IdempotencyRecord, error) {
	return s.record(s.naturalKeys, id{tenant, naturalHash})
}

// Bind binds another idempotency key to the operation that holds a natural key. It returns
// store.ErrKeyTaken, or store.ErrStale if the operation no longer holds the natural key, or if the
// operation's keys expire by now and r.ExpiresAt is zero.
func (s *Store) Bind(
	_ context.Context, tenant, keyHash, naturalHash string, r orchestrator.IdempotencyRecord,
) error {
	if err := s.conflict("Bind", maxTries); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, taken := s.held(s.idempotency, id{tenant, keyHash}); taken {
		return store.ErrKeyTaken
	}
	natural := s.naturalKeys[id{tenant, naturalHash}]
	if natural.operationID != r.OperationID || r.ExpiresAt.IsZero() && natural.ttl != 0 {
		return store.ErrStale
	}
	s.bindKey(tenant, keyHash, r)
	return nil
}

// bindKey binds an idempotency key to an operation. The caller holds the lock.
func (s *Store) bindKey(tenant, keyHash string, r orchestrator.IdempotencyRecord) {
	s.idempotency[id{tenant, keyHash}] = claim{r.OperationID, r.Fingerprint, layout.KeyTTL(r.ExpiresAt)}
	k := id{tenant, r.OperationID}
	if s.operations[k] == nil {
		s.operations[k] = &record{items: map[string]layout.Item{}}
	}
	s.operations[k].put(layout.KeyItem(tenant, r.OperationID, keyHash, r.ExpiresAt))
}
