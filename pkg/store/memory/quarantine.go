package memory

import (
	"context"
	"errors"
	"time"

	"adcp-orchestrator/pkg/inbox"
	"adcp-orchestrator/pkg/notice"
	"adcp-orchestrator/pkg/store"
	"adcp-orchestrator/pkg/store/layout"
)

// Quarantine stores a delivery, or counts its repetition. It returns store.ErrFull.
func (s *Store) Quarantine(_ context.Context, q inbox.Quarantined) error {
	i, err := layout.QuarantineItem(q)
	if err != nil {
		return err
	}
	body, err := layout.QuarantineBody(q)
	if err != nil {
		return err
	}
	if err := layout.CheckTransaction(append(body, i), 1); err != nil {
		return err
	}
	if err := s.conflict("Quarantine", maxTries); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	k := id{q.Tenant, q.ID()}
	if first, exists := s.quarantine[k]; exists {
		s.quarantine[k] = first.With(layout.Item{
			"count": first.Number("count") + 1, "last_at": i["last_at"], "ttl": i["ttl"],
		})
		return nil
	}
	counter := id{q.Tenant, q.Day() + "\x00" + q.OperationID}
	if q.Authentic {
		if s.quarantineCounts[counter] >= inbox.MaxQuarantined {
			return store.ErrFull
		}
	}
	told := notice.Quarantined(q.Tenant, q.AgentID, q.OperationID, q.ID(), q.Code, q.Authentic, q.At)
	if err := s.tell(told); err != nil {
		return err
	}
	if q.Authentic {
		s.quarantineCounts[counter]++
	}
	s.quarantine[k], s.bodies[k] = i, body
	return nil
}

// QuarantinePage lists a page of a tenant's deliveries, the newest first.
func (s *Store) QuarantinePage(_ context.Context, tenant string, from, before time.Time, after string, limit int) (
	page []inbox.Quarantined, next string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	least, greatest := layout.QuarantineRange(from, before)
	items, next := pageOf(s, s.quarantine, layout.ListQuery{Tenant: tenant, Kind: layout.KindQuarantine, Before: after,
		From: least, To: greatest}, limit)
	for _, i := range items {
		q, err := layout.ReadQuarantined(tenant, i, s.now())
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, "", err
		}
		page = append(page, q)
	}
	return page, next, nil
}

// QuarantinedByID returns a delivery, or store.ErrNotFound.
func (s *Store) QuarantinedByID(_ context.Context, tenant, quarantined string) (inbox.Quarantined, error) {
	i, err := find(s, s.quarantine, id{tenant, quarantined})
	if err != nil {
		return inbox.Quarantined{}, err
	}
	return layout.ReadQuarantined(tenant, i, s.now())
}

// QuarantinedBody returns the kept body of a delivery, or store.ErrNotFound.
func (s *Store) QuarantinedBody(_ context.Context, tenant, quarantined string) ([]byte, error) {
	items, err := find(s, s.bodies, id{tenant, quarantined})
	if err != nil {
		return nil, err
	}
	return layout.ReadQuarantineBody(items, s.now())
}

// HandleQuarantined stores what a person did about a delivery. It returns store.ErrStale for one
// that was replayed, or store.ErrNotFound.
func (s *Store) HandleQuarantined(_ context.Context, tenant, quarantined string, state inbox.QuarantineState,
	h inbox.Handled) error {
	doc, err := layout.HandledText(h)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	k := id{tenant, quarantined}
	i, ok := s.quarantine[k]
	switch {
	case !ok || i.Expired(s.now()):
		return store.ErrNotFound
	case i.Text(layout.AttrState) == string(inbox.Replayed):
		return store.ErrStale
	}
	i = i.With(layout.Item{layout.AttrState: string(state), layout.AttrHandled: doc})
	if err := i.Check(); err != nil {
		return err
	}
	s.quarantine[k] = i
	return nil
}
