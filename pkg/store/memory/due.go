package memory

import (
	"cmp"
	"context"
	"slices"
	"time"

	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/store/layout"
)

// indexEntry is an operation in the index of what is due: as it is stored, and as it was before the
// change that the index may not show yet.
type indexEntry struct {
	stored, before layout.Item
	changedAt      time.Time
}

// at returns what the index shows at a time.
func (e indexEntry) at(now time.Time, lag time.Duration) layout.Item {
	if now.Before(e.changedAt.Add(lag)) {
		return e.before
	}
	return e.stored
}

// reindex puts the present item of an operation into the index. The caller holds the lock.
func (s *Store) reindex(k id, op layout.Item) {
	now := s.now()
	s.index[k] = indexEntry{stored: op, before: s.index[k].at(now, s.IndexLag), changedAt: now}
}

// Due returns operations whose DueAt is before now, at most limit of them, the longest due first.
// Like a DynamoDB index it has shards, and lags by IndexLag behind what is stored.
func (s *Store) Due(_ context.Context, now time.Time, limit int) ([]operation.Ref, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	shards := make([][]layout.Item, layout.DueShards)
	for k, e := range s.index {
		i := e.at(s.now(), s.IndexLag)
		if at := i.Text("due_at"); at != "" && at < layout.Timestamp(now) {
			n := layout.Shard(k.key, layout.DueShards)
			shards[n] = append(shards[n], i)
		}
	}
	var due []layout.Item
	for _, items := range shards {
		slices.SortFunc(items, func(a, b layout.Item) int {
			return cmp.Or(cmp.Compare(a.Text("due_at"), b.Text("due_at")), cmp.Compare(a.Text("pk"), b.Text("pk")))
		})
		due = append(due, items[:min(limit, len(items))]...)
	}
	return layout.LongestDue(due, limit), nil
}

// NextDue returns the earliest DueAt of all operations as it is stored, without the index's lag, in
// whole milliseconds. It is zero if there is none.
func (s *Store) NextDue() (next time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.index {
		at, err := time.Parse(time.RFC3339, e.stored.Text("due_at"))
		if err == nil && (next.IsZero() || at.Before(next)) {
			next = at
		}
	}
	return next
}
