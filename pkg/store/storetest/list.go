package storetest

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/digest"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/orchestrator"
	"adcp-orchestrator/pkg/store/layout"
)

// listed creates operations of two agents and three types, some at one moment, in many states and
// some with attention, and returns them as they are stored.
func (s *suite) listed(t *testing.T, n int) (all []operation.Operation) {
	t.Helper()
	states, types := operation.States(), []adcp.Task{adcp.CreateMediaBuy, adcp.SyncCreatives, adcp.GetProducts}
	for i := range n {
		c := s.newOperation(fmt.Sprintf("op_%03d", (i*7)%n), fmt.Sprint("key-", i), "")
		c.Op.AgentID = []string{"seller", "seller-2"}[i%2]
		c.Op.Type = types[i%3]
		c.Op.CreatedAt = Start.Add(time.Duration(i/2) * time.Second)
		c.Op.UpdatedAt = c.Op.CreatedAt.Add(time.Duration((i*13)%n) * time.Minute)
		c.Op.PONumber = fmt.Sprint("PO-", i/3)
		must(t, s.Create(t.Context(), c))
		if state := states[i%len(states)]; state != operation.Requested {
			ch := next(c.Op)
			ch.Op.State = state
			if i%4 == 0 {
				reason := []operation.Reason{operation.InputNeeded, operation.GaveUp}[i/4%2]
				ch.Op.Attention = &operation.Attention{Reason: reason, Since: Start.Add(time.Duration((i*5)%n) * time.Hour)}
			}
			must(t, s.Commit(t.Context(), ch))
			c.Op = ch.Op
		}
		all = append(all, c.Op)
	}
	return all
}

// pages follows a list to its end, and returns the ids that it shows.
func (s *suite) pages(t *testing.T, q operation.ListQuery) (ids []string, pages int) {
	t.Helper()
	for pages = 1; ; pages++ {
		p, err := s.List(t.Context(), s.tenant, q)
		must(t, err)
		if len(p.Items) > q.Limit || pages > 1000 {
			t.Fatalf("page %d of %+v has %d operations", pages, q, len(p.Items))
		}
		for _, op := range p.Items {
			ids = append(ids, op.ID)
		}
		if p.Next == "" {
			return ids, pages
		}
		q.After = p.Next
	}
}

// expected are the ids that a list is to show, found without any index.
func expected(all []operation.Operation, q operation.ListQuery) (ids []string) {
	place := func(op operation.Operation) string {
		if q.Attention {
			return layout.Position(op.Attention.Since, op.ID)
		}
		return layout.Position(op.CreatedAt, op.ID)
	}
	var fits []operation.Operation
	for _, op := range all {
		names := append(op.Names(), op.ID)
		if q.Matches(op) && (q.Any == "" || slices.Contains(names, q.Any)) {
			fits = append(fits, op)
		}
	}
	slices.SortFunc(fits, func(a, b operation.Operation) int { return strings.Compare(place(a), place(b)) })
	if !q.Ascending {
		slices.Reverse(fits)
	}
	for _, op := range fits {
		ids = append(ids, op.ID)
	}
	return ids
}

// Every filter, alone and with others, shows what fits, once each and in order, whatever the size
// of the pages and in both directions.
func listsShowWhatFits(t *testing.T, s *suite) {
	all := s.listed(t, 40)
	other := s.newOperation("op_999", "key", "")
	other.Op.Tenant = s.tenant + "x"
	must(t, s.Create(t.Context(), other))
	middle := Start.Add(9 * time.Second)
	later := middle.Add(4 * time.Second)
	for name, q := range map[string]operation.ListQuery{
		"all":              {},
		"open":             {States: operation.OpenStates()},
		"ended":            {States: operation.EndStates()},
		"one state":        {States: []operation.State{operation.Working}},
		"agent":            {AgentID: "seller"},
		"agent, open":      {AgentID: "seller", States: operation.OpenStates()},
		"agent and state":  {AgentID: "seller-2", States: []operation.State{operation.Canceled}},
		"attention":        {Attention: true},
		"reason":           {Attention: true, Reason: operation.GaveUp},
		"attention, agent": {Attention: true, AgentID: "seller", States: operation.OpenStates()},
		"type":             {Type: adcp.SyncCreatives},
		"type and ended":   {Type: adcp.GetProducts, States: operation.EndStates()},
		"created after":    {CreatedAfter: middle},
		"created before":   {CreatedBefore: middle},
		"created between":  {CreatedAfter: middle, CreatedBefore: later, States: operation.OpenStates()},
		"no time":          {CreatedAfter: middle, CreatedBefore: middle},
		"attention since":  {Attention: true, CreatedAfter: middle},
		"updated":          {UpdatedAfter: Start.Add(20 * time.Minute), UpdatedBefore: Start.Add(time.Hour)},
		"purchase order":   {PONumber: "PO-5"},
		"any name":         {Any: "PO-5"},
		"an id":            {Any: "op_007"},
		"unknown":          {Any: "PO-unknown"},
		"name and state":   {PONumber: "PO-5", States: operation.EndStates()},
		"unknown agent":    {AgentID: "sell"},
	} {
		for _, q.Ascending = range []bool{false, true} {
			wanted := fmt.Sprint(expected(all, q))
			for _, q.Limit = range []int{3, 50} {
				if got, _ := s.pages(t, q); fmt.Sprint(got) != wanted {
					t.Errorf("%s, ascending %v, by %d:\ngot  %v\nwant %v", name, q.Ascending, q.Limit, got, wanted)
				}
			}
		}
	}
}

// An operation leaves a list with the change that it no longer fits after, and is found by the
// names that it has.
func listsFollowChanges(t *testing.T, s *suite) {
	c := s.newOperation("op_1", "k1", "")
	c.Op.PONumber = strings.Repeat("PO", 2000)
	must(t, s.Create(t.Context(), c))
	show := func(q operation.ListQuery, wanted bool) {
		t.Helper()
		q.Limit = 10
		if ids, _ := s.pages(t, q); len(ids) == 1 != wanted {
			t.Errorf("%+.100v shows %v", q, ids)
		}
	}
	show(operation.ListQuery{Any: c.Op.PONumber}, true)
	show(operation.ListQuery{PONumber: c.Op.PONumber}, true)
	change := next(c.Op)
	change.Op.TaskID, change.Op.MediaBuyID = "task_1", "mb_1"
	change.Op.Attention = &operation.Attention{Reason: operation.GaveUp, Since: Start}
	change.Names, change.FormerNames = change.Op.Renamed(c.Op)
	must(t, s.Commit(t.Context(), change))
	show(operation.ListQuery{States: []operation.State{operation.Requested}}, false)
	show(operation.ListQuery{States: []operation.State{operation.Working}}, true)
	show(operation.ListQuery{Attention: true}, true)
	show(operation.ListQuery{TaskID: "task_1"}, true)
	show(operation.ListQuery{TaskID: "mb_1"}, false) // that is the name of something else
	show(operation.ListQuery{MediaBuyID: "mb_1", AgentID: "seller"}, true)
	show(operation.ListQuery{MediaBuyID: "mb_1", AgentID: "other"}, false)
	end := next(change.Op)
	end.Op.State, end.Op.Attention, end.Op.MediaBuyID = operation.Completed, nil, "mb_2"
	end.Names, end.FormerNames = end.Op.Renamed(change.Op)
	must(t, s.Commit(t.Context(), end))
	show(operation.ListQuery{Attention: true}, false)
	show(operation.ListQuery{AgentID: "seller", States: operation.OpenStates()}, false)
	show(operation.ListQuery{AgentID: "seller", States: operation.EndStates()}, true)
	show(operation.ListQuery{Any: "mb_1"}, false)
	show(operation.ListQuery{Any: "mb_2"}, true)
	must(t, s.SetAttribute(t.Context(), s.tenant, "op_1", layout.StateIndex.PK, s.tenant+"#working"))
	show(operation.ListQuery{States: []operation.State{operation.Working}}, false) // whatever an index says
}

// An operation is found by each of its idempotency keys.
func listsFindIdempotencyKeys(t *testing.T, s *suite) {
	c := s.newOperation("op_1", digest.Hex("first key"), "po")
	must(t, s.Create(t.Context(), c))
	bind := orchestrator.IdempotencyRecord{OperationID: "op_1", Fingerprint: "f"}
	must(t, s.Bind(t.Context(), s.tenant, digest.Hex("second key"), "po", bind))
	for key, wanted := range map[string]int{"first key": 1, "second key": 1, "third key": 0, "op_1": 1} {
		p, err := s.List(t.Context(), s.tenant, operation.ListQuery{Any: key, Limit: 10})
		if must(t, err); len(p.Items) != wanted || p.Next != "" {
			t.Errorf("%s: %d operations, next %q", key, len(p.Items), p.Next)
		}
	}
	p, err := s.List(t.Context(), s.tenant+"x", operation.ListQuery{Any: "first key", Limit: 10})
	if must(t, err); len(p.Items) != 0 {
		t.Error("another tenant finds it")
	}
}

// An expired operation is in no list, and what it was found by expires with it.
func listsLeaveOutTheExpired(t *testing.T, s *suite) {
	c := s.newOperation("op_1", digest.Hex("key"), "")
	c.Op.PONumber = "PO-1"
	must(t, s.Create(t.Context(), c))
	end := next(c.Op)
	end.Op.MediaBuyID, end.Op.State = "mb_1", operation.Completed
	end.Names, end.FormerNames = end.Op.Renamed(c.Op)
	must(t, s.Commit(t.Context(), end))
	renamed := next(end.Op)
	renamed.Op.MediaBuyID, renamed.Op.State = "mb_2", operation.Completed
	renamed.Names, renamed.FormerNames = renamed.Op.Renamed(end.Op)
	must(t, s.Commit(t.Context(), renamed))
	op := s.expireAt(t, renamed.Op, expiry)
	for name, wanted := range map[string]int64{
		"PO-1": layout.TTL(expiry), "mb_2": layout.TTL(expiry), "mb_1": Start.Unix(),
	} {
		ttls, err := s.RefTTLs(t.Context(), s.tenant, name)
		if must(t, err); len(ttls) != 1 || ttls[0] != wanted {
			t.Errorf("the references by %s have the ttl %v, want %d", name, ttls, wanted)
		}
	}
	queries := []operation.ListQuery{{}, {States: operation.EndStates()}, {AgentID: "seller"}, {PONumber: "PO-1"},
		{Any: "mb_2"}, {Any: "op_1"}, {Any: "key"}}
	for at, wanted := range map[time.Time]int{expiry.Add(-time.Millisecond): 1, expiry: 0} {
		s.setClock(at)
		for _, q := range queries {
			q.Limit = 10
			if ids, _ := s.pages(t, q); len(ids) != wanted {
				t.Errorf("%v, %+v: %v", at, q, ids)
			}
		}
	}
	s.setClock(Start)
	op = s.expireAt(t, op, time.Time{}) // a person is needed after all
	if ttls, err := s.RefTTLs(t.Context(), s.tenant, "PO-1"); err != nil || ttls[0] != 0 {
		t.Errorf("the reference has the ttl %v, %v", ttls, err)
	}
	must(t, s.Drop(t.Context(), s.tenant, op.ID, layout.SKOperation))
	if ids, _ := s.pages(t, operation.ListQuery{PONumber: "PO-1", Limit: 10}); len(ids) > 0 {
		t.Error("a deleted operation is found")
	}
}

// Counts are of one tenant, and by state.
func operationsAreCountedByState(t *testing.T, s *suite) {
	all := s.listed(t, 20)
	c, err := s.Counts(t.Context(), s.tenant)
	must(t, err)
	attention := 0
	for _, op := range all {
		if op.Attention != nil {
			attention++
		}
	}
	for _, state := range operation.States() {
		if c.States[state] != (operation.Count{N: 2}) {
			t.Errorf("%s: %+v", state, c.States[state])
		}
	}
	if c.Attention != (operation.Count{N: attention}) {
		t.Errorf("attention: %+v, want %d", c.Attention, attention)
	}
}

// Events are read in pages that never divide a change, and the result alone.
func eventsAreReadInPages(t *testing.T, s *suite) {
	op := s.create(t, "op_1")
	for range 5 {
		c := next(op)
		c.Events = append(c.Events, c.Events[0], c.Events[0])
		must(t, s.Commit(t.Context(), c))
		op = c.Op
	}
	for limit, wanted := range map[int]string{
		1: "[1] [2 2 2] [3 3 3] [4 4 4] [5 5 5] [6 6 6]", 2: "[1 2 2 2] [3 3 3] [4 4 4] [5 5 5] [6 6 6]",
		5: "[1 2 2 2 3 3 3] [4 4 4 5 5 5] [6 6 6]", 100: "[1 2 2 2 3 3 3 4 4 4 5 5 5 6 6 6]",
	} {
		var got []string
		for after, more := int64(0), true; more; {
			var events []operation.Event
			var err error
			events, more, err = s.Events(t.Context(), s.tenant, op.ID, after, limit)
			must(t, err)
			var seqs []int64
			for _, e := range events {
				seqs, after = append(seqs, e.Seq), e.Seq
			}
			if len(seqs) > 0 {
				got = append(got, fmt.Sprint(seqs))
			}
		}
		if strings.Join(got, " ") != wanted {
			t.Errorf("by %d: %v", limit, got)
		}
	}
	events, more, err := s.Events(t.Context(), s.tenant+"x", op.ID, 0, 10)
	if len(events) > 0 || more || err != nil {
		t.Errorf("another tenant reads %v, %v", events, err)
	}
}
