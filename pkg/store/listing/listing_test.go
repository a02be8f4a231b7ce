package listing_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/orchestrator"
	"adcp-orchestrator/pkg/store/layout"
	"adcp-orchestrator/pkg/store/listing"
	"adcp-orchestrator/pkg/store/memory"
)

var start = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// source counts what a page reads of a store, and can show items as they were.
type source struct {
	*memory.Store
	keys, rows atomic.Int64
	old        map[string]layout.Item // what a read that is not consistent shows
	left       []layout.Entry         // entries that an index still has
	faults     map[string]error
	before     func(call string) // is called before each read
}

func (s *source) reads(call string) {
	if s.before != nil {
		s.before(call)
	}
}

func (s *source) Keys(ctx context.Context, r layout.Range, ascending bool, limit int) (
	[]layout.Entry, bool, error) {
	s.reads("keys")
	found, more, err := s.Store.Keys(ctx, r, ascending, limit)
	for _, e := range s.left {
		if e.PK == r.PK {
			found = append(found, e)
		}
	}
	s.keys.Add(int64(len(found)))
	return found, more, errors.Join(err, s.faults["keys"])
}

func (s *source) Items(ctx context.Context, tenant string, ids []string, consistent bool) (
	map[string]layout.Item, error) {
	s.reads("items")
	s.rows.Add(int64(len(ids)))
	if unique := slices.Compact(slices.Sorted(slices.Values(ids))); len(unique) < len(ids) {
		return nil, errors.New("DynamoDB refuses a request that names an item twice")
	}
	items, err := s.Store.Items(ctx, tenant, ids, consistent)
	for id, old := range s.old {
		if _, asked := items[id]; asked && !consistent {
			items[id] = old
		}
	}
	return items, errors.Join(err, s.faults["items"])
}

func (s *source) IdempotencyRecord(ctx context.Context, tenant, keyHash string) (
	orchestrator.IdempotencyRecord, error) {
	if err := s.faults["key"]; err != nil {
		return orchestrator.IdempotencyRecord{}, err
	}
	return s.Store.IdempotencyRecord(ctx, tenant, keyHash)
}

func create(t *testing.T, s *memory.Store, n int, change func(op *operation.Operation)) operation.Operation {
	t.Helper()
	op := operation.Operation{Tenant: "t", ID: fmt.Sprintf("op_%05d", n), Type: adcp.SyncCreatives, AgentID: "a",
		State: operation.Working, Version: 1, CreatedAt: start.Add(time.Duration(n) * time.Second)}
	if change != nil {
		change(&op)
	}
	c := orchestrator.NewOperation{Op: op, Request: []byte(`{}`), KeyHash: op.ID,
		Event: operation.Event{Seq: 1, Kind: operation.EventCreated}}
	if err := s.Create(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	return op
}

func page(t *testing.T, s listing.Source, q operation.ListQuery) operation.ListPage {
	t.Helper()
	p, err := listing.List(t.Context(), s, "t", q, start)
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Items) != len(p.Places) || len(p.Items) > q.Limit {
		t.Errorf("%d operations in %d places", len(p.Items), len(p.Places))
	}
	return p
}

// What a page reads is bounded, however little of it fits: it may be empty, and leads on.
func TestPageThatFindsLittleIsShort(t *testing.T) {
	t.Parallel()
	s := memory.New(func() time.Time { return start })
	for n := range 700 {
		create(t, s, n, func(op *operation.Operation) {
			op.UpdatedAt = start
			if n == 0 {
				op.Type, op.UpdatedAt = adcp.CreateMediaBuy, start.Add(time.Hour)
			}
		})
	}
	for name, tc := range map[string]struct {
		query operation.ListQuery
		pages int
	}{
		"by type, as the entries say":    {operation.ListQuery{Type: adcp.CreateMediaBuy}, 2},
		"by change, as the items say":    {operation.ListQuery{UpdatedAfter: start}, 4},
		"by change, in six states":       {operation.ListQuery{UpdatedAfter: start, States: operation.OpenStates()}, 4},
		"by type, of one agent":          {operation.ListQuery{Type: adcp.CreateMediaBuy, AgentID: "a"}, 2},
		"by type, the largest page":      {operation.ListQuery{Type: adcp.CreateMediaBuy, Limit: 200}, 2},
		"all, by pages of the most rows": {operation.ListQuery{Limit: 200}, 4},
	} {
		found, pages := 0, 0
		if tc.query.Limit == 0 {
			tc.query.Limit = 50
		}
		for q := tc.query; ; {
			counted := &source{Store: s}
			p := page(t, counted, q)
			if keys, rows := counted.keys.Load(), counted.rows.Load(); keys > listing.MaxKeys || rows > listing.MaxRows {
				t.Errorf("%s: a page reads %d keys and %d rows", name, keys, rows)
			}
			found, pages = found+len(p.Items), pages+1
			if q.After = p.Next; p.Next == "" || pages > 100 {
				break
			}
		}
		wanted := 1
		if tc.query.Type == "" && tc.query.UpdatedAfter.IsZero() {
			wanted = 700
		}
		if found != wanted || pages != tc.pages {
			t.Errorf("%s: %d found on %d pages", name, found, pages)
		}
	}
}

// While an index lags, an operation can stand at two of its places. It is shown once, as it is, and
// where it has not arrived it is missing until then.
func TestLaggingIndexShowsNothingTwice(t *testing.T) {
	t.Parallel()
	now := start
	s := memory.New(func() time.Time { return now })
	s.IndexLag = time.Second
	op := create(t, s, 1, nil)
	now = now.Add(time.Minute)
	old, err := s.Items(t.Context(), "t", []string{op.ID}, true)
	if err != nil {
		t.Fatal(err)
	}
	both := append(operation.OpenStates(), operation.Completed)
	show := func(when string, states []operation.State, wanted int) {
		t.Helper()
		for name, src := range map[string]*source{"now": {Store: s}, "before": {Store: s, old: old}} {
			p := page(t, src, operation.ListQuery{States: states, Limit: 10})
			if len(p.Items) != wanted {
				t.Errorf("%s, as it was %s: %d operations", when, name, len(p.Items))
			}
		}
	}
	show("before the change", operation.OpenStates(), 1)
	op.Version, op.State = 2, operation.Completed
	if err := s.Commit(t.Context(), operation.Change{Op: op}); err != nil {
		t.Fatal(err)
	}
	src := &source{Store: s}
	if p := page(t, src, operation.ListQuery{States: operation.OpenStates(), Limit: 10}); len(p.Items) != 0 {
		t.Errorf("an ended operation is shown as open: %+v", p)
	}
	now = now.Add(time.Second) // the index shows it, and a replica of the table does not
	show("after the change", both, 1)
	show("after the change", []operation.State{operation.Completed}, 1)
	was, _ := layout.ReadEntry(layout.StateIndex, old[op.ID].Text("state_pk"), old[op.ID].Text("state_sk"))
	for _, items := range []map[string]layout.Item{nil, old} {
		src := &source{Store: s, left: []layout.Entry{was}, old: items}
		if p := page(t, src, operation.ListQuery{States: both, Limit: 10}); len(p.Items) != 1 || p.Next != "" {
			t.Errorf("at two places it is shown %d times", len(p.Items))
		}
	}
	stale := &source{Store: s, old: map[string]layout.Item{op.ID: nil}}
	if p := page(t, stale, operation.ListQuery{Limit: 10}); len(p.Items) != 1 {
		t.Error("an operation is missing that one replica does not have yet")
	}
}

// An operation whose attention was raised anew stands in the index twice until it has caught up. It
// is shown where it is.
func TestAttentionThatMovesIsShownOnce(t *testing.T) {
	t.Parallel()
	s := memory.New(func() time.Time { return start })
	op := create(t, s, 1, func(op *operation.Operation) {
		op.Attention = &operation.Attention{Reason: operation.GaveUp, Since: start}
	})
	old, _ := s.Items(t.Context(), "t", []string{op.ID}, true) // never an error
	was, _ := layout.ReadEntry(layout.AttentionIndex, "t", old[op.ID].Text("attention_sk"))
	op.Version, op.Attention = 2, &operation.Attention{Reason: operation.InputNeeded, Since: start.Add(time.Hour)}
	if err := s.Commit(t.Context(), operation.Change{Op: op}); err != nil {
		t.Fatal(err)
	}
	for _, items := range []map[string]layout.Item{nil, old} {
		src := &source{Store: s, left: []layout.Entry{was}, old: items}
		p := page(t, src, operation.ListQuery{Attention: true, Limit: 10})
		if len(p.Items) != 1 || p.Items[0].Attention.Reason != operation.InputNeeded {
			t.Errorf("it is shown %d times", len(p.Items))
		}
	}
}

// A fault of the store is told: a short page must not look like the end of the list.
func TestFaultsAreTold(t *testing.T) {
	t.Parallel()
	s := memory.New(func() time.Time { return start })
	create(t, s, 1, nil)
	fault := errors.New("fault")
	for part, q := range map[string]operation.ListQuery{
		"keys": {States: operation.OpenStates()}, "items": {}, "key": {Any: "x"},
	} {
		q.Limit = 10
		src := &source{Store: s, faults: map[string]error{part: fault}}
		if p, err := listing.List(t.Context(), src, "t", q, start); !errors.Is(err, fault) {
			t.Errorf("%s: %+v, %v", part, p, err)
		}
	}
}
