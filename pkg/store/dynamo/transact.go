package dynamo

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"adcp-orchestrator/pkg/store"
)

// maxRetries is how often a request is repeated that the table refused for the moment. All waits
// together take less than four seconds.
const maxRetries = 12

// crowdedRetries is the same for an item that many use at once: a flood of ten thousand is served
// within some ten seconds. Its waits take less than ten seconds.
const crowdedRetries = 24

// transact writes all items or none. failed maps the index of each write whose condition failed to
// the item that is stored there. Transactions that conflict are retried.
func (s *Store) transact(ctx context.Context, writes []types.TransactWriteItem) (failed map[int]item, err error) {
	for try := 0; ; try++ {
		_, err = s.api.TransactWriteItems(ctx, &dynamodb.TransactWriteItemsInput{TransactItems: writes})
		var canceled *types.TransactionCanceledException
		if err == nil || !errors.As(err, &canceled) {
			return nil, err
		}
		failed = map[int]item{}
		retry := false
		for i, r := range canceled.CancellationReasons {
			if r.Code == nil {
				continue
			}
			switch *r.Code {
			case "ConditionalCheckFailed":
				failed[i] = r.Item
			case "TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded":
				retry = true
			}
		}
		if len(failed) > 0 {
			return failed, nil
		}
		if !retry || try == maxRetries {
			return nil, err
		}
		if err := waitBeforeRetry(ctx, try); err != nil {
			return nil, err
		}
	}
}

// waitBeforeRetry waits longer after each try. It returns early if the context ends.
func waitBeforeRetry(ctx context.Context, try int) error {
	d := time.Duration(1<<min(try, 7)) * 5 * time.Millisecond
	t := time.NewTimer(d/2 + rand.N(d/2+1)) // at least half of it
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// crowded makes a request of an item that many use at once. One that its partition refuses is made
// again, with more patience than the SDK has; in the end it is store.ErrThrottled.
func crowded[T any](ctx context.Context, request func() (T, error)) (out T, err error) {
	for try := 0; ; try++ {
		if out, err = request(); !throttled(err) {
			return out, err
		}
		if try == crowdedRetries {
			return out, errors.Join(store.ErrThrottled, err)
		}
		if err := waitBeforeRetry(ctx, try); err != nil {
			return out, err
		}
	}
}

// throttled reports whether a partition or the table refused a request for the moment.
func throttled(err error) bool {
	return errors.As(err, new(*types.ProvisionedThroughputExceededException)) ||
		errors.As(err, new(*types.ThrottlingException)) || errors.As(err, new(*types.RequestLimitExceeded))
}

// put is a write of a transaction. An empty condition always holds.
func (s *Store) put(i item, condition string, values item, names map[string]string) types.TransactWriteItem {
	p := &types.Put{TableName: &s.table, Item: i}
	if condition != "" {
		p.ConditionExpression = &condition
		p.ExpressionAttributeValues = values
		p.ExpressionAttributeNames = names
		p.ReturnValuesOnConditionCheckFailure = types.ReturnValuesOnConditionCheckFailureAllOld
	}
	return types.TransactWriteItem{Put: p}
}

// increment is a write of a transaction that increments a counter, on condition that it is below
// limit. The table may delete the counter at ttl.
func (s *Store) increment(counter item, limit, ttl int64) types.TransactWriteItem {
	update, condition := "SET #ttl = :ttl ADD n :one", "attribute_not_exists(n) OR n < :limit"
	return types.TransactWriteItem{Update: &types.Update{
		TableName:                 &s.table,
		Key:                       counter,
		UpdateExpression:          &update,
		ConditionExpression:       &condition,
		ExpressionAttributeNames:  map[string]string{"#ttl": "ttl"},
		ExpressionAttributeValues: item{":ttl": num(ttl), ":one": num(1), ":limit": num(limit)},
	}}
}
