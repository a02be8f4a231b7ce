package dynamo

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"adcp-orchestrator/pkg/metrics"
	"adcp-orchestrator/pkg/notice"
	"adcp-orchestrator/pkg/store"
	"adcp-orchestrator/pkg/store/layout"
	"adcp-orchestrator/pkg/store/listing"
)

// counting returns what a mark adds to the counters, nil if nothing.
func (s *Store) counting(ctx context.Context, r notice.Ref, mark string) (*layout.Counting, error) {
	if mark == "" {
		return nil, nil
	}
	i, err := s.get(ctx, attributes(layout.CountedKey(r.Tenant, r.OperationID)))
	if err != nil || i == nil {
		c, failed := layout.CountingOf(r, mark, nil)
		return c, errors.Join(err, failed)
	}
	return layout.CountingOf(r, mark, plain(i))
}

// CountRest counts what an operation has used after its end, if that waits to be counted. A change
// meanwhile has another version, and another counting has counted one more: either makes it stale.
func (s *Store) CountRest(ctx context.Context, r notice.Ref) error {
	k := attributes(layout.RestKey(r.Tenant, r.OperationID))
	i, err := s.get(ctx, k)
	if err != nil || i == nil || !layout.WaitsToBeCounted(plain(i)) {
		return err
	}
	counting, err := s.counting(ctx, r, text(i, layout.AttrMark))
	if err != nil {
		return err
	}
	update, condition := "REMOVE due_pk, due_at", "version = :version AND attribute_exists(due_pk)"
	failed, err := s.transact(ctx, append([]types.TransactWriteItem{{Update: &types.Update{
		TableName:                 &s.table,
		Key:                       k,
		UpdateExpression:          &update,
		ConditionExpression:       &condition,
		ExpressionAttributeValues: item{":version": i["version"]},
	}}}, s.countWrites(counting)...))
	switch {
	case err != nil:
		return fmt.Errorf("count rest: %w", err)
	case len(failed) > 0:
		return store.ErrStale
	case counting != nil && s.counted != nil:
		s.counted(counting.Facts)
	}
	return nil
}

// countWrites are the writes of a transaction that count.
func (s *Store) countWrites(c *layout.Counting) []types.TransactWriteItem {
	if c == nil {
		return nil
	}
	first := s.put(attributes(c.Item), absent, nil, nil)
	if c.Before > 0 {
		i := maps.Clone(c.Item)
		delete(i, "ttl")
		change := rewrite(i, nil)
		change.onCondition("countings = :before", item{":before": num(c.Before)})
		first = change.inTransaction(&s.table)
	}
	return append([]types.TransactWriteItem{first}, s.countMetrics(c.Facts)...)
}

// countMetrics are the writes of a transaction that add facts to their counters.
func (s *Store) countMetrics(facts []metrics.Fact) (writes []types.TransactWriteItem) {
	for _, c := range layout.CountsOf(facts) {
		names, values := map[string]string{"#ttl": "ttl"}, item{":ttl": num(c.TTL)}
		var add []string
		for n, name := range slices.Sorted(maps.Keys(c.Add)) {
			names[fmt.Sprintf("#n%d", n)] = string(name)
			values[fmt.Sprintf(":n%d", n)] = num(c.Add[name])
			add = append(add, fmt.Sprintf("#n%d :n%d", n, n))
		}
		update := "SET #ttl = if_not_exists(#ttl, :ttl) ADD " + strings.Join(add, ", ")
		writes = append(writes, types.TransactWriteItem{Update: &types.Update{
			TableName:                 &s.table,
			Key:                       attributes(c.Key),
			UpdateExpression:          &update,
			ExpressionAttributeNames:  names,
			ExpressionAttributeValues: values,
		}})
	}
	return writes
}

// Sums returns a tenant's counters of whole days, in a dimension of layout: one query for each day.
func (s *Store) Sums(ctx context.Context, tenant, dimension string, from, to time.Time) (
	all []metrics.Sums, err error) {
	for day := from.UTC().Truncate(24 * time.Hour); day.Before(to); day = day.Add(24 * time.Hour) {
		k := layout.MetricsDay(tenant, day, dimension)
		condition := "pk = :pk AND begins_with(sk, :sk)"
		in := &dynamodb.QueryInput{
			TableName:                 &s.table,
			KeyConditionExpression:    &condition,
			ExpressionAttributeValues: item{":pk": str(k.Text("pk")), ":sk": str(k.Text("sk"))},
		}
		for {
			out, err := s.api.Query(ctx, in)
			if err != nil {
				return nil, fmt.Errorf("metrics: %w", err)
			}
			for _, i := range out.Items {
				if sums, ok := layout.ReadSums(plain(i), day, dimension); ok {
					all = append(all, sums)
				}
			}
			if in.ExclusiveStartKey = out.LastEvaluatedKey; len(in.ExclusiveStartKey) == 0 {
				break
			}
		}
	}
	return metrics.Merge(all), nil
}

// OpenByType counts a tenant's open operations by their types. The index lags a moment behind.
func (s *Store) OpenByType(ctx context.Context, tenant string) (map[string]int64, error) {
	return listing.OpenByType(ctx, s, tenant)
}
