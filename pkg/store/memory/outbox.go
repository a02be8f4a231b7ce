package memory

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"adcp-orchestrator/pkg/notice"
	"adcp-orchestrator/pkg/outbox"
	"adcp-orchestrator/pkg/store"
	"adcp-orchestrator/pkg/store/layout"
)

// rowID names a notice's item.
type rowID struct{ pk, sk string }

// waiting is a notice in the outbox: where it stands in the index, and since when.
type waiting struct {
	place
	changedAt time.Time
}

// feedEnd counts a tenant's reserved positions.
type feedEnd struct {
	n  int64
	at time.Time
}

// tell puts notices that belong to no timeline into the outbox. The caller holds the lock.
func (s *Store) tell(told ...notice.Notice) error {
	for _, n := range told {
		i, err := layout.NoticeItem(n)
		if err != nil {
			return err
		}
		s.notices[id{n.Facts.Tenant, n.ID}] = i
		s.await(i)
	}
	return nil
}

// await puts those of the items into the outbox that carry waiting notices, or a rest that waits,
// and takes the others out. The caller holds the lock.
func (s *Store) await(items ...layout.Item) {
	for _, i := range items {
		k := rowID{i.Text("pk"), i.Text("sk")}
		carries := i.Text(layout.AttrNotice) != "" || i.Text(layout.AttrMark) != ""
		if !carries || i.Text("due_pk") == "" {
			delete(s.outbox, k)
			continue
		}
		s.outbox[k] = waiting{place{i.Text("due_pk"), layout.Due{PK: k.pk, At: i.Text("due_at")}}, s.now()}
	}
}

// carriers returns the items that may carry notices of a Ref, the newest first. The caller holds
// the lock.
func (s *Store) carriers(r notice.Ref) []layout.Item {
	if r.OperationID == "" {
		if i, ok := s.notices[id{r.Tenant, r.NoticeID}]; ok {
			return []layout.Item{i}
		}
		return nil
	}
	stored, ok := s.operations[id{r.Tenant, r.OperationID}]
	if !ok {
		return nil
	}
	items := stored.withPrefix(layout.SKEvent)
	slices.Reverse(items)
	return items
}

// replace stores a carrier. The caller holds the lock.
func (s *Store) replace(r notice.Ref, i layout.Item) {
	if r.OperationID == "" {
		s.notices[id{r.Tenant, r.NoticeID}] = i
	} else {
		s.operations[id{r.Tenant, r.OperationID}].put(i)
	}
	s.await(i)
}

// PendingNotices returns the notices of a Ref that wait to be sent, the oldest first.
func (s *Store) PendingNotices(_ context.Context, r notice.Ref) ([]notice.Row, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	rows, _, err := layout.WaitingRows(s.carriers(r))
	slices.Reverse(rows)
	return rows, err
}

// ReservePositions takes the next n positions of a tenant's feed, and returns the first of them.
func (s *Store) ReservePositions(_ context.Context, tenant string, n int, now time.Time) (int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	end := s.feedEnds[tenant]
	s.feedEnds[tenant] = feedEnd{end.n + int64(n), now.UTC().Truncate(time.Millisecond)}
	return end.n + 1, nil
}

// AcknowledgeNotice takes a notice out of the outbox, puts it into the feed, and counts what its
// mark says. It returns
// store.ErrStale if the notice does not wait any more, or if the position is void.
func (s *Store) AcknowledgeNotice(_ context.Context, r notice.Ref, row notice.Row, position int64,
	now time.Time) error {
	fed, err := layout.FeedItem(r.Tenant, position, &row.Notice, now)
	if err != nil {
		return err
	}
	if err := s.conflict("AcknowledgeNotice", maxTries); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	items := s.carriers(r)
	n := slices.IndexFunc(items, func(i layout.Item) bool { return i.Text("sk") == row.Key && i.Text("due_pk") != "" })
	at := id{r.Tenant, strconv.FormatInt(position, 10)}
	if _, filled := s.feed[at]; n < 0 || filled {
		return store.ErrStale
	}
	if err := s.count(r, row); err != nil {
		return err
	}
	acknowledged := items[n].With(layout.Item{layout.AttrPosition: position})
	delete(acknowledged, "due_pk")
	delete(acknowledged, "due_at")
	s.replace(r, acknowledged)
	s.feed[at] = fed
	return nil
}

// WaitingNotices returns whose notices should have been sent before now, and whose rests counted, a
// fair share of each tenant's. Like Due, it lags by IndexLag behind what is put into the outbox.
func (s *Store) WaitingNotices(_ context.Context, now time.Time, limit int) (outbox.Waiting, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	found, at, before := map[string][]layout.Due{}, s.now(), layout.Timestamp(now)
	for _, w := range s.outbox {
		if !at.Before(w.changedAt.Add(s.IndexLag)) && w.due.At < before {
			found[w.shard] = append(found[w.shard], w.due)
		}
	}
	var shards [][]layout.Due
	for _, shard := range slices.Sorted(maps.Keys(found)) {
		slices.SortFunc(found[shard], func(a, b layout.Due) int {
			return cmp.Or(strings.Compare(a.At, b.At), strings.Compare(a.PK, b.PK))
		})
		shards = append(shards, found[shard][:min(limit, len(found[shard]))])
	}
	refs, list := layout.Outbox(shards, limit)
	return outbox.Waiting{Refs: refs, Total: list.Total, OldestAt: list.OldestAt}, nil
}

// PutOffNotices leaves the notices of a Ref that wait alone until a time.
func (s *Store) PutOffNotices(_ context.Context, r notice.Ref, until time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	items := s.carriers(r)
	if op := s.operations[id{r.Tenant, r.OperationID}]; op != nil && op.items[layout.SKRest] != nil {
		items = append(items, op.items[layout.SKRest])
	}
	for _, i := range items {
		if i.Text("due_pk") != "" {
			s.replace(r, i.With(layout.Item{"due_at": layout.Timestamp(until)}))
		}
	}
	return nil
}

// Notices returns what the timeline of an operation tells, the oldest first, sent or not.
func (s *Store) Notices(tenant, opID string) (all []notice.Notice, err error) {
	for _, i := range s.itemsOf(tenant, opID, layout.SKEvent) {
		if i.Text(layout.AttrNotice) == "" {
			continue
		}
		row, _, err := layout.ReadRow(i)
		if err != nil {
			return nil, err
		}
		all = append(all, row.Notice)
	}
	return all, nil
}

// NextNotice returns when the first notice in the outbox should have been sent, without the index's
// lag; zero if none waits.
func (s *Store) NextNotice() (next time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, w := range s.outbox {
		at, err := time.Parse(time.RFC3339, w.due.At)
		if err == nil && (next.IsZero() || at.Before(next)) {
			next = at
		}
	}
	return next
}

// FeedEnd returns the last position of a tenant's feed that was reserved, and when.
func (s *Store) FeedEnd(_ context.Context, tenant string) (int64, time.Time, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	end := s.feedEnds[tenant]
	return end.n, end.at, nil
}

// FeedEntries returns what stands at the positions from first on, at most n, in order.
func (s *Store) FeedEntries(_ context.Context, tenant string, first int64, n int) (told []notice.Told, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for position := first; position < first+int64(n); position++ {
		i, ok := s.feed[id{tenant, strconv.FormatInt(position, 10)}]
		if !ok {
			continue
		}
		t, err := layout.ReadFeedItem(position, i)
		if err != nil {
			return nil, err
		}
		told = append(told, t)
	}
	return told, nil
}

// VoidPosition makes sure that no notice will ever stand at a position. It returns store.ErrStale
// if something does already.
func (s *Store) VoidPosition(_ context.Context, tenant string, position int64, now time.Time) error {
	i, err := layout.FeedItem(tenant, position, nil, now)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	at := id{tenant, strconv.FormatInt(position, 10)}
	if _, filled := s.feed[at]; filled {
		return store.ErrStale
	}
	s.feed[at] = i
	return nil
}

// NoticePosition returns where the notice of an id stands, or store.ErrNotFound if there is none or
// it was not told yet.
func (s *Store) NoticePosition(_ context.Context, tenant, noticeID string) (int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := notice.Ref{Tenant: tenant, OperationID: notice.OperationOf(noticeID)}
	if r.OperationID == "" {
		r.NoticeID = noticeID
	}
	if position, found := layout.PositionOf(noticeID, s.carriers(r)); found {
		return position, nil
	}
	return 0, store.ErrNotFound
}

// SweepFeed deletes what the table may delete of notices at a time.
func (s *Store) SweepFeed(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, items := range []map[id]layout.Item{s.feed, s.notices} {
		for k, i := range items {
			if layout.Passed(i.Number("ttl"), now) {
				delete(items, k)
			}
		}
	}
}
