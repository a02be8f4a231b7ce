package dynamo

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"adcp-orchestrator/pkg/store/layout"
)

// NeedAttention counts the operations that somebody should look at by their tenants. It reads the
// whole index of attention, which has no others: a limit would let one tenant's many hide another's
// one. An entry has about 100 bytes, so that a million of them are 100 pages.
func (s *Store) NeedAttention(ctx context.Context) (byTenant map[string]int, err error) {
	byTenant = map[string]int{}
	in := &dynamodb.ScanInput{TableName: &s.table, IndexName: &layout.AttentionIndex.Name,
		ProjectionExpression: &layout.AttentionIndex.PK}
	for {
		out, err := s.api.Scan(ctx, in)
		if err != nil {
			return nil, fmt.Errorf("scan: %w", err)
		}
		for _, i := range out.Items {
			byTenant[text(i, layout.AttentionIndex.PK)]++
		}
		if in.ExclusiveStartKey = out.LastEvaluatedKey; len(in.ExclusiveStartKey) == 0 {
			return byTenant, nil
		}
	}
}
