package memory

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"adcp-orchestrator/pkg/inbox"
	"adcp-orchestrator/pkg/notice"
	"adcp-orchestrator/pkg/store"
	"adcp-orchestrator/pkg/store/layout"
)

// Quarantine stores a delivery, or counts its repetition. It returns store.ErrFull.
func (s *Store) Quarantine(_ context.Context, q inbox.Quarantined) error {
	i, err := layout.Key(q.Tenant, "quarantine", dayOf(q), cursorOf(q)).WithDoc(q)
	if err == nil {
		err = i.Check()
	}
	if err == nil {
		err = s.conflict("Quarantine", maxTries)
	}
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	k := id{q.Tenant, dayOf(q) + "\x00" + cursorOf(q)}
	first, exists := s.quarantine[k]
	if !exists {
		if q.Authentic && s.countAuthentic(q) >= inbox.MaxQuarantined {
			return store.ErrFull
		}
		place := dayOf(q) + "#" + cursorOf(q)
		told := notice.Quarantined(q.Tenant, q.AgentID, q.OperationID, place, q.Code, q.Authentic, q.At)
		if err := s.tell(told); err != nil {
			return err
		}
		first = q
		first.Count, first.Header = 0, maps.Clone(q.Header)
	}
	first.Count++
	first.LastAt = q.At
	s.quarantine[k] = first
	return nil
}

// countAuthentic counts the authentic deliveries that are stored for q's operation and day. The
// caller holds the lock.
func (s *Store) countAuthentic(q inbox.Quarantined) (n int) {
	for k, other := range s.quarantine {
		if k.tenant == q.Tenant && other.Authentic && other.OperationID == q.OperationID && dayOf(other) == dayOf(q) {
			n++
		}
	}
	return n
}

func dayOf(q inbox.Quarantined) string { return q.At.UTC().Format(time.DateOnly) }

// cursorOf is the position of a delivery in its day. Repetitions have the position of the first.
func cursorOf(q inbox.Quarantined) string {
	if q.Authentic {
		return q.OperationID + "#a#" + q.Digest
	}
	return q.OperationID + "#r#" + q.Code
}

// Quarantined lists a page of a tenant's deliveries of a day.
func (s *Store) Quarantined(
	_ context.Context, tenant, day, after string, limit int,
) (page []inbox.Quarantined, next string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for k, q := range s.quarantine {
		expired := s.now().After(q.LastAt.Add(inbox.QuarantineFor))
		if k.tenant == tenant && dayOf(q) == day && cursorOf(q) > after && !expired {
			q.Header = maps.Clone(q.Header)
			page = append(page, q)
		}
	}
	slices.SortFunc(page, func(a, b inbox.Quarantined) int { return cmp.Compare(cursorOf(a), cursorOf(b)) })
	if len(page) > limit {
		page = page[:limit]
		next = cursorOf(page[limit-1])
	}
	return page, next, nil
}
