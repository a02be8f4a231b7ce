// Package dynamo keeps the orchestrator's state in one DynamoDB table. Every key starts with the tenant. Every write that depends on what was read is
// conditional on it; what belongs together is one transaction.
package dynamo

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// API is the part of DynamoDB's client that the store uses.
type API interface {
	GetItem(context.Context, *dynamodb.GetItemInput, ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error)
	BatchGetItem(context.Context, *dynamodb.BatchGetItemInput, ...func(*dynamodb.Options)) (*dynamodb.BatchGetItemOutput, error)
	PutItem(context.Context, *dynamodb.PutItemInput, ...func(*dynamodb.Options)) (*dynamodb.PutItemOutput, error)
	UpdateItem(context.Context, *dynamodb.UpdateItemInput, ...func(*dynamodb.Options)) (*dynamodb.UpdateItemOutput, error)
	Query(context.Context, *dynamodb.QueryInput, ...func(*dynamodb.Options)) (*dynamodb.QueryOutput, error)
	TransactWriteItems(context.Context, *dynamodb.TransactWriteItemsInput, ...func(*dynamodb.Options)) (*dynamodb.TransactWriteItemsOutput, error)
}

// Store implements orchestrator.Store on a table as infra/table.go makes it.
type Store struct {
	api   API
	table string
	now   func() time.Time
}

// FromConfig returns a store on a table, by a client of its own.
func FromConfig(c aws.Config, table string, now func() time.Time) *Store {
	return New(dynamodb.NewFromConfig(c), table, now)
}

// New returns a store on a table. Expiries are compared with now.
func New(api API, table string, now func() time.Time) *Store {
	return &Store{api: api, table: table, now: now}
}

type item = map[string]types.AttributeValue

func str(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }
func num(n int64) types.AttributeValue {
	return &types.AttributeValueMemberN{Value: strconv.FormatInt(n, 10)}
}
func bin(b []byte) types.AttributeValue { return &types.AttributeValueMemberB{Value: b} }

func text(i item, name string) string {
	if v, ok := i[name].(*types.AttributeValueMemberS); ok {
		return v.Value
	}
	return ""
}

func number(i item, name string) int64 {
	if v, ok := i[name].(*types.AttributeValueMemberN); ok {
		n, _ := strconv.ParseInt(v.Value, 10, 64)
		return n
	}
	return 0
}

func data(i item, name string) []byte {
	if v, ok := i[name].(*types.AttributeValueMemberB); ok {
		return v.Value
	}
	return nil
}

// The keys of the table. A tenant's name has no '#', so no tenant can reach into another's.
const (
	skOperation = "operation"
	skRequest   = "request#" // place
	skResult    = "result#"  // place
	skResume    = "resume#"  // the pause's generation, place
	skEvent     = "event#"   // sequence number, place
	skOnly      = "-"
)

func key(tenant, kind, name, sk string) item {
	return item{"pk": str(tenant + "#" + kind + "#" + name), "sk": str(sk)}
}

func operationKey(tenant, id, sk string) item { return key(tenant, "op", id, sk) }

// with returns a copy of the key with more attributes.
func with(k item, more item) item {
	out := make(item, len(k)+len(more))
	for n, v := range k {
		out[n] = v
	}
	for n, v := range more {
		out[n] = v
	}
	return out
}

// get reads one item consistently; nil if there is none.
func (s *Store) get(ctx context.Context, k item) (item, error) {
	consistent := true
	out, err := s.api.GetItem(ctx, &dynamodb.GetItemInput{TableName: &s.table, Key: k, ConsistentRead: &consistent})
	if err != nil {
		return nil, fmt.Errorf("get %s: %w", text(k, "sk"), err)
	}
	return out.Item, nil
}

// queryAll reads all items of a query, page after page.
func (s *Store) queryAll(ctx context.Context, in *dynamodb.QueryInput) ([]item, error) {
	var all []item
	for {
		out, err := s.api.Query(ctx, in)
		if err != nil {
			return nil, fmt.Errorf("query: %w", err)
		}
		all = append(all, out.Items...)
		if len(out.LastEvaluatedKey) == 0 || in.Limit != nil && len(all) >= int(*in.Limit) {
			return all, nil
		}
		in.ExclusiveStartKey = out.LastEvaluatedKey
	}
}

// transact writes all items or none. It returns the places of the items whose condition failed, with what was stored there; other transactions in
// the way are waited for.
func (s *Store) transact(ctx context.Context, writes []types.TransactWriteItem) (failed map[int]item, err error) {
	for try := 0; ; try++ {
		_, err = s.api.TransactWriteItems(ctx, &dynamodb.TransactWriteItemsInput{TransactItems: writes})
		var cancelled *types.TransactionCanceledException
		if err == nil || !errors.As(err, &cancelled) {
			return nil, err
		}
		failed = map[int]item{}
		inTheWay := false
		for i, r := range cancelled.CancellationReasons {
			if r.Code == nil {
				continue
			}
			switch *r.Code {
			case "ConditionalCheckFailed":
				failed[i] = r.Item
			case "TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded":
				inTheWay = true
			}
		}
		if len(failed) > 0 {
			return failed, nil
		}
		if !inTheWay || try == retries {
			return nil, err
		}
		if err := pause(ctx, try); err != nil {
			return nil, err
		}
	}
}

// retries is how often something is tried again that the table had no time for: for less than four seconds in all.
const retries = 12

// pause waits before the next try, longer each time, or until the context ends.
func pause(ctx context.Context, try int) error {
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
