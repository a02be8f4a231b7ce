package storetest

import (
	"fmt"
	"reflect"
	"testing"
	"time"

	"adcp-orchestrator/pkg/audit"
)

func (s *suite) auditEvent(n int, actor, action string) audit.Event {
	return audit.Event{ID: fmt.Sprintf("aud_%03d", n), Tenant: s.tenant, At: Start.Add(time.Duration(n) * time.Second),
		Actor: audit.Actor{Type: "api_key", ID: actor, Name: "ci"}, Action: action,
		Resource: fmt.Sprint("operations/op_", n%2), Outcome: audit.Taken, RequestID: "r", SourceIP: "192.0.2.1"}
}

// all reads every page of a query.
func (s *suite) auditEvents(t *testing.T, q audit.Query) (found []int) {
	t.Helper()
	for pages := 0; ; pages++ {
		page, next, err := s.AuditEvents(t.Context(), s.tenant, q)
		must(t, err)
		if len(page) > q.Limit || pages > 100 {
			t.Fatalf("page %d has %d events, of %d", pages, len(page), q.Limit)
		}
		for _, e := range page {
			found = append(found, int(e.At.Sub(Start)/time.Second))
		}
		if q.After = next; next == "" {
			return found
		}
	}
}

func auditLogIsListed(t *testing.T, s *suite) {
	const events = 12
	for n := range events {
		actor, action := "key_a", "operation.submit"
		if n%3 == 0 {
			actor, action = "key_b", "operation.cancel"
		}
		must(t, s.AddAuditEvent(t.Context(), s.auditEvent(n, actor, action)))
	}
	at := func(n int) time.Time { return Start.Add(time.Duration(n) * time.Second) }
	for _, tc := range []struct {
		q    audit.Query
		want string
	}{
		{audit.Query{Limit: 5}, "[11 10 9 8 7 6 5 4 3 2 1 0]"},
		{audit.Query{Limit: 12}, "[11 10 9 8 7 6 5 4 3 2 1 0]"},
		{audit.Query{Limit: 2, ActorID: "key_b"}, "[9 6 3 0]"},
		{audit.Query{Limit: 3, Action: "operation.cancel"}, "[9 6 3 0]"},
		{audit.Query{Limit: 1, Resource: "operations/op_1", ActorID: "key_b"}, "[9 3]"},
		{audit.Query{Limit: 20, Resource: "operations"}, "[11 10 9 8 7 6 5 4 3 2 1 0]"},
		{audit.Query{Limit: 20, Resource: "operations/op"}, "[]"},
		{audit.Query{Limit: 2, From: at(3), To: at(8)}, "[7 6 5 4 3]"},
		{audit.Query{Limit: 2, From: at(8), To: at(3)}, "[]"},
		{audit.Query{Limit: 3, To: at(2)}, "[1 0]"},
	} {
		if got := s.auditEvents(t, tc.q); fmt.Sprint(got) != tc.want {
			t.Errorf("%+v: got %v, want %s", tc.q, got, tc.want)
		}
	}
	if page, next, err := s.AuditEvents(t.Context(), s.tenant+"x", audit.Query{Limit: 3}); err != nil ||
		len(page) > 0 || next != "" {
		t.Errorf("another tenant sees %v, %q, %v", page, next, err)
	}
}

// Nothing writes over an event.
func auditEventsStay(t *testing.T, s *suite) {
	first := s.auditEvent(1, "key_a", "operation.submit")
	must(t, s.AddAuditEvent(t.Context(), first))
	must(t, s.AddAuditEvent(t.Context(), s.auditEvent(1, "key_b", "operation.cancel")))
	page, _, err := s.AuditEvents(t.Context(), s.tenant, audit.Query{Limit: 5})
	must(t, err)
	if len(page) != 1 || !reflect.DeepEqual(page[0], first) {
		t.Errorf("got %+v, want %+v", page, first)
	}
	s.at.Store(Start.Add(audit.KeepFor + time.Minute).UnixNano())
	if page, _, err := s.AuditEvents(t.Context(), s.tenant, audit.Query{Limit: 5}); err != nil || len(page) > 0 {
		t.Errorf("after 400 days: %+v, %v", page, err)
	}
}
