package dynamo_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/circuit"
	"adcp-orchestrator/pkg/notice"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/store/layout"
	"adcp-orchestrator/pkg/store/storetest"
)

// others begins the names of ten tenants that share the suite's table, and othersEach is how many
// items they have in each index and queue.
const (
	others     = storetest.TenantPrefix + "others"
	othersEach = 1500
)

// fillOthers puts other tenants' items into each index and queue that tenants share: one half
// before everything that the suite writes, the other at the time of its clock.
func fillOthers(t *testing.T, api *dynamodb.Client, table string) {
	t.Helper()
	var wg sync.WaitGroup
	for part := range 8 {
		wg.Go(func() {
			for n := part; n < othersEach; n += 8 {
				at := storetest.Start
				if n%2 == 0 {
					at = at.AddDate(-10, 0, 0)
				}
				at = at.Add(time.Duration(n) * time.Millisecond)
				items, err := ofOthers(n, at)
				if err == nil {
					err = putAll(api, table, items)
				}
				if err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
}

// ofOthers are items of one of them, one for each index and queue, number n.
func ofOthers(n int, at time.Time) (items []layout.Item, err error) {
	tenant := fmt.Sprint(others, n/2%10)
	op := operation.Operation{Tenant: tenant, ID: fmt.Sprint("op_due_", n), Version: 1, Type: adcp.CreateMediaBuy,
		AgentID: "seller", State: operation.Working, CreatedAt: at, UpdatedAt: at, DueAt: at, Deadline: at,
		Attention: &operation.Attention{Reason: operation.GaveUp, Since: at}}
	due, err := layout.OperationItem(op, layout.DefaultDueShards)
	if err != nil {
		return nil, err
	}
	op.ID = fmt.Sprint("op_start_", n)
	start, err := layout.OperationItem(op, layout.DefaultDueShards)
	if err != nil {
		return nil, err
	}
	told, err := layout.NoticeItem(notice.Circuit(tenant, "seller", fmt.Sprint("seller.", n), 1, true, at))
	if err != nil {
		return nil, err
	}
	gate := layout.GateKey(circuit.GateID{Kind: circuit.AgentGate, Tenant: tenant, Name: fmt.Sprint("seller-", n)},
		layout.SKGate).With(layout.Item{"due_pk": layout.LinesDue, "due_at": layout.Timestamp(at), "in_line": int64(1)})
	return []layout.Item{due, start.With(layout.StartEntry(op.ID, at)), told, gate}, nil
}
