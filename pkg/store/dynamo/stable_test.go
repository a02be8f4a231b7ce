package dynamo_test

import (
	"testing"
	"time"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/store/dynamo"
	"adcp-orchestrator/pkg/store/storetest"
)

// passes are the lists that are read while others write.
func passes(there int) []namedQuery {
	middle := history("", there/2).CreatedAt
	return []namedQuery{
		{"agent", operation.ListQuery{AgentID: "agent-1"}},
		{"all", operation.ListQuery{}},
		{"all, oldest first", operation.ListQuery{Ascending: true}},
		{"open", operation.ListQuery{States: operation.OpenStates()}},
		{"ended", operation.ListQuery{States: operation.EndStates()}},
		{"one state", operation.ListQuery{States: []operation.State{operation.Working}}},
		{"attention", operation.ListQuery{Attention: true}},
		{"oldest attention", operation.ListQuery{Attention: true, Ascending: true}},
		{"reason", operation.ListQuery{Attention: true, Reason: operation.InputNeeded}},
		{"agent, open", operation.ListQuery{AgentID: "agent-1", States: operation.OpenStates()}},
		{"agent and state", operation.ListQuery{AgentID: "agent-1", States: []operation.State{operation.Completed}}},
		{"agent and type", operation.ListQuery{AgentID: "agent-1", Type: adcp.CreateMediaBuy}},
		{"type", operation.ListQuery{Type: adcp.CreateMediaBuy}},
		{"created before", operation.ListQuery{CreatedBefore: middle}},
		{"created after", operation.ListQuery{CreatedAfter: middle}},
		{"updated before", operation.ListQuery{UpdatedBefore: middle}},
		{"po_number", operation.ListQuery{PONumber: often}},
		{"q", operation.ListQuery{Any: often}},
	}
}

// While others insert and change operations, as many as the emulator takes, whoever reads a list to
// its end sees each one once that was there from the beginning and kept its place. Only one that
// goes from one state to another while a page of several states is read can be missing: its parts
// are read at once. HUGE_LISTS=1 has a hundred thousand operations.
func TestPagesAreStable(t *testing.T) {
	t.Parallel()
	api, table := emulated(t)
	there, limit := 400, 25
	if hugeLists() {
		there, limit = 100_000, 100
	}
	l, stop, writes := writing(t, api, table, there)
	s := dynamo.New(api, table, func() time.Time { return storetest.Start })
	began := time.Now()
	for _, list := range passes(there) {
		list.query.Limit = limit
		before, from := writes.Load(), time.Now()
		p := l.read(t, s, list.query)
		t.Logf("%-17s %5d pages, %6d rows, %6d had to be shown, %5.0f writes a second: %d twice, %d missing, %d that moved",
			list.name, p.pages, p.rows, p.must, float64(writes.Load()-before)/time.Since(from).Seconds(), len(p.twice),
			len(p.missing), p.moved)
		if len(p.twice)+len(p.missing) > 0 {
			t.Errorf("%s: twice are %.200v, missing are %.200v", list.name, p.twice, p.missing)
		}
	}
	took := time.Since(began)
	stop()
	t.Logf("%d writes while the lists were read, %.0f a second", writes.Load(), float64(writes.Load())/took.Seconds())
}

// pass is what somebody has seen who has read a list to its end.
type pass struct {
	pages, rows, must, moved int
	twice, missing           []string
}

func (l *ledger) read(t *testing.T, s *dynamo.Store, q operation.ListQuery) (p pass) {
	t.Helper()
	l.begin(q)
	shown, places := map[string]int{}, map[string]bool{}
	for more := true; more; p.pages++ {
		page, err := s.List(t.Context(), stable, q)
		if err != nil {
			t.Fatal(err)
		}
		for n, op := range page.Items {
			shown[op.ID]++
			if places[page.Places[n]] {
				p.twice = append(p.twice, op.ID)
			}
			places[page.Places[n]] = true
		}
		p.rows += len(page.Items)
		q.After, more = page.Next, page.Next != "" && (!q.Ascending || page.Next <= l.most)
	}
	p.must, p.missing, p.moved = l.missing(shown)
	return p
}
