package dynamo

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"adcp-orchestrator/pkg/orchestrator"
	"adcp-orchestrator/pkg/store"
	"adcp-orchestrator/pkg/store/layout"
)

func idempotencyKey(tenant, keyHash string) item { return key(tenant, "idempotency", keyHash, skOnly) }

func naturalKey(tenant, hash string) item { return key(tenant, "natural_key", hash, skOnly) }

// takeNaturalKey is the write of a transaction by which a new operation takes one of its natural
// keys, which must be free or held by the operation that makes room.
func (s *Store) takeNaturalKey(c orchestrator.NewOperation, hash string) types.TransactWriteItem {
	i := with(naturalKey(c.Op.Tenant, hash), item{
		"operation_id": str(c.Op.ID),
		"fingerprint":  str(c.NaturalFingerprint),
	})
	free := "attribute_not_exists(operation_id) OR operation_id = :replaces OR #ttl < :now"
	values := item{":replaces": str(*c.Replaced(hash)), ":now": num(s.now().Unix())}
	return s.put(i, free, values, map[string]string{"#ttl": "ttl"})
}

// freeNaturalKey is the write of a transaction that frees a natural key if the operation holds it.
// The item stays without a holder until the table deletes it: functions that end operations have no
// permission to delete.
func (s *Store) freeNaturalKey(tenant, hash, operationID string) types.TransactWriteItem {
	i := with(naturalKey(tenant, hash), item{"ttl": num(wholeSeconds(s.now()))})
	return s.put(i, "operation_id = :id", item{":id": str(operationID)}, nil)
}

// bindKey are the writes of a transaction that bind an idempotency key to an operation: the key,
// which must be free, and the item by which the operation finds it again.
func (s *Store) bindKey(tenant, keyHash string, r orchestrator.IdempotencyRecord) []types.TransactWriteItem {
	i := with(idempotencyKey(tenant, keyHash), item{
		"operation_id": str(r.OperationID),
		"fingerprint":  str(r.Fingerprint),
	})
	if ttl := layout.KeyTTL(r.ExpiresAt); ttl != 0 {
		i["ttl"] = num(ttl)
	}
	now, names := item{":now": num(s.now().Unix())}, map[string]string{"#ttl": "ttl"}
	back := layout.KeyItem(tenant, r.OperationID, keyHash, r.ExpiresAt)
	return []types.TransactWriteItem{
		s.put(i, absent+" OR #ttl < :now", now, names),
		s.put(attributes(back), "", nil, nil),
	}
}

// IdempotencyRecord returns what an idempotency key is bound to, or store.ErrNotFound. A key is
// bound for longer than its operation exists.
func (s *Store) IdempotencyRecord(
	ctx context.Context, tenant, keyHash string,
) (orchestrator.IdempotencyRecord, error) {
	return s.idempotencyRecord(ctx, idempotencyKey(tenant, keyHash))
}

// NaturalKeyHolder returns the operation that holds a natural key, or store.ErrNotFound.
func (s *Store) NaturalKeyHolder(
	ctx context.Context, tenant, naturalHash string,
) (orchestrator.IdempotencyRecord, error) {
	return s.idempotencyRecord(ctx, naturalKey(tenant, naturalHash))
}

// idempotencyRecord reads who has a key. The item of a natural key that was freed names nobody.
func (s *Store) idempotencyRecord(ctx context.Context, k item) (orchestrator.IdempotencyRecord, error) {
	i, err := s.get(ctx, k)
	if err != nil {
		return orchestrator.IdempotencyRecord{}, err
	}
	if text(i, "operation_id") == "" || layout.Passed(number(i, "ttl"), s.now()) {
		return orchestrator.IdempotencyRecord{}, store.ErrNotFound
	}
	return orchestrator.IdempotencyRecord{
		OperationID: text(i, "operation_id"),
		Fingerprint: text(i, "fingerprint"),
		ExpiresAt:   layout.KeyExpiresAt(number(i, "ttl")),
	}, nil
}

// Bind binds another idempotency key to the operation that holds a natural key. It returns
// store.ErrKeyTaken, or store.ErrStale if the operation no longer holds the natural key, or if the
// operation's keys expire by now and r.ExpiresAt is zero.
func (s *Store) Bind(
	ctx context.Context, tenant, keyHash, naturalHash string, r orchestrator.IdempotencyRecord,
) error {
	holds := &types.ConditionCheck{
		TableName:                 &s.table,
		Key:                       naturalKey(tenant, naturalHash),
		ConditionExpression:       new("operation_id = :id"),
		ExpressionAttributeValues: item{":id": str(r.OperationID)},
	}
	if r.ExpiresAt.IsZero() { // SetExpiry begins with the natural key: what is bound before it, it finds
		holds.ConditionExpression = new("operation_id = :id AND attribute_not_exists(#ttl)")
		holds.ExpressionAttributeNames = map[string]string{"#ttl": "ttl"}
	}
	writes := append(s.bindKey(tenant, keyHash, r), types.TransactWriteItem{ConditionCheck: holds})
	failed, err := s.transact(ctx, writes)
	if err != nil {
		return fmt.Errorf("bind: %w", err)
	}
	if _, taken := failed[0]; taken {
		return store.ErrKeyTaken
	}
	if len(failed) > 0 {
		return store.ErrStale
	}
	return nil
}
