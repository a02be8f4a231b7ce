package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/audit"
	"adcp-orchestrator/pkg/digest"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/telemetry"
	"adcp-orchestrator/pkg/validation"
)

const (
	// MetricAuditLost counts acts that the audit log lacks. The function's log has each of them.
	MetricAuditLost = "AuditEventsLost"
	// auditTimeout is how long an answer waits for its event to be stored.
	auditTimeout = 2 * time.Second
	// maxAuditText bounds what a client has written into an event, in characters.
	maxAuditText = 200
)

// record writes what a request asked for and what became of it into the audit log, before it is
// answered. An act that has happened is not taken back if that fails, and its caller must not take
// it for failed: the event is logged instead, and counted.
func (a API) record(ctx context.Context, e events.APIGatewayProxyRequest, r Request, answer Response, p *Problem) {
	outcome, recorded := outcomeOf(r, answer, p)
	if a.Audit == nil || !recorded {
		return
	}
	at := time.Now()
	if a.Now != nil {
		at = a.Now()
	}
	action, resource := r.action(), a.resource(r, answer)
	event := audit.Event{Tenant: r.Principal.Tenant, At: at.UTC(), Action: action, Resource: resource,
		Actor:   audit.Actor{Type: string(operation.ActorAPIKey), ID: r.Principal.KeyID, Name: r.Principal.KeyName},
		Outcome: outcome, RequestID: r.ID, SourceIP: e.RequestContext.Identity.SourceIP, OnBehalfOf: onBehalfOf(r.Body)}
	event.ID = "aud_" + digest.Hex(r.ID + " " + at.Format(time.RFC3339Nano) + " " + action + " " + resource)[:26]
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), auditTimeout)
	defer cancel()
	if err := a.Audit.AddAuditEvent(ctx, event); err != nil {
		telemetry.Record(map[string]int64{MetricAuditLost: 1})
		slog.ErrorContext(ctx, "the audit log lacks an event", "error", err, "tenant", event.Tenant, "id", event.ID,
			"actor_id", event.Actor.ID, "action", action, "resource", resource, "outcome", outcome, "request_id", r.ID)
	}
}

// outcomeOf says what became of a request, and whether the audit log has it: acts, whatever became
// of them, reads of results, and reads that a key may not make. Requests beyond a limit are not in
// it, because a flood must not cost a write for each of them.
func outcomeOf(r Request, answer Response, p *Problem) (outcome audit.Outcome, recorded bool) {
	act := r.Method != http.MethodGet && r.Method != http.MethodHead && r.Query.Get("validate") != "only"
	switch {
	case p == nil && act && answer.Header["Idempotent-Replayed"] != "":
		return audit.Repeated, true
	case p == nil && act:
		return audit.Taken, true
	case p == nil:
		return audit.Shown, answer.ShowsResult
	case p.Status == http.StatusTooManyRequests:
		return "", false
	case p.Status >= http.StatusInternalServerError:
		return audit.Failed + audit.Outcome(p.Code), act
	}
	return audit.Refused + audit.Outcome(p.Code), act || p.Status == http.StatusForbidden
}

// action names what a request asks for by its route: POST /v1/operations/{id}/input is
// "operation.input", PUT /v1/agents/{id}/keys is "agent.keys.put".
func (r Request) action() string {
	_, pattern, _ := strings.Cut(r.Route, " /v1/")
	parts := strings.Split(pattern, "/")
	words := []string{strings.ReplaceAll(strings.TrimSuffix(parts[0], "s"), "-", "_")}
	one := false
	for _, part := range parts[1:] {
		if strings.HasPrefix(part, "{") {
			one = true
		} else {
			words = append(words, strings.ReplaceAll(part, "-", "_"))
		}
	}
	switch {
	case r.Method == http.MethodPost && len(words) > 1:
	case r.Method == http.MethodPost && parts[0] == "operations":
		words = append(words, "submit")
	case r.Method == http.MethodPost:
		words = append(words, "create")
	case r.Method == http.MethodGet && one:
		words = append(words, "show")
	case r.Method == http.MethodGet:
		words = append(words, "list")
	default:
		words = append(words, strings.ToLower(r.Method))
	}
	return strings.Join(words, ".")
}

// resource names what a request is about: by its path, or by the address of what it has made.
func (a API) resource(r Request, answer Response) string {
	if made, ok := strings.CutPrefix(answer.Header["Location"], a.BaseURL+"/v1/"); ok {
		return made
	}
	_, pattern, _ := strings.Cut(r.Route, " /v1/")
	collection, _, _ := strings.Cut(pattern, "/")
	id, ok := r.Path["id"]
	switch {
	case !ok:
		return collection
	case !validation.Line(id, maxAuditText):
		return collection + "/(malformed)"
	}
	return collection + "/" + id
}

// onBehalfOf returns the person that a body says it is sent for, "" if it names none.
func onBehalfOf(body []byte) string {
	if len(body) > maxBody || !bytes.Contains(body, []byte(`"on_behalf_of"`)) || adcp.CheckObject(body) != nil {
		return ""
	}
	var in map[string]json.RawMessage
	var name string
	if json.Unmarshal(body, &in) != nil || json.Unmarshal(in["on_behalf_of"], &name) != nil ||
		!validation.Line(name, maxAuditText) {
		return ""
	}
	return name
}
