package httpapi_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"adcp-orchestrator/docs"
	"adcp-orchestrator/pkg/apikey"
	"adcp-orchestrator/pkg/endpoint"
	"adcp-orchestrator/pkg/httpapi"
	"adcp-orchestrator/pkg/httpapi/contract"
	"adcp-orchestrator/pkg/inbox"
	"adcp-orchestrator/pkg/metrics"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/orchestrator"
	"adcp-orchestrator/pkg/signing"
	"adcp-orchestrator/pkg/validation"
)

// What is served is the description with the addresses of this installation.
func TestContractIsServed(t *testing.T) {
	t.Parallel()
	got := call(t, api.PublishedDescription(docs.OpenAPI), routed("GET /openapi.json", ""))
	served := decode[struct {
		OpenAPI string
		Servers []struct{ URL string }
		Paths   map[string]any
	}](t, got, 200)
	if served.OpenAPI != "3.1.0" || len(served.Servers) != 1 || served.Servers[0].URL != baseURL ||
		len(served.Paths) == 0 {
		t.Errorf("got %s, %+v, %d paths", served.OpenAPI, served.Servers, len(served.Paths))
	}
	if strings.Contains(got.Body, "https://api.example.com") {
		t.Error("an address is not of this installation")
	}
}

func TestBrandIsPublished(t *testing.T) {
	t.Parallel()
	var fail error
	f := httpapi.Published(api, func(context.Context) (signing.Brand, error) { return signing.BrandAt(baseURL), fail })
	e := routed("GET /.well-known/brand.json", "")
	if b := decode[signing.Brand](t, call(t, f, e), 200); len(b.Agents) != 1 {
		t.Errorf("got %+v", b)
	}
	fail = errors.New("away")
	wantProblem(t, call(t, f, e), 503, "unavailable")
}

// unsupported refuses every submission, as for an agent whose releases do not have the task.
type unsupported struct{}

func (unsupported) refuse() error {
	return &orchestrator.SubmitRefusedError{Code: orchestrator.VersionUnsupported, Words: "it speaks 3.0"}
}

func (u unsupported) Run(context.Context, string, string, orchestrator.SubmitRequest) (
	operation.Operation, orchestrator.DedupMatch, error) {
	return operation.Operation{}, "", u.refuse()
}

func (u unsupported) Validate(context.Context, string, string, orchestrator.SubmitRequest, *validation.Error) (
	orchestrator.Verdict, error) {
	return orchestrator.Verdict{}, u.refuse()
}

// A task that the agent's releases do not have is refused, and the field to change is the agent.
func TestSubmissionForAnAgentWithoutTheTaskIs422(t *testing.T) {
	t.Parallel()
	f := api.ServeUncounted(apikey.ScopeOperationsWrite, api.Submit(unsupported{}))
	p := wantProblem(t, call(t, f, request(t, "submit")), 422, "version_unsupported")
	if len(p.Errors) != 1 || p.Errors[0].Field != "agent_id" || p.Detail != "it speaks 3.0" {
		t.Errorf("got %+v", p)
	}
}

// A version that is not the current one is refused by every route that compares versions.
func TestContractVersionsAreCompared(t *testing.T) {
	t.Parallel()
	for _, o := range contract.API().Operations() {
		if _, ok := o.Answers[412]; !ok || slices.Contains(notYet, o.Route()) {
			continue
		}
		routes, _ := everyRoute(t, api)
		e := routes[o.Route()].event(o.Route())
		e.Headers["If-Match"] = `"77"`
		wantProblem(t, call(t, routes[o.Route()].function, e), 412, "version_mismatch")
	}
}

// An operation that has ended is not paused and not resumed.
func TestContractEndedOperationHasNoBrake(t *testing.T) {
	t.Parallel()
	h := newActsHarness(t)
	decode[httpapi.Operation](t, h.post("cancel", because, ""), 200)
	for _, act := range []string{"pause", "resume", "poll"} {
		wantProblem(t, h.post(act, `{"reason":"x"}`, ""), 409, "operation_ended")
	}
}

// A delivery that was applied is not discarded.
func TestContractAppliedDeliveryIsNotDiscarded(t *testing.T) {
	t.Parallel()
	f := api.Serve(apikey.ScopeQuarantineWrite, api.DiscardQuarantined(
		func(context.Context, string, string, string, operation.Actor) (inbox.Quarantined, error) {
			q, _ := replayed()
			return q, orchestrator.ErrAlreadyApplied
		}))
	e := of("POST /v1/quarantine/{id}/discard", "qd_"+strings.Repeat("a", 26), because, nil)
	wantProblem(t, call(t, f, e), 409, "already_applied")
}

// An endpoint that is disabled is tried all the same, so that it can be tried before it is enabled.
func TestContractDisabledEndpointIsTried(t *testing.T) {
	t.Parallel()
	const one = "/v1/webhook-endpoints/{id}"
	h := newHooks(t)
	e := h.create("k")
	decode[httpapi.WebhookEndpoint](t, h.call("PATCH", one, `{"state":"disabled"}`, nil, e.ID), 200)
	d := decode[httpapi.WebhookDelivery](t, h.call("POST", one+"/test", "", nil, e.ID), 200)
	if d.State != endpoint.Delivered {
		t.Errorf("got %+v", d)
	}
}

// Metrics are shown in all, by type and by agent.
func TestContractMetrics(t *testing.T) {
	t.Parallel()
	routes, _ := everyRoute(t, api)
	const route = "GET /v1/metrics"
	for _, query := range []map[string]string{nil, {"by": "type"}, {"by": "agent_id", "step": "1d"},
		{"names": "pending,rejection_rate", "from": "2026-11-23T10:00:00Z", "to": "2026-11-23T12:00:00Z"}} {
		e := routes[route].event(route)
		e.QueryStringParameters = query
		got := decode[struct{ Items []metrics.Series }](t, call(t, routes[route].function, e), 200)
		points := 0
		for _, series := range got.Items {
			points += len(series.Points)
		}
		if want := len(strings.Split(query["names"], ",")); len(got.Items) < want || points == 0 {
			t.Errorf("%v: %+v", query, got.Items)
		}
	}
	e := routes[route].event(route)
	e.QueryStringParameters = map[string]string{"by": "type"}
	nobody := call(t, routes[route].function, as(e, "nobody"))
	if got := decode[struct{ Items []metrics.Series }](t, nobody, 200); got.Items == nil || len(got.Items) != 0 {
		t.Errorf("a tenant without operations: %s", nobody.Body)
	}
	e.QueryStringParameters = map[string]string{"step": "1m"}
	wantProblem(t, call(t, routes[route].function, e), 400, "invalid_request")
}

// Every reason for which an authentic webhook is not applied is a documented answer.
func TestContractAnswersToWebhooks(t *testing.T) {
	t.Parallel()
	harness := newWebhookHarness(t, operation.WebhookBearer)
	const body = `{"idempotency_key":"whk_01HW9D3H8FZP2N6R8T0V4X6Z9B","operation_id":"op_1","task_id":"t",` +
		`"task_type":"create_media_buy","protocol":"media-buy","status":"working","timestamp":"2026-11-23T11:59:59Z"}`
	for name, tc := range map[string]struct {
		err       error
		mediaType string
		body      string
		status    int
		code      string
	}{
		"a contradiction":      {orchestrator.ErrConflict, "application/json", body, 409, "conflict"},
		"another body":         {orchestrator.ErrKeyReused, "application/json", body, 409, "idempotency_key_reused"},
		"too many":             {orchestrator.ErrTooMany, "application/json", body, 429, "too_many_deliveries"},
		"another operation":    {orchestrator.ErrUnknownOperation, "application/json", body, 422, "unknown_operation"},
		"another token":        {orchestrator.ErrToken, "application/json", body, 401, "token_mismatch"},
		"no JSON":              {nil, "text/plain", body, 415, "content_type"},
		"more than 1 MiB":      {nil, "application/json", body + strings.Repeat(" ", 1<<20), 413, "too_large"},
		"a body without sense": {nil, "application/json", `{"a":1,"a":2}`, 400, "webhook_body_malformed"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := harness
			h.receiver.Apply = fakeReceive{err: tc.err}
			e := h.delivery(tc.body)
			e.Headers["Authorization"] = "Bearer " + h.credential
			e.Headers["Content-Type"] = tc.mediaType
			wantProblem(t, call(t, api.Webhook(h.receiver), e), tc.status, tc.code)
		})
	}
}
