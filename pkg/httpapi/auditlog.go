package httpapi

import (
	"context"
	"net/http"
	"time"

	"adcp-orchestrator/pkg/audit"
)

// AuditEvent is an event of the audit log as clients see it.
type AuditEvent struct {
	ID         string        `json:"id"`
	At         time.Time     `json:"at"`
	Actor      auditActor    `json:"actor"`
	Action     string        `json:"action"`
	Resource   string        `json:"resource"`
	Outcome    audit.Outcome `json:"outcome"`
	RequestID  string        `json:"request_id"`
	SourceIP   string        `json:"source_ip,omitempty"`
	OnBehalfOf string        `json:"on_behalf_of,omitempty"`
}

type auditActor struct {
	Type string `json:"type"`
	ID   string `json:"id"`
	Name string `json:"name,omitempty"`
}

// ListAudit serves GET /v1/audit-events: who did what, the newest first.
func (a API) ListAudit(s audit.Store) Handler {
	return func(ctx context.Context, r Request) (Response, error) {
		after, err := readCursor(r)
		if err != nil {
			return Response{}, err
		}
		p := r.params()
		q := audit.Query{ActorID: r.Query.Get("actor_id"), Action: r.Query.Get("action"),
			Resource: r.Query.Get("resource"), After: after, Limit: p.limit(),
			From: p.time("created_after"), To: p.time("created_before")}
		if err := p.err(); err != nil {
			return Response{}, err
		}
		found, next, err := s.AuditEvents(ctx, r.Principal.Tenant, q)
		if err != nil {
			return Response{}, err
		}
		var items []AuditEvent
		for _, e := range found {
			items = append(items, AuditEvent{ID: e.ID, At: e.At, Actor: auditActor{e.Actor.Type, e.Actor.ID, e.Actor.Name},
				Action: e.Action, Resource: e.Resource, Outcome: e.Outcome, RequestID: e.RequestID, SourceIP: e.SourceIP,
				OnBehalfOf: e.OnBehalfOf})
		}
		return Response{Status: http.StatusOK, Body: pageOf(a, r, "/v1/audit-events", items, next)}, nil
	}
}
