package httpapi_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

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

// newLimited returns the submit function of newSubmit with limits for each tenant, and its API.
func newLimited(t *testing.T, l quota.Limits) (*memory.Store, httpapi.API, httpapi.Function) {
	t.Helper()
	s, _ := newSubmit(t, operation.WebhookNone)
	a := httpapi.API{BaseURL: baseURL, Limits: quota.NewGuard(s, l, clock)}
	submit := orchestrator.Submit{Store: s, Workflow: fakeWorkflow{}, Deps: orchestrator.Deps{Now: clock},
		BaseURL: baseURL, Admit: a.Limits.Submission}
	return s, a, a.ServeUncounted(apikey.ScopeOperationsWrite, a.Submit(submit))
}

// submission is the request of events/submit.json as a new operation under a key.
func submission(t *testing.T, key string) events.APIGatewayProxyRequest {
	t.Helper()
	e := request(t, "submit")
	e.Headers["Idempotency-Key"], e.MultiValueHeaders = key, nil
	e.Body = strings.Replace(e.Body, "PO-2027-0042", key, 1)
	return e
}

// wantLimit checks the answer to a request beyond a limit.
func wantLimit(t *testing.T, got events.APIGatewayProxyResponse, code string, limit httpapi.Limit, after string) {
	t.Helper()
	p := wantProblem(t, got, 429, code)
	if p.Limit == nil || *p.Limit != limit || p.Detail == "" || got.Headers["Retry-After"] != after {
		t.Errorf("got the limit %+v and %v: %s", p.Limit, got.Headers, got.Body)
	}
	if h := got.Headers; h["RateLimit-Limit"] != fmt.Sprint(limit.Value) || h["RateLimit-Remaining"] != "0" ||
		h["RateLimit-Reset"] != after {
		t.Errorf("got %v", h)
	}
}

func TestRequestsBeyondTheTenantsRateGet429(t *testing.T) {
	t.Parallel()
	_, a, _ := newLimited(t, quota.Limits{Requests: quota.Rate{PerSecond: 2, Burst: 3}})
	answer := func(context.Context, httpapi.Request) (httpapi.Response, error) {
		return httpapi.Response{Status: 200, Body: "{}"}, nil
	}
	f := a.Serve(apikey.ScopeOperationsRead, answer)
	for range 3 {
		if got := callStandIn(t, f, request(t, "operations")); got.StatusCode != 200 {
			t.Fatalf("got %+v", got)
		}
	}
	limit := httpapi.Limit{Name: "requests_per_second", Value: 2, Burst: 3}
	wantLimit(t, callStandIn(t, f, request(t, "operations")), "rate_limited", limit, "1")
	if got := callStandIn(t, f, as(request(t, "operations"), "other")); got.StatusCode != 200 {
		t.Errorf("another tenant got %+v", got)
	}
}

func TestSubmissionsBeyondTheTenantsRateGet429(t *testing.T) {
	t.Parallel()
	_, _, submit := newLimited(t, quota.Limits{Submissions: quota.Rate{PerSecond: 1, Burst: 2}})
	for i := range 2 {
		decode[httpapi.Operation](t, call(t, submit, submission(t, fmt.Sprint("key-", i))), 202)
	}
	limit := httpapi.Limit{Name: "submissions_per_second", Value: 1, Burst: 2}
	wantLimit(t, call(t, submit, submission(t, "key-2")), "rate_limited", limit, "1")
}

func TestSubmissionsBeyondTheOpenOperationsGet429(t *testing.T) {
	t.Parallel()
	_, _, submit := newLimited(t, quota.Limits{OpenOperations: 2})
	for i := range 2 {
		decode[httpapi.Operation](t, call(t, submit, submission(t, fmt.Sprint("key-", i))), 202)
	}
	limit := httpapi.Limit{Name: "open_operations", Value: 2}
	wantLimit(t, call(t, submit, submission(t, "key-2")), "quota_exceeded", limit, "300")
}

// Whatever limit is reached, a client that repeats an accepted request learns what became of it.
func TestRepetitionOfAnAcceptedKeyIsNeverRefused(t *testing.T) {
	t.Parallel()
	for name, l := range map[string]quota.Limits{
		"submissions":     {Submissions: quota.Rate{PerSecond: 1, Burst: 1}, Requests: quota.Rate{PerSecond: 1, Burst: 1}},
		"open operations": {OpenOperations: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, _, submit := newLimited(t, l)
			first := decode[httpapi.Operation](t, call(t, submit, submission(t, "key-0")), 202)
			if got := call(t, submit, submission(t, "key-1")); got.StatusCode != 429 {
				t.Fatalf("a further operation got %+v", got)
			}
			for range 100 {
				again := decode[httpapi.Operation](t, call(t, submit, submission(t, "key-0")), 202)
				if again.ID != first.ID {
					t.Fatalf("got %s, want %s", again.ID, first.ID)
				}
			}
		})
	}
}

// discovering is an agent that can't be reached, and counts the calls.
type discovering struct {
	registry.Caller
	calls int
}

func (d *discovering) Discover(context.Context, registry.Agent) (registry.Profile, error) {
	d.calls++
	return registry.Profile{}, &adcp.CallError{}
}

func TestAgentsBeyondTheTenantsNumberGet429BeforeTheyAreCalled(t *testing.T) {
	t.Parallel()
	s := memory.New(clock)
	a := httpapi.API{BaseURL: baseURL}
	agents := &discovering{}
	register := registry.Register{Store: s, Agents: agents, Now: clock, MaxAgents: 2, Checker: registry.Checker{
		CheckURL: func(string) error { return nil }}}
	f := a.Serve(apikey.ScopeAgentsWrite, a.PutAgent(register.RunIf))
	put := func(id string) events.APIGatewayProxyResponse {
		e := as(routed("PUT /v1/agents/{id}", id), "acme")
		e.Body = `{"url":"https://s.example/mcp","transport":"mcp"}`
		return call(t, f, e)
	}
	for _, id := range []string{"a", "b"} {
		if got := put(id); got.StatusCode != 201 {
			t.Fatalf("%s: %+v", id, got)
		}
	}
	wantLimit(t, put("c"), "quota_exceeded", httpapi.Limit{Name: "agents", Value: 2}, "3600")
	if agents.calls != 2 {
		t.Errorf("%d agents were called", agents.calls)
	}
	if got := put("b"); got.StatusCode != 200 {
		t.Errorf("a change of an agent got %+v", got)
	}
}

// countedTable counts the requests to the table that limits cost.
type countedTable struct {
	*memory.Store
	reads, writes, tokens int
}

func (s *countedTable) TakeTokens(ctx context.Context, t quota.Take) (quota.Taken, error) {
	s.tokens++
	return s.Store.TakeTokens(ctx, t)
}

func (s *countedTable) IdempotencyRecord(ctx context.Context, tenant, hash string) (
	orchestrator.IdempotencyRecord, error) {
	s.reads++
	return s.Store.IdempotencyRecord(ctx, tenant, hash)
}

func (s *countedTable) Get(ctx context.Context, tenant, id string) (operation.Operation, error) {
	s.reads++
	return s.Store.Get(ctx, tenant, id)
}

func (s *countedTable) Agent(ctx context.Context, tenant, id string) (registry.Agent, error) {
	s.reads++
	return s.Store.Agent(ctx, tenant, id)
}

func (s *countedTable) Create(ctx context.Context, n orchestrator.NewOperation) error {
	s.writes++
	return s.Store.Create(ctx, n)
}

func (s *countedTable) Load(ctx context.Context, tenant, id string) (operation.Record, error) {
	s.reads++
	return s.Store.Load(ctx, tenant, id)
}

// Limits cost one write for a call, less for many calls, and nothing for a repetition.
func TestLimitsCostAtMostOneWriteForACall(t *testing.T) {
	t.Parallel()
	for name, limited := range map[string]bool{"before": false, "with limits": true} {
		stored, _ := newSubmit(t, operation.WebhookNone)
		s := &countedTable{Store: stored}
		a := httpapi.API{BaseURL: baseURL}
		if limited {
			a.Limits = quota.NewGuard(s, quota.Default, clock)
		}
		use := orchestrator.Submit{Store: s, Workflow: fakeWorkflow{}, Deps: orchestrator.Deps{Now: clock},
			BaseURL: baseURL, Admit: a.Limits.Submission}
		submit := a.ServeUncounted(apikey.ScopeOperationsWrite, a.Submit(use))
		show := a.Serve(apikey.ScopeOperationsRead, a.ShowOperation(s, httpapi.Waits{}))
		first := decode[httpapi.Operation](t, call(t, submit, submission(t, "key-0")), 202)
		get := request(t, "wait")
		get.PathParameters = map[string]string{"id": first.ID}
		for step, f := range map[string]func(i int){
			"POST /v1/operations, new":        func(i int) { call(t, submit, submission(t, fmt.Sprint("key-", i+1))) },
			"POST /v1/operations, repetition": func(int) { call(t, submit, submission(t, "key-0")) },
			"GET /v1/operations/{id}":         func(int) { call(t, show, get) },
		} {
			s.reads, s.writes, s.tokens = 0, 0, 0
			const calls = 100
			for i := range calls {
				f(i)
			}
			t.Logf("%s: %s: %d reads, %d transactions, %d writes for limits in %d calls", name, step, s.reads, s.writes,
				s.tokens, calls)
			if s.tokens > calls/5 || !limited && s.tokens > 0 || strings.HasSuffix(step, "repetition") && s.tokens > 0 {
				t.Errorf("%s: %s: %d writes for limits in %d calls", name, step, s.tokens, calls)
			}
		}
	}
}
