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

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/config"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/orchestrator"
	"adcp-orchestrator/pkg/store/dynamo"
	"adcp-orchestrator/pkg/store/layout"
	"adcp-orchestrator/pkg/store/storetest"
)

// metered counts the requests and the read units of a client.
type metered struct {
	*dynamodb.Client
	mu       sync.Mutex
	requests int
	units    float64
}

func (m *metered) count(used ...types.ConsumedCapacity) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.requests++
	for _, u := range used {
		m.units += aws.ToFloat64(u.CapacityUnits)
	}
}

func (m *metered) Query(ctx context.Context, in *dynamodb.QueryInput, o ...func(*dynamodb.Options)) (
	*dynamodb.QueryOutput, error) {
	in.ReturnConsumedCapacity = types.ReturnConsumedCapacityTotal
	out, err := m.Client.Query(ctx, in, o...)
	if err == nil {
		m.count(*out.ConsumedCapacity)
	}
	return out, err
}

func (m *metered) BatchGetItem(ctx context.Context, in *dynamodb.BatchGetItemInput, o ...func(*dynamodb.Options)) (
	*dynamodb.BatchGetItemOutput, error) {
	in.ReturnConsumedCapacity = types.ReturnConsumedCapacityTotal
	out, err := m.Client.BatchGetItem(ctx, in, o...)
	if err == nil {
		m.count(out.ConsumedCapacity...)
	}
	return out, err
}

func (m *metered) GetItem(ctx context.Context, in *dynamodb.GetItemInput, o ...func(*dynamodb.Options)) (
	*dynamodb.GetItemOutput, error) {
	in.ReturnConsumedCapacity = types.ReturnConsumedCapacityTotal
	out, err := m.Client.GetItem(ctx, in, o...)
	if err == nil {
		m.count(*out.ConsumedCapacity)
	}
	return out, err
}

// emulated returns the table of the run, or skips the test.
func emulated(t *testing.T) string {
	t.Helper()
	if os.Getenv("AWS_ENDPOINT_URL") == "" {
		t.Skip("AWS_ENDPOINT_URL names no DynamoDB emulator: make test starts one")
	}
	table, err := createTable()
	if err != nil {
		t.Fatal(err)
	}
	return table
}

// history is an operation of a tenant's past, number n of one a minute.
func history(tenant string, n int) operation.Operation {
	at := storetest.Start.Add(time.Duration(n) * time.Minute)
	op := operation.Operation{Tenant: tenant, ID: fmt.Sprintf("op_%026d", n), Version: 8,
		Type:    []adcp.Task{adcp.CreateMediaBuy, adcp.SyncCreatives, adcp.UpdateMediaBuy}[n%3],
		AgentID: fmt.Sprint("agent-", n%5), State: operation.States()[n/5%10], PONumber: fmt.Sprint("PO-", n),
		CreatedAt: at, UpdatedAt: at.Add(time.Hour), Deadline: at, FollowUntil: at,
		Target: operation.Target{URL: "https://" + strings.Repeat("agent", 60) + ".example/mcp"},
	}
	if n%4 == 0 {
		op.Attention = &operation.Attention{Reason: operation.InputNeeded, Since: at, Detail: strings.Repeat("x", 200)}
	}
	return op
}

// fill stores a past of n operations, without what is beside them.
func fill(t *testing.T, api *dynamodb.Client, table, tenant string, n int) {
	t.Helper()
	var next atomic.Int64
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for from := int(next.Add(25)) - 25; from < n; from = int(next.Add(25)) - 25 {
				var writes []types.WriteRequest
				for i := from; i < min(n, from+25); i++ {
					op := history(tenant, i)
					own, err := layout.OperationItem(op, 1)
					if err != nil {
						t.Error(err)
						return
					}
					writes = append(writes, put(own))
					if i%100 == 0 {
						writes = append(writes[:len(writes)-1:len(writes)-1], put(own), put(layout.RefItem(op, op.PONumber)))
					}
				}
				for part := 0; part < len(writes); part += 25 {
					_, err := api.BatchWriteItem(context.Background(), &dynamodb.BatchWriteItemInput{
						RequestItems: map[string][]types.WriteRequest{table: writes[part:min(len(writes), part+25)]}})
					if err != nil {
						t.Error(err)
						return
					}
				}
			}
		})
	}
	wg.Wait()
}

func put(i layout.Item) types.WriteRequest {
	out := attributes{}
	for name, value := range i {
		switch v := value.(type) {
		case string:
			out[name] = &types.AttributeValueMemberS{Value: v}
		case int64:
			out[name] = &types.AttributeValueMemberN{Value: fmt.Sprint(v)}
		}
	}
	return types.WriteRequest{PutRequest: &types.PutRequest{Item: out}}
}

// listSizes are how many operations the tenants have; HUGE_LISTS=1 adds one with a hundred
// thousand.
func listSizes() []int {
	if os.Getenv("HUGE_LISTS") != "" {
		return []int{100, 1000, 10_000, 100_000}
	}
	return []int{100, 1000, 10_000}
}

// A page of 50 costs the same whatever a tenant has: at most 32 read units and 8 requests. Where
// two filters have to be joined by reading, a page may cost what listing.MaxRows allows, and no
// more.
func TestListStaysFlat(t *testing.T) {
	t.Parallel()
	table := emulated(t)
	api := dynamodb.NewFromConfig(config.AWS("DYNAMODB"))
	sizes := listSizes()
	tenant := func(n int) string { return fmt.Sprintf("%sflat-%d", storetest.TenantPrefix, n) }
	for _, n := range sizes {
		fill(t, api, table, tenant(n), n)
	}
	day := storetest.Start.Add(24 * time.Hour)
	for _, tc := range []struct {
		name   string
		query  operation.ListQuery
		joined bool // by reading
	}{
		{"all", operation.ListQuery{}, false},
		{"all, oldest first", operation.ListQuery{Ascending: true}, false},
		{"open", operation.ListQuery{States: operation.OpenStates()}, false},
		{"ended", operation.ListQuery{States: operation.EndStates()}, false},
		{"one state", operation.ListQuery{States: []operation.State{operation.Working}}, false},
		{"needs attention", operation.ListQuery{Attention: true}, false},
		{"one reason", operation.ListQuery{Attention: true, Reason: operation.InputNeeded}, false},
		{"agent", operation.ListQuery{AgentID: "agent-1"}, false},
		{"agent, open", operation.ListQuery{AgentID: "agent-1", States: operation.OpenStates()}, false},
		{"type", operation.ListQuery{Type: adcp.CreateMediaBuy}, false},
		{"created before", operation.ListQuery{CreatedBefore: day}, false},
		{"po_number", operation.ListQuery{PONumber: "PO-0"}, false},
		{"q", operation.ListQuery{Any: "PO-0"}, false},
		{"q, an id", operation.ListQuery{Any: fmt.Sprintf("op_%026d", 7)}, false},
		{"q, unknown", operation.ListQuery{Any: "unknown"}, false},
		{"agent and state", operation.ListQuery{AgentID: "agent-1", States: []operation.State{operation.Working}}, true},
		{"updated before", operation.ListQuery{UpdatedBefore: storetest.Start}, true},
	} {
		var line []string
		var last float64
		for _, n := range sizes {
			m := &metered{Client: api}
			q := tc.query
			q.Limit = 50
			page, err := dynamo.New(m, table, func() time.Time { return storetest.Start }).List(t.Context(), tenant(n), q)
			if err != nil {
				t.Fatal(err)
			}
			line = append(line, fmt.Sprintf("%7d: %5.1f units, %d requests, %2d rows", n, m.units, m.requests, len(page.Items)))
			if !tc.joined && (m.units > 32 || m.requests > 8) || m.units > 120 {
				t.Errorf("%s: a page of %d operations costs %v units and %d requests", tc.name, n, m.units, m.requests)
			}
			if !tc.joined && (n > 1000 && m.units != last || m.units < last) {
				t.Errorf("%s: a page costs %v units with %d operations, %v with fewer", tc.name, m.units, n, last)
			}
			last = m.units
		}
		t.Logf("%-18s %s", tc.name, strings.Join(line, "  |  "))
	}
}

// While others insert and change operations, whoever reads a list of all to its end sees each one
// once that was there from the beginning.
func TestPagesAreStable(t *testing.T) {
	t.Parallel()
	table := emulated(t)
	api := dynamodb.NewFromConfig(config.AWS("DYNAMODB"))
	const there, writers, passes = 200, 4, 2
	tenant := storetest.TenantPrefix + "stable"
	fill(t, api, table, tenant, there)
	s := dynamo.New(api, table, func() time.Time { return storetest.Start })
	ctx, stop := context.WithCancel(t.Context())
	var writes, number atomic.Int64
	var wg sync.WaitGroup
	began := time.Now()
	for w := range writers {
		wg.Go(func() {
			for n := w; ctx.Err() == nil; n += writers {
				op, err := s.Get(context.Background(), tenant, history(tenant, n%there).ID)
				if err != nil {
					t.Error(err)
					return
				}
				op.Version++
				op.State = operation.States()[int(op.Version)%10]
				if s.Commit(context.Background(), operation.Change{Op: op}) == nil {
					writes.Add(1)
				}
				added := history(tenant, there+int(number.Add(1)))
				added.Version = 1
				c := orchestrator.NewOperation{Op: added, Request: []byte(`{}`), KeyHash: added.ID,
					Event: operation.Event{Seq: 1, Kind: operation.EventCreated}}
				if err := s.Create(context.Background(), c); err != nil {
					t.Error(err)
					return
				}
				writes.Add(1)
			}
		})
	}
	twice, missing, pages, rows := 0, 0, 0, 0
	for pass := range passes {
		seen := map[string]int{}
		q := operation.ListQuery{Limit: 25, Ascending: pass%2 == 1}
		for more := true; more && pages < 10_000; pages++ {
			page, err := s.List(t.Context(), tenant, q)
			if err != nil {
				t.Fatal(err)
			}
			for _, op := range page.Items {
				rows++
				if seen[op.ID]++; seen[op.ID] > 1 {
					twice++
				}
			}
			q.After, more = page.Next, page.Next != ""
			if q.Ascending && len(seen) > 2*there { // the writers are faster than the reader
				break
			}
		}
		for n := range there {
			if seen[history(tenant, n).ID] == 0 {
				missing++
			}
		}
	}
	stop()
	wg.Wait()
	took := time.Since(began)
	t.Logf("%d passes over %d operations, %d pages with %d rows, during %d writes (%.0f a second): %d twice, %d missing",
		passes, there, pages, rows, writes.Load(), float64(writes.Load())/took.Seconds(), twice, missing)
	if twice > 0 || missing > 0 {
		t.Errorf("%d were shown twice, %d of those that were there are missing", twice, missing)
	}
}
