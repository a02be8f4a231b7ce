package dynamo_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/config"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/store/layout"
	"adcp-orchestrator/pkg/store/storetest"
)

// emulated returns a client and a table that no other test uses, or skips the test.
func emulated(t *testing.T) (api *dynamodb.Client, table string) {
	t.Helper()
	if os.Getenv("AWS_ENDPOINT_URL") == "" {
		t.Skip("AWS_ENDPOINT_URL names no DynamoDB emulator: make test starts one")
	}
	table, err := newTable(strings.ReplaceAll(t.Name(), "/", "."))
	if err != nil {
		t.Fatal(err)
	}
	api = dynamodb.NewFromConfig(config.AWS("DYNAMODB"))
	t.Cleanup(func() {
		if _, err := api.DeleteTable(context.Background(), &dynamodb.DeleteTableInput{TableName: &table}); err != nil {
			t.Error(err)
		}
	})
	return api, table
}

// often is a purchase order that each fourth operation has.
const often = "PO-often"

// history is an operation of a tenant's past, number n of one a minute.
func history(tenant string, n int) operation.Operation {
	at := storetest.Start.Add(time.Duration(n) * time.Minute)
	op := operation.Operation{Tenant: tenant, ID: fmt.Sprintf("op_%026d", n), Version: 8,
		Type:    []adcp.Task{adcp.CreateMediaBuy, adcp.SyncCreatives, adcp.UpdateMediaBuy}[n%3],
		AgentID: fmt.Sprint("agent-", n%5), State: operation.States()[n/5%10], PONumber: fmt.Sprint("PO-", n),
		CreatedAt: at, UpdatedAt: at.Add(time.Hour), Deadline: at, FollowUntil: at,
		Target: operation.Target{URL: "https://" + strings.Repeat("agent", 60) + ".example/mcp"},
	}
	if !op.State.Terminal() {
		op.DueAt = at.Add(time.Minute)
	}
	switch {
	case n%4 == 1:
		op.PONumber = often
	case n%100 == 0:
		op.TaskID, op.MediaBuyID = fmt.Sprint("task-", n), fmt.Sprint("buy-", n)
	}
	if n%4 == 0 {
		op.Attention = &operation.Attention{Reason: operation.InputNeeded, Since: at, Detail: strings.Repeat("x", 200)}
	}
	return op
}

// fill stores a past of n operations, without what is beside them but for the references that are
// looked for: by the names of each hundredth, and by the one that is used often.
func fill(t *testing.T, api *dynamodb.Client, table, tenant string, n int) {
	t.Helper()
	const step = 16 // with their references, no more than a request takes
	var next atomic.Int64
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for from := int(next.Add(step)) - step; from < n; from = int(next.Add(step)) - step {
				var items []layout.Item
				for i := from; i < min(n, from+step); i++ {
					op := history(tenant, i)
					own, err := layout.OperationItem(op, layout.DefaultDueShards)
					if err != nil {
						t.Error(err)
						return
					}
					if items = append(items, own); i%100 == 0 || op.PONumber == often {
						items = append(items, layout.RefItems(operation.Change{Op: op, Names: op.Names()})...)
					}
				}
				if err := putAll(api, table, items); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
}

// putAll writes at most 25 items with one request.
func putAll(api *dynamodb.Client, table string, items []layout.Item) error {
	writes := make([]types.WriteRequest, len(items))
	for n, i := range items {
		writes[n].PutRequest = &types.PutRequest{Item: raw(i)}
	}
	out, err := api.BatchWriteItem(context.Background(), &dynamodb.BatchWriteItemInput{
		RequestItems: map[string][]types.WriteRequest{table: writes}})
	if err == nil && len(out.UnprocessedItems) > 0 {
		err = fmt.Errorf("%d items were not written", len(out.UnprocessedItems[table]))
	}
	return err
}

// raw is an item as the table has it.
func raw(i layout.Item) attributes {
	out := attributes{}
	for name, value := range i {
		switch v := value.(type) {
		case string:
			out[name] = &types.AttributeValueMemberS{Value: v}
		case int64:
			out[name] = &types.AttributeValueMemberN{Value: fmt.Sprint(v)}
		case []byte:
			out[name] = &types.AttributeValueMemberB{Value: v}
		}
	}
	return out
}
