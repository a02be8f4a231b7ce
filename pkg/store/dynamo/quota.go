package dynamo

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"adcp-orchestrator/pkg/quota"
	"adcp-orchestrator/pkg/store/layout"
)

// limitLife is how long the table keeps a bucket that nothing happens to: longer than a count of
// open operations is believed.
const limitLife = 24 * time.Hour

// maxTakes is how often TakeTokens guesses wrongly whether a bucket is full. Each wrong guess shows
// what is stored, so a third one takes two other processes at the right moments.
const maxTakes = 4

// TakeTokens takes tokens, usually with one write. A bucket that is not full is only added to, so
// that processes do not compete for it; a full one begins at now, and only the first process can do
// that. It returns an error if others were faster each time.
func (s *Store) TakeTokens(ctx context.Context, t quota.Take) (quota.Taken, error) {
	if _, taken := t.Decide(quota.Bucket{}); !taken.OK {
		return taken, nil // more than a full bucket holds
	}
	full := !t.Last.After(t.Now)
	for range maxTakes {
		stored, err := s.takeFrom(ctx, t, full)
		var failed *types.ConditionalCheckFailedException
		if err == nil {
			return quota.Taken{OK: true, FullAt: readBucket(stored).FullAt}, nil
		}
		if !errors.As(err, &failed) {
			return quota.Taken{}, fmt.Errorf("take tokens: %w", err)
		}
		b := readBucket(failed.Item)
		if _, taken := t.Decide(b); !taken.OK {
			return taken, nil
		}
		full = !b.FullAt.After(t.Now)
	}
	return quota.Taken{}, errors.New("take tokens: the bucket changed too often")
}

// takeFrom takes tokens from a bucket that is full, or that is not. It returns the bucket after it.
func (s *Store) takeFrom(ctx context.Context, t quota.Take, full bool) (item, error) {
	update, condition := "SET full_at = full_at + :cost, #ttl = :ttl", "full_at > :now AND full_at <= :latest"
	values := item{
		":cost": num(int64(t.Cost())), ":now": num(t.Now.UnixNano()), ":latest": num(t.Latest().UnixNano()),
		":ttl": num(wholeSeconds(t.Latest().Add(limitLife))),
	}
	if full {
		update, condition = "SET full_at = :next, #ttl = :ttl", "(attribute_not_exists(full_at) OR full_at <= :now)"
		delete(values, ":cost")
		delete(values, ":latest")
		values[":next"] = num(t.Now.Add(t.Cost()).UnixNano())
	}
	if t.MaxOpen > 0 {
		update += ", open_operations = if_not_exists(open_operations, :zero) + :tokens" +
			", counted_at = if_not_exists(counted_at, :now)"
		condition += " AND (attribute_not_exists(counted_at) OR counted_at < :fresh OR open_operations <= :room)"
		values[":zero"], values[":tokens"] = num(0), num(int64(t.Tokens))
		values[":fresh"], values[":room"] = num(t.FreshAfter.UnixNano()), num(t.RoomFor())
	}
	out, err := s.api.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName:                           &s.table,
		Key:                                 attributes(layout.LimitKey(t.Tenant, t.Bucket)),
		UpdateExpression:                    &update,
		ConditionExpression:                 &condition,
		ExpressionAttributeNames:            map[string]string{"#ttl": "ttl"},
		ExpressionAttributeValues:           values,
		ReturnValues:                        types.ReturnValueAllNew,
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	})
	if err != nil {
		return nil, err
	}
	return out.Attributes, nil
}

func readBucket(i item) quota.Bucket {
	b := quota.Bucket{Open: number(i, "open_operations")}
	if n := number(i, "full_at"); n != 0 {
		b.FullAt = time.Unix(0, n).UTC()
	}
	if n := number(i, "counted_at"); n != 0 {
		b.CountedAt = time.Unix(0, n).UTC()
	}
	return b
}

// SetOpen stores how many operations of a tenant are open, unless a later count is stored.
func (s *Store) SetOpen(ctx context.Context, tenant string, n int64, at time.Time) error {
	update := "SET open_operations = :n, counted_at = :at, #ttl = :ttl"
	condition := "attribute_not_exists(counted_at) OR counted_at < :at"
	_, err := s.api.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName:                &s.table,
		Key:                      attributes(layout.LimitKey(tenant, quota.SubmissionsBucket)),
		UpdateExpression:         &update,
		ConditionExpression:      &condition,
		ExpressionAttributeNames: map[string]string{"#ttl": "ttl"},
		ExpressionAttributeValues: item{
			":n": num(n), ":at": num(at.UnixNano()), ":ttl": num(wholeSeconds(at.Add(limitLife))),
		},
	})
	if err != nil && !errors.As(err, new(*types.ConditionalCheckFailedException)) {
		return fmt.Errorf("set open operations: %w", err)
	}
	return nil
}

// CountOpen counts the operations of the due index by tenant, all shards at once. An operation is
// in it as long as it is followed.
func (s *Store) CountOpen(ctx context.Context) (map[string]int64, error) {
	var wg sync.WaitGroup
	var mu sync.Mutex
	var failed error
	open := map[string]int64{}
	for _, shard := range layout.Partitions() {
		wg.Go(func() {
			err := s.countShard(ctx, shard, func(tenant string) {
				mu.Lock()
				defer mu.Unlock()
				open[tenant]++
			})
			mu.Lock()
			defer mu.Unlock()
			failed = errors.Join(failed, err)
		})
	}
	wg.Wait()
	return open, failed
}

func (s *Store) countShard(ctx context.Context, shard string, add func(tenant string)) error {
	index, condition := layout.DueIndex.Name, "due_pk = :shard"
	in := &dynamodb.QueryInput{
		TableName:                 &s.table,
		IndexName:                 &index,
		KeyConditionExpression:    &condition,
		ExpressionAttributeValues: item{":shard": str(shard)},
	}
	for {
		out, err := s.api.Query(ctx, in)
		if err != nil {
			return fmt.Errorf("count open operations: %w", err)
		}
		for _, i := range out.Items {
			if tenant, ok := layout.TenantOf(plain(i)); ok {
				add(tenant)
			}
		}
		if in.ExclusiveStartKey = out.LastEvaluatedKey; len(in.ExclusiveStartKey) == 0 {
			return nil
		}
	}
}
