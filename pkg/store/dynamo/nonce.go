package dynamo

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"adcp-orchestrator/pkg/digest"
	"adcp-orchestrator/pkg/inbox"
	"adcp-orchestrator/pkg/store"
)

const (
	nonceWindow = int64(inbox.NonceWindow / time.Second)
	// nonceShards is how many counters a key has: transactions on one counter would conflict.
	nonceShards = 16
)

// ClaimNonce stores a nonce and counts it, in one transaction. It returns store.ErrNonceSeen or
// store.ErrFull.
func (s *Store) ClaimNonce(ctx context.Context, n inbox.Nonce, until time.Time, limit int) error {
	now := s.now().Unix()
	counter, room := nonceCounter(n, now, limit)
	i := with(nonceKey(n), item{"ttl": num(wholeSeconds(until))})
	// TTL only cleans up: the expiry is compared here (contract F77).
	unseen, names := absent+" OR #ttl < :now", map[string]string{"#ttl": "ttl"}
	failed, err := s.transact(ctx, []types.TransactWriteItem{
		s.put(i, unseen, item{":now": num(now)}, names),
		s.increment(counter, room, (now/nonceWindow+2)*nonceWindow),
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
	return key(n.Tenant, "nonce", n.Sender+"#"+digest.Hex(n.KeyID+"\x00"+n.Value), skOnly)
}

// nonceCounter returns the counter of a nonce, and the counter's own limit: all counters of a
// window together never exceed limit.
func nonceCounter(n inbox.Nonce, now int64, limit int) (counter item, room int64) {
	shards := max(1, min(nonceShards, limit))
	window := strconv.FormatInt(now/nonceWindow, 10)
	name := n.Sender + "#" + digest.Hex(n.KeyID) + "#" + window + "#" + strconv.Itoa(store.Shard(n.Value, shards))
	return key(n.Tenant, "nonces", name, skOnly), int64(limit / shards)
}
