package memory

import (
	"adcp-orchestrator/pkg/inbox"
	"adcp-orchestrator/pkg/store"
	"cmp"
	"context"
	"maps"
	"slices"
	"time"
)

// Quarantine implements orchestrator.Store.
func (s *Store) Quarantine(_ context.Context, q inbox.Quarantined) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := id{q.Tenant, dayOf(q) + "\x00" + placeOf(q)}
	first, there := s.quarantine[k]
	if !there {
		if q.Authentic && s.authentic(q) >= inbox.MaxQuarantined {
			return store.ErrFull
		}
		first = q
		first.Count, first.Header = 0, maps.Clone(q.Header)
	}
	first.Count++
	first.LastAt = q.At
	s.quarantine[k] = first
	return nil
}

// authentic counts the authentic deliveries kept for q's operation and day. The lock is held.
func (s *Store) authentic(q inbox.Quarantined) (n int) {
	for k, other := range s.quarantine {
		if k.tenant == q.Tenant && other.Authentic && other.OperationID == q.OperationID && dayOf(other) == dayOf(q) {
			n++
		}
	}
	return n
}

func dayOf(q inbox.Quarantined) string { return q.At.UTC().Format(time.DateOnly) }

// placeOf is where a delivery stands in its day: the same for what counts as the same.
func placeOf(q inbox.Quarantined) string {
	if q.Authentic {
		return q.OperationID + "#a#" + q.Digest
	}
	return q.OperationID + "#r#" + q.Code
}

// Quarantined implements orchestrator.Store.
func (s *Store) Quarantined(_ context.Context, tenant, day, after string, limit int) (found []inbox.Quarantined, next string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for k, q := range s.quarantine {
		if k.tenant == tenant && dayOf(q) == day && placeOf(q) > after && !s.now().After(q.LastAt.Add(inbox.QuarantineFor)) {
			q.Header = maps.Clone(q.Header)
			found = append(found, q)
		}
	}
	slices.SortFunc(found, func(a, b inbox.Quarantined) int { return cmp.Compare(placeOf(a), placeOf(b)) })
	if len(found) > limit {
		found = found[:limit]
		next = placeOf(found[limit-1])
	}
	return found, next, nil
}
