package dynamo

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"adcp-orchestrator/pkg/store/layout"
)

// NeedAttention counts the operations that somebody should look at by their tenants, at most limit
// of them. It reads the whole index of attention, which has no others and is small.
func (s *Store) NeedAttention(ctx context.Context, limit int) (byTenant map[string]int, more bool, err error) {
	byTenant = map[string]int{}
	in := &dynamodb.ScanInput{TableName: &s.table, IndexName: &layout.AttentionIndex.Name,
		ProjectionExpression: &layout.AttentionIndex.PK}
	for n := 0; ; {
		out, err := s.api.Scan(ctx, in)
		if err != nil {
			return nil, false, fmt.Errorf("scan: %w", err)
		}
		for _, i := range out.Items {
			if n == limit {
				return byTenant, true, nil
			}
			n++
			byTenant[text(i, layout.AttentionIndex.PK)]++
		}
		if in.ExclusiveStartKey = out.LastEvaluatedKey; len(in.ExclusiveStartKey) == 0 {
			return byTenant, false, nil
		}
	}
}
