package dynamo

import (
	"adcp-orchestrator/pkg/inbox"
	"adcp-orchestrator/pkg/store"
	"cmp"
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// Arrive implements orchestrator.Store: one request. The keyring is read for signatures only: nothing else needs it.
func (s *Store) LoadDelivery(ctx context.Context, a inbox.DeliveryQuery) (inbox.DeliveryContext, error) {
	now := s.now().Unix()
	n := inbox.Nonce{Tenant: a.Route.Tenant, Sender: a.Route.Sender, KeyID: a.KeyID, Value: a.Nonce}
	counter, room := nonceCounter(n, now, cmp.Or(a.MaxNonces, inbox.NoncesPerWindow))
	wanted := []item{operationKey(n.Tenant, a.Route.OperationID, skOperation)}
	if a.KeyID != "" {
		wanted = append(wanted, keyringKey(n.Tenant, n.Sender))
		if a.Nonce != "" {
			wanted = append(wanted, nonceKey(n), counter)
		}
	}
	found, err := s.getAll(ctx, wanted)
	if err != nil {
		return inbox.DeliveryContext{}, err
	}
	got := inbox.DeliveryContext{Keyring: readKeyring(found(keyringKey(n.Tenant, n.Sender)))}
	if i := found(wanted[0]); i != nil {
		if got.Operation, err = readOperation(i); err != nil {
			return inbox.DeliveryContext{}, err
		}
	}
	// TTL only cleans up: the expiry is compared here (contract F77).
	nonce := found(nonceKey(n))
	got.NonceSeen, got.NonceFull = nonce != nil && number(nonce, "ttl") >= now, number(found(counter), "n") >= room
	return got, nil
}

// getAll reads items of different partitions consistently, with one request unless the table leaves some unread. found is nil for what is not there.
func (s *Store) getAll(ctx context.Context, keys []item) (found func(k item) item, err error) {
	consistent, items := true, map[string]item{}
	for try := 0; ; try++ {
		out, err := s.api.BatchGetItem(ctx, &dynamodb.BatchGetItemInput{
			RequestItems: map[string]types.KeysAndAttributes{s.table: {Keys: keys, ConsistentRead: &consistent}}})
		if err != nil {
			return nil, fmt.Errorf("batch get: %w", err)
		}
		for _, i := range out.Responses[s.table] {
			items[text(i, "pk")] = i
		}
		if keys = out.UnprocessedKeys[s.table].Keys; len(keys) == 0 {
			return func(k item) item { return items[text(k, "pk")] }, nil
		}
		if try == retries {
			return nil, fmt.Errorf("batch get: %d items were left unread", len(keys))
		}
		if err := pause(ctx, try); err != nil {
			return nil, err
		}
	}
}

// ClaimNonce implements orchestrator.Store: the nonce and its place among the key's in one transaction.
func (s *Store) ClaimNonce(ctx context.Context, n inbox.Nonce, until time.Time, most int) error {
	now := s.now().Unix()
	counter, room := nonceCounter(n, now, most)
	failed, err := s.transact(ctx, []types.TransactWriteItem{
		s.put(with(nonceKey(n), item{"ttl": num(wholeSeconds(until))}), absent+" OR #ttl < :now", item{":now": num(now)}, map[string]string{"#ttl": "ttl"}),
		s.countTo(counter, room, (now/nonceWindow+2)*nonceWindow),
	})
	if err != nil {
		return fmt.Errorf("claim nonce: %w", err)
	}
	if _, seen := failed[0]; seen {
		return store.ErrNonceSeen
	}
	if len(failed) > 0 {
		return store.ErrFull
	}
	return nil
}

func nonceKey(n inbox.Nonce) item {
	return key(n.Tenant, "nonce", n.Sender+"#"+hashHex(n.KeyID+"\x00"+n.Value), skOnly)
}

const (
	nonceWindow = int64(inbox.NonceWindow / time.Second)
	// nonceShards spreads a key's counter: transactions on one item are in each other's way.
	nonceShards = 16
)

// nonceCounter is the item that a nonce is counted in, and how far that one may count: what all of a window's count is never more than most.
func nonceCounter(n inbox.Nonce, now int64, most int) (counter item, room int64) {
	shards := max(1, min(nonceShards, most))
	name := n.Sender + "#" + hashHex(n.KeyID) + "#" + strconv.FormatInt(now/nonceWindow, 10) + "#" + strconv.Itoa(shard(n.Value, shards))
	return key(n.Tenant, "nonces", name, skOnly), int64(most / shards)
}

// countTo counts an item up in a transaction, on condition that it has not come to most. It can be forgotten at ttl.
func (s *Store) countTo(counter item, most, ttl int64) types.TransactWriteItem {
	update, condition := "SET #ttl = :ttl ADD n :one", "attribute_not_exists(n) OR n < :most"
	return types.TransactWriteItem{Update: &types.Update{TableName: &s.table, Key: counter, UpdateExpression: &update, ConditionExpression: &condition,
		ExpressionAttributeNames: map[string]string{"#ttl": "ttl"}, ExpressionAttributeValues: item{":ttl": num(ttl), ":one": num(1), ":most": num(most)}}}
}

// wholeSeconds is a time in Unix seconds, rounded up: what is kept until then is not for the table to delete before.
func wholeSeconds(t time.Time) int64 { return t.Add(time.Second - 1).Unix() }

// Keyring implements orchestrator.Store.
func (s *Store) Keyring(ctx context.Context, tenant, sender string) (store.Document, error) {
	i, err := s.get(ctx, keyringKey(tenant, sender))
	if err == nil && i == nil {
		err = store.ErrNotFound
	}
	return readKeyring(i), err
}

// PutKeyring implements orchestrator.Store.
func (s *Store) PutKeyring(ctx context.Context, tenant, sender string, d store.Document) error {
	return s.putVersion(ctx, with(keyringKey(tenant, sender), item{"body": bin(d.Body)}), d.Version)
}

func keyringKey(tenant, sender string) item { return key(tenant, "keyring", sender, skOnly) }

func readKeyring(i item) store.Document {
	return store.Document{Version: number(i, "version"), Body: data(i, "body")}
}
