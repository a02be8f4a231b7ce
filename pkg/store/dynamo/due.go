package dynamo

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"adcp-orchestrator/pkg/operation"
)

// dueShards is how many partitions the reconciler's index is distributed over.
const dueShards = 4

// Due returns operations whose DueAt is before now, at most limit of them, shard by shard. The
// index lags behind the table, so the caller has to read each operation again.
func (s *Store) Due(ctx context.Context, now time.Time, limit int) ([]operation.Ref, error) {
	var refs []operation.Ref
	index, condition := "due", "due_pk = :shard AND due_at < :now"
	for shard := range dueShards {
		rest := int32(limit - len(refs))
		if rest <= 0 {
			break
		}
		items, err := s.queryAll(ctx, &dynamodb.QueryInput{
			TableName:                 &s.table,
			IndexName:                 &index,
			KeyConditionExpression:    &condition,
			Limit:                     &rest,
			ExpressionAttributeValues: item{":shard": str(dueShard(shard)), ":now": str(timestamp(now))},
		})
		if err != nil {
			return nil, err
		}
		for _, i := range items {
			if tenant, id, ok := strings.Cut(text(i, "pk"), "#op#"); ok {
				refs = append(refs, operation.Ref{Tenant: tenant, OperationID: id})
			}
		}
	}
	return refs, nil
}

// dueShard is the partition key of a shard in the index.
func dueShard(n int) string { return fmt.Sprintf("due#%d", n) }

// timestamp is RFC 3339 with a fixed number of digits, so that texts sort like times.
func timestamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }
