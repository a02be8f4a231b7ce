package memory

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/store"
	"adcp-orchestrator/pkg/store/layout"
)

// place is where an operation stands in the index; zero if it does not.
type place struct {
	shard string
	due   layout.Due
}

// indexEntry is an operation in the index of what is due: as it is stored, and as it was before the
// change that the index may not show yet.
type indexEntry struct {
	stored, before place
	changedAt      time.Time
}

// at returns what the index shows at a time.
func (e indexEntry) at(now time.Time, lag time.Duration) place {
	if now.Before(e.changedAt.Add(lag)) {
		return e.before
	}
	return e.stored
}

// reindex puts the present item of an operation into the index. The caller holds the lock.
func (s *Store) reindex(k id, op layout.Item) {
	var is place
	if at := op.Text("due_at"); at != "" {
		is = place{op.Text("due_pk"), layout.Due{PK: op.Text("pk"), At: at}}
	}
	now, last := s.now(), s.index[k]
	if was := last.stored; was != is {
		s.IndexWrites += min(len(was.shard), 1) + min(len(is.shard), 1)
	}
	s.index[k] = indexEntry{stored: is, before: last.at(now, s.IndexLag), changedAt: now}
}

// Due returns operations that stand in the index before now: at most limit of them, a fair share of
// each tenant's, the longest due first. Like a DynamoDB index it has shards, and lags by IndexLag
// behind what is stored.
func (s *Store) Due(_ context.Context, now time.Time, limit int) (operation.DueList, error) {
	return layout.ShareDue(s.indexed("due#", now), limit), nil
}

// indexed returns the entries before a time of the shards whose names begin with prefix, each
// shard's in order.
func (s *Store) indexed(prefix string, before time.Time) (shards [][]layout.Due) {
	s.mu.Lock()
	defer s.mu.Unlock()
	found, now, limit := map[string][]layout.Due{}, s.now(), layout.Timestamp(before)
	for _, e := range s.index {
		if p := e.at(now, s.IndexLag); strings.HasPrefix(p.shard, prefix) && p.due.At < limit {
			found[p.shard] = append(found[p.shard], p.due)
		}
	}
	for _, shard := range slices.Sorted(maps.Keys(found)) {
		slices.SortFunc(found[shard], func(a, b layout.Due) int {
			return cmp.Or(strings.Compare(a.At, b.At), strings.Compare(a.PK, b.PK))
		})
		shards = append(shards, found[shard])
	}
	return shards
}

// MoveDue moves an operation in the index, if it is stored as it was read, or returns
// store.ErrStale.
func (s *Store) MoveDue(_ context.Context, op operation.Operation, at time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := id{op.Tenant, op.ID}
	if r, ok := s.operations[k]; !ok || r.version != op.Version {
		return store.ErrStale
	}
	s.setEntry(k, layout.DueEntry(op.ID, at, s.dueShards))
	return nil
}

// PutOff moves an operation in the index after a look that failed, for longer the more looks in a
// row have failed. It does nothing if the operation has been moved or taken out meanwhile.
func (s *Store) PutOff(_ context.Context, ref operation.Ref, now time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.failures[ref].After(now)
	s.failures[ref] = f
	k := id{ref.Tenant, ref.OperationID}
	r, ok := s.operations[k]
	if !ok {
		return nil
	}
	at := r.items[layout.SKOperation].Text("due_at")
	if at != "" && at < layout.Timestamp(now) {
		s.setEntry(k, layout.DueEntry(ref.OperationID, now.Add(operation.PutOff(int(f.N))), s.dueShards))
	}
	return nil
}

// setEntry writes the place in the index of a stored operation. The caller holds the lock.
func (s *Store) setEntry(k id, entry layout.Item) {
	r := s.operations[k]
	r.put(r.items[layout.SKOperation].With(entry))
	s.reindex(k, r.items[layout.SKOperation])
}

// WithDueShards sets how many partitions the index is distributed over. A store may be given
// another number at any time.
func (s *Store) WithDueShards(n int) *Store {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dueShards = n
	return s
}

// NextDue returns the earliest time in the index as it is stored, or look at a gate's line, without
// the index's lag, in whole milliseconds. It is zero if there is none.
func (s *Store) NextDue() (next time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.index {
		at, err := time.Parse(time.RFC3339, e.stored.due.At)
		if err == nil && (next.IsZero() || at.Before(next)) {
			next = at
		}
	}
	for _, g := range s.gates {
		if at := g.lookAt; !at.IsZero() && (next.IsZero() || at.Before(next)) {
			next = at
		}
	}
	return next
}
