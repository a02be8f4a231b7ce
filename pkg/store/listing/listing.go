// Package listing reads pages of operations at flat cost, whatever is stored: the keys of one
// stretch of an index, or of some that are merged, and then the operations themselves. It is the
// same for every store; a store gives it keys and items.
package listing

import (
	"context"
	"errors"
	"slices"
	"time"

	"adcp-orchestrator/pkg/digest"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/orchestrator"
	"adcp-orchestrator/pkg/store"
	"adcp-orchestrator/pkg/store/layout"
)

// What one page costs at most: MaxKeys keys of indexes are looked at, and MaxRows operations read.
// A page for which that is not enough is short, or empty, and has a next one.
const (
	MaxKeys = 500
	MaxRows = 200
	// chunk is how many more keys, or operations, are read at once when the first did not fill the
	// page: what DynamoDB reads in one request.
	chunk = 100
)

// Source is what a page is read from.
type Source interface {
	// Keys returns at most limit entries of a range, in order, and whether the range has more. An
	// index lags behind what is stored.
	Keys(ctx context.Context, r layout.Range, ascending bool, limit int) (found []layout.Entry, more bool, err error)
	// Items returns the items of at most chunk operations, by id. What is not consistent may be some
	// moments old, and costs half.
	Items(ctx context.Context, tenant string, ids []string, consistent bool) (map[string]layout.Item, error)
	// IdempotencyRecord returns what an idempotency key is bound to, or store.ErrNotFound.
	IdempotencyRecord(ctx context.Context, tenant, keyHash string) (orchestrator.IdempotencyRecord, error)
}

// list is one page while it is read.
type list struct {
	source   Source
	tenant   string
	query    operation.ListQuery
	now      time.Time
	streams  []*stream
	keys     int    // how many keys were read
	position string // of the last entry that was looked at
}

// candidate is an operation with all entries that name it: two states can at the same time, while
// an index lags.
type candidate struct {
	entries []layout.Entry
}

func (c candidate) position() string { return c.entries[0].Position }
func (c candidate) id() string       { return c.entries[0].ID }

func (c candidate) holds(stored layout.Item) bool {
	for _, e := range c.entries {
		if e.Holds(stored) {
			return true
		}
	}
	return false
}

// List reads a page of a tenant's operations. Those that have expired at now are left out.
func List(ctx context.Context, s Source, tenant string, q operation.ListQuery, now time.Time) (
	page operation.ListPage, err error) {
	l := &list{source: s, tenant: tenant, query: q, now: now}
	for _, r := range layout.Ranges(tenant, q) {
		l.streams = append(l.streams, &stream{whole: r, rest: r, more: true})
	}
	if q.Any != "" {
		if err := l.addDirect(ctx); err != nil {
			return page, err
		}
	}
	for rows, want := 0, q.Limit; len(page.Items) < q.Limit && rows < MaxRows; want = chunk {
		batch, err := l.candidates(ctx, min(want, chunk, MaxRows-rows))
		if err != nil {
			return page, err
		}
		if len(batch) == 0 {
			break
		}
		rows += len(batch)
		items, err := l.items(ctx, batch)
		if err != nil {
			return page, err
		}
		for n, c := range batch {
			op, fits, err := l.read(c, items[c.id()])
			if err != nil {
				return page, err
			}
			if !fits {
				continue
			}
			page.Items, page.Places = append(page.Items, op), append(page.Places, c.position())
			if len(page.Items) == q.Limit && n < len(batch)-1 {
				page.Next = c.position()
				return page, nil
			}
		}
	}
	if !l.over() {
		page.Next = l.position
	}
	return page, nil
}

// candidates returns the next operations of the list that may fit, at most limit of them.
func (l *list) candidates(ctx context.Context, limit int) (batch []candidate, err error) {
	for len(batch) < limit {
		if err := l.fill(ctx, limit-len(batch)); err != nil {
			return nil, err
		}
		first := l.first()
		if first == nil {
			break
		}
		c := candidate{entries: []layout.Entry{first.pop()}}
		for _, s := range l.streams {
			for len(s.entries) > 0 && s.entries[0].Position == c.position() {
				c.entries = append(c.entries, s.pop())
			}
		}
		l.position = c.position()
		if l.mayFit(c.entries[0]) {
			batch = append(batch, c)
		}
	}
	return batch, nil
}

// mayFit reports whether what an entry itself says fits.
func (l *list) mayFit(e layout.Entry) bool {
	q := l.query
	return (q.Type == "" || e.Type == "" || e.Type == string(q.Type)) &&
		(q.Reason == "" || e.Reason == "" || e.Reason == string(q.Reason))
}

// items reads the operations of candidates. What contradicts its entry is read again: the index may
// know more than an item that is some moments old, and nothing is to be missing for it.
func (l *list) items(ctx context.Context, batch []candidate) (map[string]layout.Item, error) {
	var ids, doubtful []string
	for _, c := range batch {
		ids = addOnce(ids, c.id())
	}
	items, err := l.source.Items(ctx, l.tenant, ids, false)
	if err != nil {
		return nil, err
	}
	for _, c := range batch {
		if !c.holds(items[c.id()]) {
			doubtful = addOnce(doubtful, c.id())
		}
	}
	if len(doubtful) == 0 {
		return items, nil
	}
	again, err := l.source.Items(ctx, l.tenant, doubtful, true)
	for _, id := range doubtful {
		items[id] = again[id]
	}
	return items, err
}

// addOnce adds an id that is not there yet: an operation can stand at two places of the index of
// attention while that lags, and no request may name an item twice.
func addOnce(ids []string, id string) []string {
	if slices.Contains(ids, id) {
		return ids
	}
	return append(ids, id)
}

// read decodes a candidate's item. fits is false for one that has another place in the list by now,
// has expired, or does not fit the query. One that went from one part of the list to another after
// its entry was read is shown: it is not looked for there any more.
func (l *list) read(c candidate, stored layout.Item) (op operation.Operation, fits bool, err error) {
	if !c.entries[0].SamePlace(stored) { // all its entries have one place
		return op, false, nil
	}
	op, err = layout.ReadOperation(stored, l.now)
	if errors.Is(err, store.ErrNotFound) {
		return op, false, nil
	}
	return op, err == nil && l.query.Matches(op) && l.named(c, op), err
}

// named reports whether an operation that was found by a reference still has that name.
func (l *list) named(c candidate, op operation.Operation) bool {
	return l.query.Any == "" || slices.Contains(op.Names(), l.query.Any) ||
		slices.ContainsFunc(c.entries, func(e layout.Entry) bool { return e.PK == "" }) // by its id, or its key
}

// addDirect adds what is found by its id, or by one of its idempotency keys.
func (l *list) addDirect(ctx context.Context) error {
	ids, any := []string{l.query.Any}, l.query.Any
	bound, err := l.source.IdempotencyRecord(ctx, l.tenant, digest.Hex(any))
	if err == nil && bound.OperationID != any {
		ids = append(ids, bound.OperationID)
	} else if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	items, err := l.source.Items(ctx, l.tenant, ids, true)
	for _, id := range ids {
		if err != nil || items[id] == nil {
			continue
		}
		var op operation.Operation
		if op, err = layout.ReadOperation(items[id], l.now); errors.Is(err, store.ErrNotFound) {
			err = nil
			continue
		}
		at := layout.Position(op.CreatedAt, op.ID)
		after := l.query.After
		if after == "" || l.query.Ascending && at > after || !l.query.Ascending && at < after {
			l.streams = append(l.streams, &stream{entries: []layout.Entry{{Position: at, ID: op.ID}}})
		}
	}
	return err
}
