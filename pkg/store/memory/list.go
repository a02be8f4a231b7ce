package memory

import (
	"context"
	"slices"
	"strings"
	"time"

	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/store/layout"
	"adcp-orchestrator/pkg/store/listing"
)

// listed is what the indexes that the API lists by show of an operation: its item as it is stored,
// and until they have caught up as it was before.
type listed struct {
	before    layout.Item
	changedAt time.Time
}

// putAll stores an operation's items: its own, which is op, and those beside it. References are of
// other partitions. The caller holds the lock.
func (s *Store) putAll(r *record, op layout.Item, items []layout.Item) {
	if s.IndexLag > 0 {
		r.listed = listed{before: r.shown(s.now(), s.IndexLag), changedAt: s.now()}
	}
	for _, i := range items {
		pk := i.Text("pk")
		if pk == op.Text("pk") {
			r.put(i)
			s.await(i)
			continue
		}
		if s.refs[pk] == nil {
			s.refs[pk] = map[string]layout.Item{}
		}
		s.refs[pk][i.Text("sk")] = i
	}
}

// shown is the item of an operation as the indexes show it, nil if they do not.
func (r *record) shown(now time.Time, lag time.Duration) layout.Item {
	if lag > 0 && now.Before(r.listed.changedAt.Add(lag)) {
		return r.listed.before
	}
	return r.items[layout.SKOperation]
}

// List reads a page of a tenant's operations. Like DynamoDB's, the indexes that it reads lag by
// IndexLag.
func (s *Store) List(ctx context.Context, tenant string, q operation.ListQuery) (operation.ListPage, error) {
	return listing.List(ctx, s, tenant, q, s.now())
}

// Keys reads entries of a range. It is the store's part of listing.List.
func (s *Store) Keys(_ context.Context, r layout.Range, ascending bool, limit int) (
	found []layout.Entry, more bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.Index.Name == "" {
		for sk := range s.refs[r.PK] {
			found = appendEntry(found, r, r.PK, sk)
		}
	} else {
		for _, rec := range s.operations {
			i := rec.shown(s.now(), s.IndexLag)
			found = appendEntry(found, r, i.Text(r.Index.PK), i.Text(r.Index.SK))
		}
	}
	slices.SortFunc(found, func(a, b layout.Entry) int {
		if !ascending {
			a, b = b, a
		}
		return strings.Compare(a.SK, b.SK)
	})
	if len(found) < limit { // a query that reads as many as it may does not know that it is at the end
		return found, false, nil
	}
	return found[:limit], true, nil
}

// appendEntry adds an entry if it is in a range.
func appendEntry(found []layout.Entry, r layout.Range, pk, sk string) []layout.Entry {
	if e, ok := layout.ReadEntry(r.Index, pk, sk); ok && pk == r.PK && r.Lo <= sk && sk <= r.Hi {
		found = append(found, e)
	}
	return found
}

// Items reads operations by their ids. It is the store's part of listing.List.
func (s *Store) Items(_ context.Context, tenant string, ids []string, _ bool) (map[string]layout.Item, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	items := map[string]layout.Item{}
	for _, opID := range ids {
		if r, ok := s.stored(id{tenant, opID}); ok {
			items[opID] = r.items[layout.SKOperation]
		}
	}
	return items, nil
}

// Counts counts a tenant's operations by state, and those that need a person, as far as
// operation.MaxStateCount and MaxAttentionCount.
func (s *Store) Counts(ctx context.Context, tenant string) (operation.Counts, error) {
	c := operation.Counts{States: map[operation.State]operation.Count{}}
	count := func(r layout.Range, limit int) operation.Count {
		found, more, _ := s.Keys(ctx, r, true, limit) // never an error
		return operation.Count{N: len(found), More: more}
	}
	for _, state := range operation.States() {
		c.States[state] = count(layout.StateRange(tenant, state), operation.MaxStateCount)
	}
	c.Attention = count(layout.AttentionRange(tenant), operation.MaxAttentionCount)
	return c, nil
}
