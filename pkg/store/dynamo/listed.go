package dynamo

import (
	"context"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"adcp-orchestrator/pkg/store/layout"
)

// maxBatch is how many items the table returns at once.
const maxBatch = 100

// listed reads a page of what is listed, the newest first. next is the position that the next page
// begins after, "" on the last. An item that the table has deleted, or is about to, is left out, so
// a page can be short.
func (s *Store) listed(ctx context.Context, q layout.ListQuery, limit int) (
	page []layout.Item, next string, err error) {
	lowest, below := q.Range()
	index, backwards, pageSize := layout.ListIndex.Name, false, int32(limit)
	condition := "list_pk = :pk AND list_sk BETWEEN :lowest AND :below"
	if lowest == "" {
		lowest = "0"
	}
	if below <= lowest {
		return nil, "", nil
	}
	in := &dynamodb.QueryInput{
		TableName: &s.table, IndexName: &index, ScanIndexForward: &backwards, Limit: &pageSize,
		KeyConditionExpression: &condition,
		ExpressionAttributeValues: item{
			":pk": str(layout.ListPartition(q.Tenant, q.Kind)), ":lowest": str(lowest), ":below": str(below),
		},
	}
	if q.Before != "" && q.Before == below { // BETWEEN has it, and a page must not be one shorter for it
		more := int32(limit + 1)
		in.Limit = &more
	}
	out, err := s.api.Query(ctx, in)
	if err != nil {
		return nil, "", fmt.Errorf("list %s: %w", q.Kind, err)
	}
	found := slices.DeleteFunc(plainAll(out.Items), func(i layout.Item) bool { return !q.Has(i) })
	more := len(out.LastEvaluatedKey) > 0 || len(found) > limit
	if found = found[:min(limit, len(found))]; more && len(found) > 0 {
		next = found[len(found)-1].Text(layout.ListIndex.SK)
	}
	keys := make([]item, len(found))
	for n, i := range found {
		keys[n] = item{"pk": str(i.Text("pk")), "sk": str(i.Text("sk"))}
	}
	stored, err := s.stored(ctx, keys)
	for _, i := range stored {
		if !i.Expired(s.now()) {
			page = append(page, i)
		}
	}
	return page, next, err
}
