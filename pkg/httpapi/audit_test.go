package httpapi_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"

	"adcp-orchestrator/pkg/apikey"
	"adcp-orchestrator/pkg/audit"
	"adcp-orchestrator/pkg/httpapi"
	"adcp-orchestrator/pkg/quota"
)

// kept is an audit log that keeps what it is given, or fails.
type kept struct {
	events []audit.Event
	err    error
}

func (k *kept) AddAuditEvent(_ context.Context, e audit.Event) error {
	if k.err == nil {
		k.events = append(k.events, e)
	}
	return k.err
}

// last returns the last event as "action resource outcome".
func (k *kept) last() string {
	if len(k.events) == 0 {
		return ""
	}
	e := k.events[len(k.events)-1]
	return fmt.Sprintf("%s %s %s", e.Action, e.Resource, e.Outcome)
}

// Each act has an event, whatever became of it, and each plain read has none.
func TestActsAreAudited(t *testing.T) {
	t.Parallel()
	log := &kept{}
	a := httpapi.API{BaseURL: baseURL, Audit: log, Now: clock}
	routes, _ := everyRoute(t, a)
	opID, keyID := routes["GET /v1/operations/{id}"].path["id"], routes["GET /v1/api-keys/{id}"].path["id"]
	for _, tc := range []struct {
		route string
		want  string // of a request that is taken, "" if nothing is recorded
		given string // of a request without the scope
	}{
		{"POST /v1/operations", "operation.submit operations/OP repeated",
			"operation.submit operations refused:insufficient_scope"},
		{"POST /v1/operations/{id}/input", "operation.input operations/OP refused:input_not_requested",
			"operation.input operations/OP refused:insufficient_scope"},
		{"POST /v1/operations/{id}/redrive", "operation.redrive operations/OP taken",
			"operation.redrive operations/OP refused:insufficient_scope"},
		{"GET /v1/operations/{id}", "", "operation.show operations/OP refused:insufficient_scope"},
		{"GET /v1/agents/{id}", "", "agent.show agents/seller refused:insufficient_scope"},
		{"PUT /v1/agents/{id}", "agent.put agents/seller taken", "agent.put agents/seller refused:insufficient_scope"},
		{"PUT /v1/agents/{id}/keys", "agent.keys.put agents/seller taken",
			"agent.keys.put agents/seller refused:insufficient_scope"},
		{"GET /v1/quarantine", "", "quarantine.list quarantine refused:insufficient_scope"},
		{"GET /v1/api-keys", "", "api_key.list api-keys refused:insufficient_scope"},
		{"POST /v1/api-keys/{id}/roll", "api_key.roll api-keys/KEY taken",
			"api_key.roll api-keys/KEY refused:insufficient_scope"},
		{"DELETE /v1/api-keys/{id}", "api_key.delete api-keys/KEY refused:last_admin_key",
			"api_key.delete api-keys/KEY refused:insufficient_scope"},
		{"GET /v1/audit-events", "", "audit_event.list audit-events refused:insufficient_scope"},
	} {
		ids := strings.NewReplacer("operations/OP", "operations/"+opID, "api-keys/KEY", "api-keys/"+keyID)
		u := routes[tc.route]
		log.events = nil
		e := u.event(tc.route)
		if tc.route == "POST /v1/operations" { // the operation exists
			e.Headers = request(t, "submit").Headers
		}
		got := call(t, u.function, e)
		if log.last() != ids.Replace(tc.want) || len(log.events) > 1 {
			t.Errorf("%s: recorded %q, want %q; answered %d %s", tc.route, log.last(), ids.Replace(tc.want), got.StatusCode,
				got.Body)
		}
		log.events = nil
		e = u.event(tc.route)
		e.RequestContext.Authorizer["scopes"] = ""
		call(t, u.function, e)
		if log.last() != ids.Replace(tc.given) || len(log.events) != 1 {
			t.Errorf("%s without the scope: recorded %q, want %q", tc.route, log.last(), ids.Replace(tc.given))
		}
	}
}

func TestAuditEventSaysWhoAndFromWhere(t *testing.T) {
	t.Parallel()
	log := &kept{}
	a := httpapi.API{BaseURL: baseURL, Audit: log, Now: clock}
	routes, _ := everyRoute(t, a)
	const route = "POST /v1/operations/{id}/input"
	e := routes[route].event(route)
	e.RequestContext.Authorizer["key_id"], e.RequestContext.Authorizer["key_name"] = "key_1", "desk"
	call(t, routes[route].function, e)
	want := audit.Event{Tenant: "acme", At: now, Actor: audit.Actor{Type: "api_key", ID: "key_1", Name: "desk"},
		Action: "operation.input", Resource: "operations/" + routes[route].path["id"], Outcome: "refused:input_not_requested",
		RequestID: requestID, SourceIP: "192.0.2.7", OnBehalfOf: "jane"}
	if len(log.events) != 1 {
		t.Fatalf("got %+v", log.events)
	}
	got := log.events[0]
	if want.ID = got.ID; got != want || !strings.HasPrefix(got.ID, "aud_") || len(got.ID) != 30 {
		t.Errorf("got %+v, want %+v", got, want)
	}
	for _, body := range []string{`{"on_behalf_of":"ja\u202ene"}`, `{"on_behalf_of":["jane"]}`, `"on_behalf_of"`,
		`{"on_behalf_of":"` + strings.Repeat("x", 201) + `"}`} {
		e.Body = body
		call(t, routes[route].function, e)
		if claim := log.events[len(log.events)-1].OnBehalfOf; claim != "" {
			t.Errorf("%.40s: on behalf of %q", body, claim)
		}
	}
}

func TestReadsOfResultsAreAudited(t *testing.T) {
	t.Parallel()
	log := &kept{}
	a := httpapi.API{BaseURL: baseURL, Audit: log, Now: clock}
	for shows, want := range map[bool]string{true: "operation.show operations/" + opID(1) + " shown", false: ""} {
		log.events = nil
		f := a.Serve(apikey.ScopeOperationsRead, func(context.Context, httpapi.Request) (httpapi.Response, error) {
			return httpapi.Response{Status: 200, Body: "{}", ShowsResult: shows}, nil
		})
		e := as(events.APIGatewayProxyRequest{HTTPMethod: "GET", Resource: "/v1/operations/{id}",
			PathParameters: map[string]string{"id": opID(1)}}, "acme")
		callStandIn(t, f, e)
		if log.last() != want {
			t.Errorf("recorded %q, want %q", log.last(), want)
		}
	}
}

// An act that has happened is not reported as failed because the log could not be written.
func TestLostAuditEventDoesNotChangeTheAnswer(t *testing.T) {
	t.Parallel()
	log := &kept{err: errors.New("throttled")}
	a := httpapi.API{BaseURL: baseURL, Audit: log, Now: clock}
	routes, s := everyRoute(t, a)
	const route = "POST /v1/api-keys"
	got := call(t, routes[route].function, routes[route].event(route))
	if made := decode[httpapi.APIKey](t, got, 201); made.Key == "" {
		t.Errorf("got %s", got.Body)
	}
	if all, _, err := s.KeyRecords(t.Context(), "acme", "", 10); err != nil || len(all) != 2 {
		t.Errorf("stored %+v, %v", all, err)
	}
}

// The event is stored when the answer leaves, and after the act.
func TestAuditEventIsStoredBeforeTheAnswer(t *testing.T) {
	t.Parallel()
	var order []string
	a := httpapi.API{BaseURL: baseURL, Audit: recorder(func() { order = append(order, "event") }), Now: clock}
	f := a.Serve("", func(context.Context, httpapi.Request) (httpapi.Response, error) {
		order = append(order, "act")
		return httpapi.Response{Status: 200, Body: "{}"}, nil
	})
	callStandIn(t, f, as(routed("POST /v1/operations/{id}/cancel", opID(1)), "acme"))
	if order = append(order, "answer"); !slices.Equal(order, []string{"act", "event", "answer"}) {
		t.Errorf("got %v", order)
	}
}

type recorder func()

func (r recorder) AddAuditEvent(context.Context, audit.Event) error { r(); return nil }

// A flood of refused requests costs no more events than the tenant's rate.
func TestFloodOfRefusedRequestsIsNotAudited(t *testing.T) {
	t.Parallel()
	log := &kept{}
	_, limited, _ := newLimited(t, quota.Limits{Requests: quota.Rate{PerSecond: 1, Burst: 5}})
	limited.Audit, limited.Now = log, clock
	routes, _ := everyRoute(t, limited)
	log.events = nil
	const route = "POST /v1/operations"
	e := routes[route].event(route)
	e.RequestContext.Authorizer["scopes"] = ""
	refused := 0
	for range 1000 {
		if call(t, routes[route].function, e).StatusCode == 429 {
			refused++
		}
	}
	if len(log.events) != 5 || refused != 995 {
		t.Errorf("%d events, %d requests beyond the rate", len(log.events), refused)
	}
}

type auditPage struct {
	Items []httpapi.AuditEvent
	Self  string
	Next  string
}

func TestAuditLogIsFilteredAndPaged(t *testing.T) {
	t.Parallel()
	routes, s := everyRoute(t, api)
	for n := range 9 {
		e := audit.Event{ID: fmt.Sprint("aud_", n), Tenant: "acme", At: now.Add(-audit.KeepFor / 100), RequestID: "r",
			Actor: audit.Actor{Type: "api_key", ID: fmt.Sprint("key_", n%2)}, Action: "operation.cancel",
			Resource: "operations/op_1", Outcome: audit.Taken}
		if err := s.AddAuditEvent(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	u := routes["GET /v1/audit-events"]
	get := func(tenant string, query map[string]string) events.APIGatewayProxyResponse {
		e := u.event("GET /v1/audit-events")
		e.QueryStringParameters = query
		return call(t, u.function, as(e, tenant))
	}
	var seen []string
	query := map[string]string{"actor_id": "key_0", "limit": "2"}
	for pages := 0; ; pages++ {
		p := decode[auditPage](t, get("acme", query), 200)
		if pages > 5 {
			t.Fatal("no end")
		}
		for _, e := range p.Items {
			seen = append(seen, e.ID)
		}
		if p.Next == "" {
			break
		}
		query = map[string]string{}
		_, values, _ := strings.Cut(p.Next, "?")
		for pair := range strings.SplitSeq(values, "&") {
			name, value, _ := strings.Cut(pair, "=")
			query[name] = value
		}
	}
	if fmt.Sprint(seen) != "[aud_8 aud_6 aud_4 aud_2 aud_0]" {
		t.Errorf("listed %v", seen)
	}
	first := decode[auditPage](t, get("acme", map[string]string{"actor_id": "key_0", "limit": "2"}), 200)
	_, cursor, _ := strings.Cut(first.Next, "cursor=")
	cursor, _, _ = strings.Cut(cursor, "&")
	wantProblem(t, get("acme", map[string]string{"actor_id": "key_1", "cursor": cursor}), 400, "cursor_mismatch")
	p := decode[auditPage](t, get("other", map[string]string{"actor_id": "key_0", "cursor": cursor}), 200)
	if len(p.Items) > 0 || p.Items == nil {
		t.Errorf("another tenant sees %+v", p)
	}
}
