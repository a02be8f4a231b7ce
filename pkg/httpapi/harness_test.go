package httpapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/apikey"
	"adcp-orchestrator/pkg/httpapi"
	"adcp-orchestrator/pkg/httpapi/contract"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/orchestrator"
	"adcp-orchestrator/pkg/registry"
	"adcp-orchestrator/pkg/store/memory"
)

var now = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func clock() time.Time { return now }

const baseURL = "https://api.example/live"

var api = httpapi.API{BaseURL: baseURL}

// requestID is API Gateway's id of the requests that call sends.
const requestID = "request-1"

// event reads a payload of events/: the same files that sam local invoke takes.
func event[T any](t *testing.T, name string) T {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "..", "events", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	var e T
	if err := json.Unmarshal(b, &e); err != nil {
		t.Fatalf("events/%s.json: %v", name, err)
	}
	return e
}

// request reads a payload of events/ as a request of the tenant acme with all scopes.
func request(t *testing.T, name string) events.APIGatewayProxyRequest {
	t.Helper()
	return as(event[events.APIGatewayProxyRequest](t, name), "acme")
}

// as makes the event a request of a tenant with all scopes.
func as(e events.APIGatewayProxyRequest, tenant string) events.APIGatewayProxyRequest {
	scopes := strings.Join(apikey.Scopes(), " ")
	e.RequestContext.Authorizer = map[string]any{"tenant": tenant, "key_id": "k", "scopes": scopes}
	e.RequestContext.RequestID = requestID
	return e
}

// with adds a query parameter to a request.
func with(e events.APIGatewayProxyRequest, name, value string) events.APIGatewayProxyRequest {
	query := map[string][]string{name: {value}}
	for n, v := range e.MultiValueQueryStringParameters {
		query[n] = v
	}
	e.QueryStringParameters, e.MultiValueQueryStringParameters = nil, query
	return e
}

// routed is a request of a route, for example "GET /v1/operations/{id}", with the id of its path
// unless that is empty.
func routed(route, id string) events.APIGatewayProxyRequest {
	var e events.APIGatewayProxyRequest
	e.HTTPMethod, e.Resource, _ = strings.Cut(route, " ")
	e.RequestContext.RequestID = requestID
	if id != "" {
		e.PathParameters = map[string]string{"id": id}
	}
	return e
}

// call calls a function, and holds the request and the answer to the API's description if the event
// names its route.
func call(t *testing.T, f httpapi.Function, e events.APIGatewayProxyRequest) events.APIGatewayProxyResponse {
	t.Helper()
	got, err := f(t.Context(), e)
	if err != nil {
		t.Fatal(err)
	}
	hold(t, e, got)
	return got
}

// callStandIn calls a function whose handler stands in for the API's own, so that its answers are
// not those that the API's description has.
func callStandIn(t *testing.T, f httpapi.Function, e events.APIGatewayProxyRequest) events.APIGatewayProxyResponse {
	t.Helper()
	got, err := f(t.Context(), e)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// hold checks a request and its answer against openapi.yaml.
func hold(t *testing.T, e events.APIGatewayProxyRequest, got events.APIGatewayProxyResponse) {
	t.Helper()
	if e.Resource == "" {
		contract.Unrouted(t)
		return
	}
	if strings.Contains(got.Body, `"code":"no_such_route"`) {
		return // API Gateway sends no such request
	}
	x := contract.Exchange{Method: e.HTTPMethod, Path: e.Resource, Parameters: e.PathParameters, Status: got.StatusCode,
		AnswerHeader: http.Header{}, Answer: []byte(got.Body)}
	for name, v := range got.Headers {
		x.AnswerHeader.Set(name, v)
	}
	if r, err := httpapi.Read(e); err == nil {
		x.Query, x.Header, x.Body = r.Query, r.Header, r.Body
	}
	contract.Hold(t, x)
}

// decode reads the body of a response that has a status.
func decode[T any](t *testing.T, got events.APIGatewayProxyResponse, status int) T {
	t.Helper()
	var body T
	if err := json.Unmarshal([]byte(got.Body), &body); err != nil || got.StatusCode != status {
		t.Fatalf("got %d with %s, want %d; %v", got.StatusCode, got.Body, status, err)
	}
	return body
}

// wantProblem checks that a response is a complete problem with a status and a code, and returns
// it.
func wantProblem(t *testing.T, got events.APIGatewayProxyResponse, status int, code string) httpapi.Problem {
	t.Helper()
	var p httpapi.Problem
	if err := json.Unmarshal([]byte(got.Body), &p); err != nil {
		t.Fatalf("%s: %v", got.Body, err)
	}
	if got.StatusCode != status || got.Headers["Content-Type"] != "application/problem+json" ||
		got.Headers["Cache-Control"] != "no-store" {
		t.Errorf("got %d with %v: %s; want %d", got.StatusCode, got.Headers, got.Body, status)
	}
	if p.Code != code || p.Type != baseURL+"/problems#"+code || p.Status != status || p.Title == "" ||
		p.RequestID != requestID {
		t.Errorf("got the problem %+v, want code %s", p, code)
	}
	for _, f := range p.Errors {
		if f.Field == "" || f.Code == "" || f.Rule == "" || f.Remedy == "" {
			t.Errorf("incomplete: %+v", f)
		}
	}
	return p
}

// compact removes the white space of a JSON text.
func compact(t *testing.T, text string) string {
	t.Helper()
	var b bytes.Buffer
	if err := json.Compact(&b, []byte(text)); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// fakeWorkflow starts and wakes nothing.
type fakeWorkflow struct{}

func (fakeWorkflow) Start(context.Context, string, string, int) error        { return nil }
func (fakeWorkflow) Wake(context.Context, string, orchestrator.Wakeup) error { return nil }
func (fakeWorkflow) Ensure(context.Context, string, string, int) (orchestrator.Execution, error) {
	return orchestrator.ExecutionMissing, nil
}

// newSubmit returns the submit function over a store that has the agent of events/submit.json, with
// webhooks authenticated in a mode.
func newSubmit(t *testing.T, mode operation.WebhookMode) (*memory.Store, httpapi.Function) {
	t.Helper()
	s := memory.New(clock)
	var body struct {
		AgentID string `json:"agent_id"`
	}
	if err := json.Unmarshal([]byte(request(t, "submit").Body), &body); err != nil {
		t.Fatal(err)
	}
	agent := registry.Agent{Tenant: "acme", ID: body.AgentID, URL: "https://s.example/mcp", Transport: adcp.MCP,
		Poll:        operation.PollPolicy{}.WithDefaults(),
		WebhookMode: mode, Version: 1}
	if err := s.PutAgent(t.Context(), agent); err != nil {
		t.Fatal(err)
	}
	submit := orchestrator.Submit{Store: s, Workflow: fakeWorkflow{}, Deps: orchestrator.Deps{Now: clock},
		BaseURL: baseURL}
	return s, api.Serve(apikey.ScopeOperationsWrite, api.Submit(submit))
}
