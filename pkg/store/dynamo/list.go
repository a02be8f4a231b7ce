package dynamo

import (
	"context"
	"fmt"
	"sync"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/store/layout"
	"adcp-orchestrator/pkg/store/listing"
)

// List reads a page of a tenant's operations. What has changed in the last moments may be missing
// or be shown as it was.
func (s *Store) List(ctx context.Context, tenant string, q operation.ListQuery) (operation.ListPage, error) {
	return listing.List(ctx, s, tenant, q, s.now())
}

// Keys reads entries of a range. It is the store's part of listing.List.
func (s *Store) Keys(ctx context.Context, r layout.Range, ascending bool, limit int) (
	found []layout.Entry, more bool, err error) {
	in := s.rangeQuery(r, limit)
	in.ScanIndexForward = &ascending
	out, err := s.api.Query(ctx, in)
	if err != nil {
		return nil, false, fmt.Errorf("list: %w", err)
	}
	for _, i := range out.Items {
		pk, sk := text(i, r.Index.PK), text(i, r.Index.SK)
		if r.Index.Name == "" {
			pk, sk = text(i, "pk"), text(i, "sk")
		}
		if e, ok := layout.ReadEntry(r.Index, pk, sk); ok {
			found = append(found, e)
		}
	}
	return found, len(out.LastEvaluatedKey) > 0, nil
}

// rangeQuery is a query of a range. References are read consistently: what was just submitted is
// found by its name.
func (s *Store) rangeQuery(r layout.Range, limit int) *dynamodb.QueryInput {
	consistent, most, condition := r.Index.Name == "", int32(limit), "#pk = :pk AND #sk BETWEEN :lo AND :hi"
	in := &dynamodb.QueryInput{
		TableName:                 &s.table,
		ConsistentRead:            &consistent,
		Limit:                     &most,
		KeyConditionExpression:    &condition,
		ExpressionAttributeNames:  map[string]string{"#pk": "pk", "#sk": "sk"},
		ExpressionAttributeValues: item{":pk": str(r.PK), ":lo": str(r.Lo), ":hi": str(r.Hi)},
	}
	if r.Index.Name != "" {
		in.IndexName = &r.Index.Name
		in.ExpressionAttributeNames = map[string]string{"#pk": r.Index.PK, "#sk": r.Index.SK}
	}
	return in
}

// Items reads operations by their ids, at most a hundred. It is the store's part of listing.List.
func (s *Store) Items(ctx context.Context, tenant string, ids []string, consistent bool) (
	map[string]layout.Item, error) {
	keys := make([]item, len(ids))
	for n, id := range ids {
		keys[n] = operationKey(tenant, id, layout.SKOperation)
	}
	found, err := s.getEach(ctx, keys, consistent)
	if err != nil {
		return nil, err
	}
	items := make(map[string]layout.Item, len(ids))
	for n, id := range ids {
		if i := found(keys[n]); i != nil {
			items[id] = plain(i)
		}
	}
	return items, nil
}

// Counts counts a tenant's operations by state, and those that need a person, as far as
// operation.MaxStateCount and MaxAttentionCount. Those that have expired count until the table
// deletes them.
func (s *Store) Counts(ctx context.Context, tenant string) (operation.Counts, error) {
	states := operation.States()
	counts, faults := make([]operation.Count, len(states)+1), make([]error, len(states)+1)
	var wg sync.WaitGroup
	for n, state := range states {
		wg.Go(func() {
			counts[n], faults[n] = s.count(ctx, layout.StateRange(tenant, state), operation.MaxStateCount)
		})
	}
	last := len(states)
	counts[last], faults[last] = s.count(ctx, layout.AttentionRange(tenant), operation.MaxAttentionCount)
	wg.Wait()
	c := operation.Counts{States: map[operation.State]operation.Count{}, Attention: counts[last]}
	for n, err := range faults {
		if err != nil {
			return operation.Counts{}, err
		}
		if n < last {
			c.States[states[n]] = counts[n]
		}
	}
	return c, nil
}

func (s *Store) count(ctx context.Context, r layout.Range, limit int) (c operation.Count, err error) {
	in := s.rangeQuery(r, limit)
	in.Select = types.SelectCount
	out, err := s.api.Query(ctx, in)
	if err != nil {
		return c, fmt.Errorf("count: %w", err)
	}
	return operation.Count{N: int(out.Count), More: len(out.LastEvaluatedKey) > 0}, nil
}
