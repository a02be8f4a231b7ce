package httpapi_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"

	"adcp-orchestrator/pkg/apikey"
	"adcp-orchestrator/pkg/endpoint"
	"adcp-orchestrator/pkg/httpapi"
	"adcp-orchestrator/pkg/notice"
	"adcp-orchestrator/pkg/store/memory"
)

// hooks is the API of webhook endpoints over a store in memory.
type hooks struct {
	t       *testing.T
	store   *memory.Store
	routes  map[string]httpapi.Function
	queued  int
	answer  endpoint.Result
	attempt []endpoint.Request
}

func (h *hooks) Send(_ context.Context, r endpoint.Request) endpoint.Result {
	h.attempt = append(h.attempt, r)
	return h.answer
}

type countingQueue struct{ n *int }

func (q countingQueue) Send(context.Context, endpoint.Message, string, string) error {
	*q.n++
	return nil
}

func newHooks(t *testing.T) *hooks {
	h := &hooks{t: t, store: memory.New(clock), answer: endpoint.Result{Status: 204},
		routes: map[string]httpapi.Function{}}
	for route, u := range endpointRoutes(api, h.store, h, countingQueue{&h.queued}, "", "") {
		h.routes[route] = u.function
	}
	return h
}

// endpointRoutes are the routes of webhook endpoints over a store, with the ids of one of them and
// of a delivery.
func endpointRoutes(a httpapi.API, s *memory.Store, sender endpoint.Sender, queue endpoint.Queue, id, delivery string,
) map[string]routeUnderTest {
	made := 0
	m := endpoint.Manage{Store: s, Queue: queue, Sender: sender, Source: baseURL, Now: clock,
		Roots: func(context.Context) ([]string, error) {
			return []string{"a-root-secret-of-thirty-two-bytes-or-more"}, nil
		},
		CheckURL: func(u string) error {
			if !strings.HasPrefix(u, "https://") {
				return errors.New("its scheme is not https")
			}
			return nil
		},
		NewID: func() string { made++; return "we_" + strings.Repeat(string(rune('a'+made)), 26) }}
	read, write := apikey.ScopeOperationsRead, apikey.ScopeWebhooksWrite
	const all, one = "/v1/webhook-endpoints", "/v1/webhook-endpoints/{id}"
	path := map[string]string{"id": id}
	return map[string]routeUnderTest{
		"GET " + all:                   {a.Serve(read, a.ListEndpoints(s, clock)), read, "", nil},
		"POST " + all:                  {a.Serve(write, a.CreateEndpoint(m)), write, hookBody, nil},
		"GET " + one:                   {a.Serve(read, a.ShowEndpoint(s, clock)), read, "", path},
		"PATCH " + one:                 {a.Serve(write, a.ChangeEndpoint(m)), write, `{"description": "desk"}`, path},
		"DELETE " + one:                {a.Serve(write, a.DeleteEndpoint(s)), write, "", path},
		"POST " + one + "/test":        {a.Serve(write, a.TestEndpoint(m)), write, "", path},
		"POST " + one + "/roll-secret": {a.Serve(write, a.RollSecret(m)), write, `{"overlap_seconds": 60}`, path},
		"GET " + one + "/deliveries":   {a.Serve(read, a.ListDeliveries(s)), read, "", path},
		"POST " + one + "/deliveries/{delivery_id}/redeliver": {a.Serve(write, a.Redeliver(m)), write, "",
			map[string]string{"id": id, "delivery_id": delivery}},
	}
}

func (h *hooks) call(method, resource, body string, header map[string]string,
	path ...string) events.APIGatewayProxyResponse {
	h.t.Helper()
	e := events.APIGatewayProxyRequest{HTTPMethod: method, Resource: resource, Body: body, Headers: header,
		PathParameters: map[string]string{}}
	if len(path) > 0 {
		e.PathParameters["id"] = path[0]
	}
	if len(path) > 1 {
		e.PathParameters["delivery_id"] = path[1]
	}
	return call(h.t, h.routes[method+" "+resource], as(e, "acme"))
}

const hookBody = `{"url": "https://hooks.example/adcp", "types": ["operation.*"]}`

func (h *hooks) create(key string) httpapi.WebhookEndpoint {
	h.t.Helper()
	got := h.call("POST", "/v1/webhook-endpoints", hookBody, map[string]string{"Idempotency-Key": key})
	return decode[httpapi.WebhookEndpoint](h.t, got, http.StatusCreated)
}

func TestEndpointIsCreatedWithItsSecretOnce(t *testing.T) {
	t.Parallel()
	h := newHooks(t)
	got := h.call("POST", "/v1/webhook-endpoints", hookBody, map[string]string{"Idempotency-Key": "k"})
	e := decode[httpapi.WebhookEndpoint](t, got, http.StatusCreated)
	if !strings.HasPrefix(e.Secret, "whsec_") || got.Headers["ETag"] != `"1"` ||
		got.Headers["Location"] != baseURL+"/v1/webhook-endpoints/"+e.ID {
		t.Errorf("%+v with %v", e, got.Headers)
	}
	again := h.call("POST", "/v1/webhook-endpoints", hookBody, map[string]string{"Idempotency-Key": "k"})
	if again.Headers["Idempotent-Replayed"] != "true" || again.Body != got.Body || again.StatusCode != got.StatusCode {
		t.Errorf("again: %d %s", again.StatusCode, again.Body)
	}
	shown := h.call("GET", "/v1/webhook-endpoints/{id}", "", nil, e.ID)
	list := h.call("GET", "/v1/webhook-endpoints", "", nil)
	for _, r := range []events.APIGatewayProxyResponse{shown, list} {
		if r.StatusCode != http.StatusOK || strings.Contains(r.Body, "whsec_") || !strings.Contains(r.Body, e.ID) {
			t.Errorf("%d %s", r.StatusCode, r.Body)
		}
	}
}

func TestCreationNeedsItsKeyAndItsScope(t *testing.T) {
	t.Parallel()
	h := newHooks(t)
	p := wantProblem(t, h.call("POST", "/v1/webhook-endpoints", hookBody, nil), http.StatusBadRequest, "invalid_request")
	if len(p.Errors) != 1 || p.Errors[0].Field != "Idempotency-Key" {
		t.Errorf("%+v", p.Errors)
	}
	h.create("k")
	other := h.call("POST", "/v1/webhook-endpoints", `{"url": "https://other.example"}`,
		map[string]string{"Idempotency-Key": "k"})
	wantProblem(t, other, http.StatusConflict, "idempotency_conflict")
	e := as(events.APIGatewayProxyRequest{HTTPMethod: "POST", Resource: "/v1/webhook-endpoints", Body: hookBody}, "acme")
	e.RequestContext.Authorizer["scopes"] = "operations:read operations:write agents:write"
	wantProblem(t, call(t, h.routes["POST /v1/webhook-endpoints"], e), http.StatusForbidden, "insufficient_scope")
	for n := range endpoint.MaxEndpoints - 1 {
		h.create(fmt.Sprint(n))
	}
	full := h.call("POST", "/v1/webhook-endpoints", hookBody, map[string]string{"Idempotency-Key": "one-more"})
	if p := wantProblem(t, full, http.StatusTooManyRequests, "quota_exceeded"); p.Limit.Name != "webhook_endpoints" {
		t.Errorf("%+v", p.Limit)
	}
}

func TestChangeIsBoundToItsVersion(t *testing.T) {
	t.Parallel()
	h := newHooks(t)
	e := h.create("k")
	const one = "/v1/webhook-endpoints/{id}"
	body := `{"state": "disabled"}`
	wantProblem(t, h.call("PATCH", one, body, map[string]string{"If-Match": `"9"`}, e.ID),
		http.StatusPreconditionFailed, "version_mismatch")
	wantProblem(t, h.call("PATCH", one, body, map[string]string{"If-Match": `"x"`}, e.ID),
		http.StatusBadRequest, "invalid_request")
	got := h.call("PATCH", one, body, map[string]string{"If-Match": `"1"`}, e.ID)
	v := decode[httpapi.WebhookEndpoint](t, got, http.StatusOK)
	if v.State != endpoint.Off || v.Disabled.Reason != endpoint.ByOwner || got.Headers["ETag"] != `"2"` {
		t.Errorf("%s", got.Body)
	}
	if got := h.call("DELETE", one, "", nil, e.ID); got.StatusCode != http.StatusNoContent || got.Body != "" {
		t.Errorf("%d %q", got.StatusCode, got.Body)
	}
	for _, id := range []string{e.ID, "we_x", strings.Repeat("x", 3000)} {
		wantProblem(t, h.call("GET", one, "", nil, id), http.StatusNotFound, "not_found")
	}
}

func TestDeliveriesAreListedAndAskedForAgain(t *testing.T) {
	t.Parallel()
	h := newHooks(t)
	e := h.create("k")
	h.answer = endpoint.Result{Status: 500, Fault: endpoint.FaultStatus}
	const one = "/v1/webhook-endpoints/{id}"
	d := decode[httpapi.WebhookDelivery](t, h.call("POST", one+"/test", "", nil, e.ID), http.StatusOK)
	if d.State != endpoint.Dead || d.Fault != endpoint.FaultStatus || len(d.Log) != 1 || d.Log[0].Status != 500 ||
		len(h.attempt) != 1 || h.queued != 0 {
		t.Errorf("%+v", d)
	}
	list := h.call("GET", one+"/deliveries", "", nil, e.ID)
	if list.StatusCode != http.StatusOK || !strings.Contains(list.Body, d.ID) ||
		strings.Contains(list.Body, "hooks.example") {
		t.Errorf("%d %s", list.StatusCode, list.Body)
	}
	again := h.call("POST", one+"/deliveries/{delivery_id}/redeliver", "", nil, e.ID, d.ID)
	if d := decode[httpapi.WebhookDelivery](t, again, http.StatusAccepted); d.State != endpoint.Pending || d.Round != 2 ||
		h.queued != 1 {
		t.Errorf("%+v, %d queued", d, h.queued)
	}
	wantProblem(t, h.call("POST", one+"/deliveries/{delivery_id}/redeliver", "", nil, e.ID, "dl_x"), http.StatusNotFound,
		"not_found")
	h.call("PATCH", one, `{"state": "disabled"}`, nil, e.ID)
	wantProblem(t, h.call("POST", one+"/deliveries/{delivery_id}/redeliver", "", nil, e.ID, d.ID),
		http.StatusConflict, "endpoint_disabled")
}

func TestPagesOfDeliveriesFollowEachOther(t *testing.T) {
	t.Parallel()
	h := newHooks(t)
	e := h.create("k")
	fanout := endpoint.Fanout{Store: h.store, Queue: countingQueue{&h.queued}, Now: clock}
	for n := range 3 {
		err := fanout.Send(t.Context(), notice.Notice{ID: fmt.Sprint(n), Type: notice.Working, At: now,
			Facts: notice.Facts{Tenant: "acme"}})
		if err != nil {
			t.Fatal(err)
		}
	}
	of := func(id string, query map[string]string) events.APIGatewayProxyResponse {
		return call(t, h.routes["GET /v1/webhook-endpoints/{id}/deliveries"], as(events.APIGatewayProxyRequest{
			HTTPMethod: "GET", Resource: "/v1/webhook-endpoints/{id}/deliveries",
			PathParameters: map[string]string{"id": id}, QueryStringParameters: query}, "acme"))
	}
	get := func(query map[string]string) events.APIGatewayProxyResponse { return of(e.ID, query) }
	type page struct {
		Items      []httpapi.WebhookDelivery
		Self, Next string
	}
	first := decode[page](t, get(map[string]string{"limit": "2", "state": "pending"}), http.StatusOK)
	_, cursor, _ := strings.Cut(first.Next, "cursor=")
	cursor, _, _ = strings.Cut(cursor, "&")
	if len(first.Items) != 2 || !strings.Contains(first.Next, "state=pending") {
		t.Fatalf("%+v", first)
	}
	second := decode[page](t, get(map[string]string{"limit": "2", "state": "pending", "cursor": cursor}), http.StatusOK)
	if len(second.Items) != 1 || second.Next != "" || second.Items[0].ID >= first.Items[1].ID {
		t.Errorf("%+v", second)
	}
	wantProblem(t, get(map[string]string{"cursor": "x"}), http.StatusBadRequest, "invalid_cursor")
	wantProblem(t, get(map[string]string{"state": "dead", "cursor": cursor}), http.StatusBadRequest, "cursor_mismatch")
	other := map[string]string{"limit": "2", "state": "pending", "cursor": cursor}
	wantProblem(t, of(h.create("other").ID, other), http.StatusBadRequest, "cursor_mismatch")
	p := wantProblem(t, get(map[string]string{"limit": "201", "state": "lost"}), http.StatusBadRequest, "invalid_request")
	if len(p.Errors) != 2 {
		t.Errorf("%+v", p.Errors)
	}
}

func TestRolledSecretIsShownOnce(t *testing.T) {
	t.Parallel()
	h := newHooks(t)
	e := h.create("k")
	const roll = "/v1/webhook-endpoints/{id}/roll-secret"
	got := decode[httpapi.WebhookEndpoint](t, h.call("POST", roll, "{}", nil, e.ID), http.StatusOK)
	if got.Secret == e.Secret || got.Secret == "" || len(got.Secrets) != 2 ||
		got.Secrets[1].ExpiresAt.Sub(now).Hours() != 1 {
		t.Errorf("%+v", got)
	}
	h.call("POST", roll, `{"overlap_seconds": 60}`, nil, e.ID)
	wantProblem(t, h.call("POST", roll, `{"overlap_seconds": 60}`, nil, e.ID), http.StatusConflict, "secrets_overlap")
	for _, body := range []string{"", `{"overlap_seconds": "1 h"}`, `{"overlap_seconds": 90000}`} {
		wantProblem(t, h.call("POST", roll, body, nil, e.ID), http.StatusBadRequest, "invalid_request")
	}
	wantProblem(t, h.call("POST", roll, "{}", map[string]string{"If-Match": `"1"`}, e.ID),
		http.StatusPreconditionFailed, "version_mismatch")
}
