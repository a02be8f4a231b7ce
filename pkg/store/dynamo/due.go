package dynamo

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/store/layout"
)

// Due returns operations whose DueAt is before now, at most limit of them, the longest due first.
// Each shard of the index is asked for limit items: no shard can hide what is due in another. The
// index lags behind the table, so the caller has to read each operation again.
func (s *Store) Due(ctx context.Context, now time.Time, limit int) ([]operation.Ref, error) {
	var due []layout.Item
	index, condition, most := "due", "due_pk = :shard AND due_at < :now", int32(limit)
	for shard := range layout.DueShards {
		items, err := s.queryAll(ctx, &dynamodb.QueryInput{
			TableName:              &s.table,
			IndexName:              &index,
			KeyConditionExpression: &condition,
			Limit:                  &most,
			ExpressionAttributeValues: item{
				":shard": str(layout.DueShard(shard)), ":now": str(layout.Timestamp(now)),
			},
		})
		if err != nil {
			return nil, err
		}
		due = append(due, plainAll(items)...)
	}
	return layout.LongestDue(due, limit), nil
}
