package dynamo

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/store"
	"adcp-orchestrator/pkg/store/layout"
)

// expiryBatch is how many items one transaction of SetExpiry changes: with the largest items it
// stays below the limit of 4 MB.
const expiryBatch = 10

// SetExpiry sets the ttl of everything that is kept beside an operation, or removes it if the
// operation does not expire. Each transaction is on condition that the operation still has that
// expiry, so that a slow run can't undo a later one. The natural keys come first: after them Bind
// binds no key that does not expire, and the query sees all that were bound before. What the query
// does not see was stored after the operation's expiry, and has it already. It returns
// store.ErrStale.
func (s *Store) SetExpiry(ctx context.Context, op operation.Operation) error {
	ttl, keyTTL := layout.TTL(op.ExpiresAt), layout.KeyTTL(op.ExpiresAt)
	var first []types.TransactWriteItem
	for _, k := range op.NaturalKeys() {
		first = append(first, s.setTTL(naturalKey(op.Tenant, k), keyTTL, op.ID))
	}
	if op.TaskID != "" {
		first = append(first, s.setTTL(taskKey(op), ttl, op.ID))
	}
	for _, name := range op.Names() {
		ref := attributes(layout.RefItem(op, name))
		first = append(first, s.setTTL(item{"pk": ref["pk"], "sk": ref["sk"]}, ttl, ""))
	}
	if err := s.expire(ctx, op, ttl, first); err != nil {
		return err
	}
	items, err := s.ttls(ctx, op)
	if err != nil {
		return err
	}
	var writes []types.TransactWriteItem
	for _, i := range items {
		sk := text(i, "sk")
		if sk == layout.SKOperation || number(i, "ttl") == ttl {
			continue
		}
		if hash, ok := strings.CutPrefix(sk, layout.SKKey); ok {
			writes = append(writes, s.setTTL(idempotencyKey(op.Tenant, hash), keyTTL, op.ID))
		}
		writes = append(writes, s.setTTL(item{"pk": i["pk"], "sk": i["sk"]}, ttl, ""))
	}
	for batch := range slices.Chunk(writes, expiryBatch) {
		if err := s.expire(ctx, op, ttl, batch); err != nil {
			return err
		}
	}
	return nil
}

// ttls reads the keys of an operation's items, each with its ttl.
func (s *Store) ttls(ctx context.Context, op operation.Operation) ([]item, error) {
	consistent, condition, projection := true, "pk = :pk", "pk, sk, #ttl"
	return s.queryAll(ctx, &dynamodb.QueryInput{
		TableName:                 &s.table,
		ConsistentRead:            &consistent,
		KeyConditionExpression:    &condition,
		ProjectionExpression:      &projection,
		ExpressionAttributeNames:  map[string]string{"#ttl": "ttl"},
		ExpressionAttributeValues: item{":pk": operationKey(op.Tenant, op.ID, "")["pk"]},
	})
}

// setTTL is a write of a transaction that sets the ttl of an item, or removes it if it is 0. The
// item has to exist, and to be holder's if that is not empty.
func (s *Store) setTTL(k item, ttl int64, holder string) types.TransactWriteItem {
	update, condition, values := "REMOVE #ttl", "attribute_exists(pk)", item{}
	if ttl != 0 {
		update, values[":ttl"] = "SET #ttl = :ttl", num(ttl)
	}
	if holder != "" {
		condition, values[":id"] = "operation_id = :id", str(holder)
	}
	u := &types.Update{
		TableName:                &s.table,
		Key:                      k,
		UpdateExpression:         &update,
		ConditionExpression:      &condition,
		ExpressionAttributeNames: map[string]string{"#ttl": "ttl"},
	}
	if len(values) > 0 {
		u.ExpressionAttributeValues = values
	}
	return types.TransactWriteItem{Update: u}
}

// expire makes writes of SetExpiry in one transaction, on condition that the operation has that
// ttl. An item that does not exist, or is another operation's by now, is left out.
func (s *Store) expire(ctx context.Context, op operation.Operation, ttl int64, writes []types.TransactWriteItem) error {
	same := &types.ConditionCheck{
		TableName:                &s.table,
		Key:                      operationKey(op.Tenant, op.ID, layout.SKOperation),
		ConditionExpression:      new("attribute_exists(pk) AND attribute_not_exists(#ttl)"),
		ExpressionAttributeNames: map[string]string{"#ttl": "ttl"},
	}
	if ttl != 0 {
		same.ConditionExpression = new("#ttl = :ttl")
		same.ExpressionAttributeValues = item{":ttl": num(ttl)}
	}
	for len(writes) > 0 {
		failed, err := s.transact(ctx, append([]types.TransactWriteItem{{ConditionCheck: same}}, writes...))
		if err != nil {
			return fmt.Errorf("set expiry: %w", err)
		}
		if _, stale := failed[0]; stale {
			return store.ErrStale
		}
		if len(failed) == 0 {
			return nil
		}
		var left []types.TransactWriteItem
		for n, w := range writes {
			if _, lost := failed[n+1]; !lost {
				left = append(left, w)
			}
		}
		writes = left
	}
	return nil
}
