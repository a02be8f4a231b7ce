package httpapi_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/apikey"
	"adcp-orchestrator/pkg/httpapi"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/orchestrator"
	"adcp-orchestrator/pkg/quota"
	"adcp-orchestrator/pkg/registry"
	"adcp-orchestrator/pkg/store/memory"
)

// answering is an agent that offers everything and gives one answer.
type answering struct {
	response adcp.Response
	err      error
}

func (answering) Discover(context.Context, registry.Agent) (registry.Profile, error) {
	return registry.Profile{Tasks: []string{"get_products"}}, nil
}

func (a answering) Call(context.Context, registry.Agent, string, json.RawMessage) (adcp.Response, error) {
	return a.response, a.err
}

// reads serves the route of reads, with the agent seller of the tenant acme.
func reads(t *testing.T, a httpapi.API, agent registry.Caller) httpapi.Function {
	t.Helper()
	s := memory.New(clock)
	entry := registry.Agent{Tenant: "acme", ID: "seller", URL: "https://s.example/mcp", Transport: adcp.MCP,
		WebhookMode: operation.WebhookNone, Version: 1}
	if err := s.PutAgent(t.Context(), entry); err != nil {
		t.Fatal(err)
	}
	read := orchestrator.Read{Store: s, Agents: agent, Now: clock, NewKey: func() string { return "key-key-key" }}
	return a.Route(map[string]httpapi.Function{
		"POST /v1/agents/{id}/read/{task}": a.Serve(apikey.ScopeAgentsCall, a.ReadAgent(read.Run)),
	})
}

func answered(payload string) answering {
	return answering{response: adcp.Response{Payload: []byte(payload)}}
}

func readEvent(t *testing.T, task string) events.APIGatewayProxyRequest {
	t.Helper()
	e := request(t, "read")
	e.PathParameters["task"] = task
	return e
}

func TestReadAnswersWithWhatTheAgentSays(t *testing.T) {
	t.Parallel()
	f := reads(t, api, answered(`{"status":"completed","message":"<b>","context_id":"c","products":[{"name":"<b>"}]}`))
	got := call(t, f, request(t, "read"))
	want := `{"agent_id":"seller","task":"get_products","adcp_version":"3.1","status":"completed",` +
		`"message":"\u003cb\u003e","context_id":"c","result":{"products":[{"name":"<b>"}]}}`
	if got.StatusCode != http.StatusOK || got.Body != want || got.Headers["Cache-Control"] != "no-store" {
		t.Errorf("got %d, %v: %s", got.StatusCode, got.Headers, got.Body)
	}
}

// Every problem of a read has its status, and names what to do next.
func TestReadsAnswerWithProblems(t *testing.T) {
	t.Parallel()
	limited := adcp.Error{Code: "RATE_LIMITED", Message: "slow <b>down</b>", Field: "brief", Recovery: adcp.Transient,
		RetryAfter: 7 * time.Second}
	late := &adcp.CallError{Outcome: adcp.Ambiguous, Cause: context.DeadlineExceeded}
	gone := &adcp.CallError{Outcome: adcp.Unsent, Cause: errors.New("no route")}
	for name, tc := range map[string]struct {
		task         string
		agent        answering
		status       int
		code, header string
	}{
		"unknown task": {"get_all", answered(`{}`), 404, "no_such_task", ""},
		"no read":      {"create_media_buy", answered(`{}`), 400, "not_a_read", ""},
		"not offered":  {"get_signals", answered(`{}`), 404, "task_not_offered", ""},
		"later":        {"get_products", answered(`{"status":"submitted","task_id":"t"}`), 409, "answers_later", ""},
		"an error":     {"get_products", answering{response: adcp.Response{Err: &limited}}, 502, "agent_error", "7"},
		"no result":    {"get_products", answered(`{"status":"completed"}`), 502, "answer_unreadable", ""},
		"not there":    {"get_products", answering{err: gone}, 502, "agent_unreached", ""},
		"silent":       {"get_products", answering{err: late}, 504, "agent_unreached", ""},
		"5.6 MB of text": {"get_products", answered(`{"products":["` + strings.Repeat("x", 5_600_000) + `"]}`),
			502, "answer_too_large", ""},
		"half of that in quotes": {"get_products", answered(`{"products":[` + strings.Repeat(`"x",`, 1_000_000) + `1]}`),
			502, "answer_too_large", ""},
	} {
		got := call(t, reads(t, api, tc.agent), readEvent(t, tc.task))
		p := wantProblem(t, got, tc.status, tc.code)
		if got.Headers["Retry-After"] != tc.header || p.Detail == "" {
			t.Errorf("%s: %v, %+v", name, got.Headers, p)
		}
		if tc.code == "agent_error" && (p.AgentError == nil || p.AgentError.Field != "brief" ||
			p.AgentError.Message != limited.Message || strings.Contains(p.Detail, "slow")) {
			t.Errorf("%s: %s", name, got.Body)
		}
	}
}

func TestReadsNeedTheirScopeTheirTenantAndAnAgent(t *testing.T) {
	t.Parallel()
	f := reads(t, api, answered(`{"products":[]}`))
	e := request(t, "read")
	e.RequestContext.Authorizer["scopes"] = "agents:read agents:write operations:read operations:write"
	wantProblem(t, call(t, f, e), http.StatusForbidden, "insufficient_scope")
	wantProblem(t, call(t, f, as(request(t, "read"), "other")), http.StatusNotFound, "not_found")
	e = request(t, "read")
	e.PathParameters["id"] = strings.Repeat("x", 3000)
	wantProblem(t, call(t, f, e), http.StatusNotFound, "not_found")
	e = request(t, "read")
	e.Body = `{"a":"` + strings.Repeat("x", 1<<20) + `"}`
	wantProblem(t, call(t, f, e), http.StatusRequestEntityTooLarge, "too_large")
	e = request(t, "read")
	e.Body = `{"idempotency_key":"mine"}`
	if p := wantProblem(t, call(t, f, e), http.StatusBadRequest, "invalid_request"); p.Errors[0].Code != "reserved" {
		t.Errorf("got %+v", p)
	}
}

// A full gate and an open circuit are told with the time to come again.
func TestReadsAreToldWhenToComeAgain(t *testing.T) {
	t.Parallel()
	for code, status := range map[orchestrator.ReadRefusal]int{orchestrator.AgentBusy: 429, orchestrator.AgentAway: 503} {
		f := api.Serve(apikey.ScopeAgentsCall, api.ReadAgent(
			func(context.Context, string, string, string, []byte) (orchestrator.ReadAnswer, error) {
				return orchestrator.ReadAnswer{}, &orchestrator.ReadRefusedError{Code: code, Detail: "x",
					RetryAfter: 1500 * time.Millisecond}
			}))
		got := call(t, f, request(t, "read"))
		p := wantProblem(t, got, status, string(code))
		if got.Headers["Retry-After"] != "2" || p.Detail != "x" {
			t.Errorf("%s: %v, %+v", code, got.Headers, p)
		}
	}
}

// Reads count as requests of their tenant.
func TestReadsAreWithinTheTenantsRate(t *testing.T) {
	t.Parallel()
	limits, err := quota.Parse("requests=1/2")
	if err != nil {
		t.Fatal(err)
	}
	limited := httpapi.API{BaseURL: baseURL, Limits: quota.NewGuard(memory.New(clock), limits, clock)}
	f := reads(t, limited, answered(`{"products":[]}`))
	for range 2 {
		if got := call(t, f, request(t, "read")); got.StatusCode != http.StatusOK {
			t.Fatalf("got %s", got.Body)
		}
	}
	wantProblem(t, call(t, f, request(t, "read")), http.StatusTooManyRequests, "rate_limited")
}
