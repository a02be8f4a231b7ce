package dynamo

import (
	"context"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"adcp-orchestrator/pkg/store"
	"adcp-orchestrator/pkg/store/layout"
)

// get reads one item consistently. It returns nil if there is none.
func (s *Store) get(ctx context.Context, k item) (item, error) {
	if !storable(k) {
		return nil, nil
	}
	consistent := true
	out, err := s.api.GetItem(ctx, &dynamodb.GetItemInput{TableName: &s.table, Key: k, ConsistentRead: &consistent})
	if err != nil {
		return nil, fmt.Errorf("get %s: %w", text(k, "sk"), err)
	}
	return out.Item, nil
}

// getDocument reads the JSON document of an item, or returns store.ErrNotFound if there is none or
// if it has expired.
func getDocument[T any](ctx context.Context, s *Store, k layout.Item) (T, error) {
	var v T
	i, err := s.get(ctx, attributes(k))
	if err != nil {
		return v, err
	}
	if found := plain(i); i != nil && !found.Expired(s.now()) {
		return layout.ReadDoc[T](found)
	}
	return v, store.ErrNotFound
}

// getAll reads items of different partitions consistently. It makes one request, and more only if
// the table leaves some items unread. found returns nil for an item that does not exist.
func (s *Store) getAll(ctx context.Context, keys []item) (found func(k item) item, err error) {
	return s.getEach(ctx, keys, true)
}

// getEach is getAll, and for half of the price what may be some moments old.
func (s *Store) getEach(ctx context.Context, keys []item, consistent bool) (found func(k item) item, err error) {
	items := map[string]item{}
	found = func(k item) item { return items[text(k, "pk")] }
	keys = slices.DeleteFunc(slices.Clone(keys), func(k item) bool { return !storable(k) })
	if len(keys) == 0 {
		return found, nil
	}
	for try := 0; ; try++ {
		out, err := s.api.BatchGetItem(ctx, &dynamodb.BatchGetItemInput{
			RequestItems: map[string]types.KeysAndAttributes{s.table: {Keys: keys, ConsistentRead: &consistent}},
		})
		if err != nil {
			return nil, fmt.Errorf("batch get: %w", err)
		}
		for _, i := range out.Responses[s.table] {
			items[text(i, "pk")] = i
		}
		if keys = out.UnprocessedKeys[s.table].Keys; len(keys) == 0 {
			return found, nil
		}
		if try == maxRetries {
			return nil, fmt.Errorf("batch get: %d items were left unread", len(keys))
		}
		if err := waitBeforeRetry(ctx, try); err != nil {
			return nil, err
		}
	}
}

// queryAll reads all pages of a query, up to its limit.
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
