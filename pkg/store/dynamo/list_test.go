package dynamo_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/store/dynamo"
	"adcp-orchestrator/pkg/store/layout"
	"adcp-orchestrator/pkg/store/storetest"
)

// hugeLists reports whether a test of lists takes minutes, and a hundred thousand operations.
func hugeLists() bool { return os.Getenv("HUGE_LISTS") != "" }

// listSizes are how many operations the tenants have. What is in them repeats every 300: so that
// their pages can be compared, each is a hundred more than a multiple of that.
func listSizes() []int {
	sizes := []int{100, 7000, 10_000}
	if hugeLists() {
		sizes = append(sizes, 100_000)
	}
	return sizes
}

// manyFrom is the size from which each list has more than a page looks at.
const manyFrom = 7000

// namedQuery is a list with a name for people.
type namedQuery struct {
	name  string
	query operation.ListQuery
}

// filter is a parameter of the API's list. Two of one kind exclude each other.
type filter struct {
	kind, name string
	set        func(*operation.ListQuery)
}

func (f filter) in(q operation.ListQuery) operation.ListQuery {
	f.set(&q)
	return q
}

// filters are all that the API has, with the values that differ in how they are read.
func filters(n int) []filter {
	state := func(name string, all ...operation.State) filter {
		return filter{"state", name, func(q *operation.ListQuery) { q.States = all }}
	}
	moment := history("", max(n/2, n-1000)).CreatedAt
	return []filter{
		state("one state", operation.Working), state("open", operation.OpenStates()...),
		state("ended", operation.EndStates()...),
		{"attention", "attention", func(q *operation.ListQuery) { q.Attention = true }},
		{"attention", "reason", func(q *operation.ListQuery) { q.Attention, q.Reason = true, operation.InputNeeded }},
		{"attention", "unused reason", func(q *operation.ListQuery) { q.Attention, q.Reason = true, operation.GaveUp }},
		{"agent", "agent", func(q *operation.ListQuery) { q.AgentID = "agent-1" }},
		{"type", "type", func(q *operation.ListQuery) { q.Type = adcp.CreateMediaBuy }},
		{"type", "unused type", func(q *operation.ListQuery) { q.Type = adcp.ActivateSignal }},
		{"created", "created before", func(q *operation.ListQuery) { q.CreatedBefore = moment }},
		{"created", "created after", func(q *operation.ListQuery) { q.CreatedAfter = moment }},
		{"updated", "updated before", func(q *operation.ListQuery) { q.UpdatedBefore = moment }},
		{"updated", "updated after", func(q *operation.ListQuery) { q.UpdatedAfter = moment }},
		{"po_number", "po_number", func(q *operation.ListQuery) { q.PONumber = "PO-0" }},
		{"po_number", "po_number of many", func(q *operation.ListQuery) { q.PONumber = often }},
		{"media_buy_id", "media_buy_id", func(q *operation.ListQuery) { q.MediaBuyID = "buy-0" }},
		{"task_id", "task_id", func(q *operation.ListQuery) { q.TaskID = "task-0" }},
		{"q", "q", func(q *operation.ListQuery) { q.Any = "PO-0" }},
		{"q", "q of many", func(q *operation.ListQuery) { q.Any = often }},
		{"q", "q, an id", func(q *operation.ListQuery) { q.Any = fmt.Sprintf("op_%026d", 7) }},
		{"q", "q, unknown", func(q *operation.ListQuery) { q.Any = "unknown" }},
	}
}

// usual are the filters of which the short run reads the pairs.
var usual = []string{"one state", "open", "attention", "reason", "agent", "type", "created before",
	"updated before", "po_number of many"}

// lists are the list of all, those by each filter, from the beginning and from the middle, and
// those by pairs of filters.
func lists(n int) (single, pairs []namedQuery) {
	all := operation.ListQuery{Limit: 50}
	each := filters(n)
	single = append(single, namedQuery{"all", all})
	for _, f := range each {
		single = append(single, namedQuery{f.name, f.in(all)})
	}
	middle := history("", n/2)
	for _, list := range slices.Clone(single) {
		list.query.After = layout.Position(middle.CreatedAt, middle.ID)
		single = append(single, namedQuery{list.name + ", from the middle", list.query})
	}
	all.Ascending = true
	single = append(single, namedQuery{"all, oldest first", all})
	all.Ascending = false
	for i, f := range each {
		for _, g := range each[i+1:] {
			if f.kind != g.kind && (hugeLists() || slices.Contains(usual, f.name) && slices.Contains(usual, g.name)) {
				pairs = append(pairs, namedQuery{f.name + " + " + g.name, g.in(f.in(all))})
			}
		}
	}
	return single, pairs
}

// cost is what a page has cost.
type cost struct {
	requests int
	units    float64
	rows     int
}

func (c cost) String() string {
	return fmt.Sprintf("%2d requests, %5.1f units, %2d rows", c.requests, c.units, c.rows)
}

// What a page of 50 costs at most: if an index selects by its filter; and if that is a time of
// change, by which none does, or if there are two filters. Then it is what listing.MaxKeys and
// listing.MaxRows allow.
var selected, joined = cost{requests: 8, units: 32}, cost{requests: 14, units: 112}

// A page of 50 costs the same requests and read units whatever a tenant has, for each filter and
// each pair of them. HUGE_LISTS=1 reads all pairs, also of a hundred thousand operations.
func TestListStaysFlat(t *testing.T) {
	t.Parallel()
	api, table := emulated(t)
	sizes := listSizes()
	costs := map[string][]cost{}
	for _, n := range sizes {
		tenant := fmt.Sprintf("%sflat-%06d", storetest.TenantPrefix, n) // keys of one length cost the same
		fill(t, api, table, tenant, n)
		single, pairs := lists(n)
		for i, list := range append(single, pairs...) {
			m := &metered{Client: api}
			s := dynamo.New(m, table, func() time.Time { return storetest.Start })
			page, err := s.List(t.Context(), tenant, list.query)
			if err != nil {
				t.Fatal(err)
			}
			c, most := cost{m.requests, m.units, len(page.Items)}, joined
			if i < len(single) && !strings.HasPrefix(list.name, "updated") {
				most = selected
			}
			if c.requests > most.requests || c.units > most.units {
				t.Errorf("%s: a page of %d operations costs %v", list.name, n, c)
			}
			costs[list.name] = append(costs[list.name], c)
		}
	}
	single, pairs := lists(sizes[0])
	for _, list := range append(single, pairs...) {
		var line []string
		for i, c := range costs[list.name] {
			line = append(line, fmt.Sprintf("%6d: %s", sizes[i], c))
			if i > 0 && sizes[i-1] >= manyFrom && c != costs[list.name][i-1] {
				t.Errorf("%s: a page of %d operations costs %v, and %v of %d", list.name, sizes[i], c,
					costs[list.name][i-1], sizes[i-1])
			}
		}
		t.Logf("%-34s %s", list.name, strings.Join(line, " | "))
	}
}
