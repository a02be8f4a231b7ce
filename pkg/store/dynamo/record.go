package dynamo

import (
	"context"
	"encoding/json"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/store"
	"adcp-orchestrator/pkg/store/layout"
)

// Get returns an operation, or store.ErrNotFound if it does not exist or has expired.
func (s *Store) Get(ctx context.Context, tenant, id string) (operation.Operation, error) {
	i, err := s.get(ctx, operationKey(tenant, id, layout.SKOperation))
	if err != nil {
		return operation.Operation{}, err
	}
	if i == nil {
		return operation.Operation{}, store.ErrNotFound
	}
	return layout.ReadOperation(plain(i), s.now())
}

// Load returns an operation with its request, result and events, or store.ErrNotFound.
func (s *Store) Load(ctx context.Context, tenant, id string) (operation.Record, error) {
	items, err := s.partition(ctx, tenant, id, "")
	if err != nil {
		return operation.Record{}, err
	}
	return layout.ReadRecord(items, s.now())
}

// Request returns an operation's frozen arguments, or store.ErrNotFound.
func (s *Store) Request(ctx context.Context, tenant, id string) (json.RawMessage, error) {
	return s.body(ctx, tenant, id, layout.SKRequest)
}

// Result returns an operation's result, or store.ErrNotFound if it has none.
func (s *Store) Result(ctx context.Context, tenant, id string) (json.RawMessage, error) {
	return s.body(ctx, tenant, id, layout.SKResult)
}

// Events returns an operation's events behind a sequence number, oldest first: at most limit, and
// the others of the last one's change. more says that there may be others.
func (s *Store) Events(ctx context.Context, tenant, id string, after int64, limit int) (
	events []operation.Event, more bool, err error) {
	k := operationKey(tenant, id, layout.SKOperation)
	if !storable(k) {
		return nil, false, nil
	}
	lo, hi := layout.EventsRange(after)
	consistent, most, condition := true, int32(limit), "pk = :pk AND sk BETWEEN :lo AND :hi"
	in := &dynamodb.QueryInput{
		TableName:                 &s.table,
		ConsistentRead:            &consistent,
		Limit:                     &most,
		KeyConditionExpression:    &condition,
		ExpressionAttributeValues: item{":pk": k["pk"], ":lo": str(lo), ":hi": str(hi)},
	}
	var items []item
	for len(items) < limit { // a page that DynamoDB ends at 1 MB is short
		out, err := s.api.Query(ctx, in)
		if err != nil {
			return nil, false, err
		}
		items = append(items, out.Items...)
		if more, in.ExclusiveStartKey = len(out.LastEvaluatedKey) > 0, out.LastEvaluatedKey; !more {
			break
		}
	}
	if more { // a change is shown as a whole: the next page begins behind its number
		var last operation.Event
		if last, err = layout.ReadDoc[operation.Event](plain(items[len(items)-1])); err != nil {
			return nil, false, err
		}
		in.ExpressionAttributeValues[":hi"] = str(layout.ChangeEvents(last.Seq) + "~")
		in.Limit = nil
		rest, err := s.queryAll(ctx, in)
		if err != nil {
			return nil, false, err
		}
		items = append(items, rest...)
	}
	events, err = layout.ReadEvents(layout.Live(plainAll(items), s.now()))
	return events, more, err
}

// InputArguments returns the frozen arguments of the input to an input request, or
// store.ErrNotFound.
func (s *Store) InputArguments(ctx context.Context, tenant, id string, generation int) (json.RawMessage, error) {
	return s.body(ctx, tenant, id, layout.SKInputOf(generation))
}

// body reads the body whose items' sort keys begin with sk, or returns store.ErrNotFound.
func (s *Store) body(ctx context.Context, tenant, id, sk string) (json.RawMessage, error) {
	items, err := s.partition(ctx, tenant, id, sk)
	if err != nil {
		return nil, err
	}
	return layout.ReadChunks(layout.Live(items, s.now()))
}

// partition reads an operation's items whose sort keys begin with sk, all if it is empty.
func (s *Store) partition(ctx context.Context, tenant, id, sk string) ([]layout.Item, error) {
	k := operationKey(tenant, id, layout.SKOperation)
	if !storable(k) {
		return nil, nil
	}
	consistent, condition, values := true, "pk = :pk", item{":pk": k["pk"]}
	if sk != "" {
		condition += " AND begins_with(sk, :sk)"
		values[":sk"] = str(sk)
	}
	items, err := s.queryAll(ctx, &dynamodb.QueryInput{
		TableName:                 &s.table,
		ConsistentRead:            &consistent,
		KeyConditionExpression:    &condition,
		ExpressionAttributeValues: values,
	})
	return plainAll(items), err
}
