package memory

import (
	"context"

	"adcp-orchestrator/pkg/audit"
	"adcp-orchestrator/pkg/store/layout"
)

// AddAuditEvent stores an event of the audit log once.
func (s *Store) AddAuditEvent(_ context.Context, e audit.Event) error {
	i, err := layout.AuditItem(e)
	if err == nil {
		err = i.Check()
	}
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, stored := s.items[i.Text("pk")]; !stored {
		s.items[i.Text("pk")] = i
	}
	return nil
}

// AuditEvents lists a page of the audit log, the newest first.
func (s *Store) AuditEvents(_ context.Context, tenant string, q audit.Query) ([]audit.Event, string, error) {
	part := layout.AuditQuery(tenant, q)
	return q.Page(func(after string, n int) ([]audit.Event, string, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		part.Before = after
		items, next := s.listed(part, n)
		events, err := layout.ReadAuditEvents(items)
		return events, next, err
	})
}
