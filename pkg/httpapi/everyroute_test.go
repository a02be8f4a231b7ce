package httpapi_test

import (
	"context"
	"crypto/rand"
	"errors"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"adcp-orchestrator/pkg/apikey"
	"adcp-orchestrator/pkg/breaker"
	"adcp-orchestrator/pkg/circuit"
	"adcp-orchestrator/pkg/endpoint"
	"adcp-orchestrator/pkg/httpapi"
	"adcp-orchestrator/pkg/inbox"
	"adcp-orchestrator/pkg/keyring"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/orchestrator"
	"adcp-orchestrator/pkg/outbox"
	"adcp-orchestrator/pkg/registry"
	"adcp-orchestrator/pkg/store/memory"
	"adcp-orchestrator/pkg/validation"
	"adcp-orchestrator/pkg/webhook"
)

// routeUnderTest is a route with its function and a body that it takes, "" if it takes none.
type routeUnderTest struct {
	function httpapi.Function
	scope    string // what a key needs, "" for none
	body     string
	path     map[string]string // which exist
}

// everyRoute serves all routes that need an API key, over one store with an agent, an operation and
// a key of the tenant acme.
func everyRoute(t *testing.T, a httpapi.API) (map[string]routeUnderTest, *memory.Store) {
	t.Helper()
	s, submitted := newSubmit(t, operation.WebhookNone)
	op := decode[httpapi.Operation](t, call(t, submitted, request(t, "submit")), 202)
	if _, err := apikey.Issue(t.Context(), s, rand.Reader, now, "acme", "first", apikey.Scopes()); err != nil {
		t.Fatal(err)
	}
	all, _, err := s.KeyRecords(t.Context(), "acme", "", 1)
	if err != nil || len(all) != 1 {
		t.Fatal(all, err)
	}
	deps := orchestrator.Deps{Now: clock}
	submit := orchestrator.Submit{Store: s, Workflow: fakeWorkflow{}, Deps: deps, BaseURL: baseURL}
	input := orchestrator.SendInput{Store: s, Workflow: fakeWorkflow{}, Deps: deps}
	redrive := orchestrator.Redrive{Store: s, Workflow: fakeWorkflow{}, Deps: deps}
	acts := orchestrator.Acts{Store: s, Workflow: fakeWorkflow{}, Deps: deps,
		Buys: orchestrator.CancelBuys{Store: s, Workflow: fakeWorkflow{}, Deps: deps}}
	resolve := orchestrator.Resolve{Store: s, Workflow: fakeWorkflow{}, Deps: deps}
	register := registry.Register{Store: s, Agents: fakeAgent("{}"), Now: clock,
		Checker: registry.Checker{CheckURL: func(address string) error {
			if !strings.HasPrefix(address, "https://") {
				return errors.New("not https")
			}
			return nil
		}}}
	read := orchestrator.Read{Store: s, Agents: answered(`{"status":"completed"}`), Now: clock,
		NewKey: func() string { return "key" }}
	noKeys := keyring.View{Keys: []keyring.KeyView{}, Revocation: keyring.RevocationView{State: "unknown"}}
	view := func(context.Context, keyring.Sender) (keyring.View, error) { return noKeys, nil }
	pin := func(_ context.Context, _ keyring.Sender, uri string) (keyring.View, error) {
		var c validation.Checks
		if !strings.HasPrefix(uri, "https://") {
			c.Add("jwks_uri", validation.InvalidValue, "must be what brand.json names", "correct it")
		}
		return noKeys, c.Err()
	}
	keys := apikey.Manager{Store: s, Now: clock, Random: rand.Reader}
	agent, operationID := map[string]string{"id": "seller", "task": "get_products"}, map[string]string{"id": op.ID}
	keyID := map[string]string{"id": all[0].ID}
	overview := registry.Overview{Store: s, Breaker: breaker.New(s, breaker.Options{Policy: circuit.Default,
		Bounds: breaker.DefaultBounds, Lease: time.Minute, Now: clock, Jitter: func() float64 { return 0 },
		NewID: func() string { return "l" }})}
	replayer := webhook.Replayer{Store: s, Now: clock,
		Apply: orchestrator.Receive{Store: s, Workflow: fakeWorkflow{}, Deps: deps}}
	refused := inbox.Quarantined{Tenant: "acme", AgentID: "seller", OperationID: op.ID, At: now, Code: "conflict",
		Digest: sha256OfNothing}
	if err := s.Quarantine(t.Context(), refused); err != nil {
		t.Fatal(err)
	}
	quarantineID := map[string]string{"id": refused.ID()}
	routes := map[string]routeUnderTest{
		"POST /v1/operations": {a.ServeUncounted(apikey.ScopeOperationsWrite, a.Submit(submit)),
			apikey.ScopeOperationsWrite, request(t, "submit").Body, nil},
		"GET /v1/operations": {a.Serve(apikey.ScopeOperationsRead, a.ListOperations(s)),
			apikey.ScopeOperationsRead, "", nil},
		"GET /v1/operations/counts": {a.Serve(apikey.ScopeOperationsRead, a.CountOperations(s)),
			apikey.ScopeOperationsRead, "", nil},
		"GET /v1/operations/{id}": {a.Serve(apikey.ScopeOperationsRead, a.ShowOperation(s, httpapi.Waits{})),
			apikey.ScopeOperationsRead, "", operationID},
		"GET /v1/events": {a.Serve(apikey.ScopeOperationsRead, a.ListTold(outbox.Feed{Store: s, Now: clock})),
			apikey.ScopeOperationsRead, "", nil},
		"GET /v1/metrics": {a.Serve(apikey.ScopeMetricsRead, a.ShowMetrics(s, clock)), apikey.ScopeMetricsRead, "", nil},
		"GET /v1/operations/{id}/events": {a.Serve(apikey.ScopeOperationsRead, a.ListEvents(s)),
			apikey.ScopeOperationsRead, "", operationID},
		"GET /v1/operations/{id}/request": {a.Serve(apikey.ScopeOperationsRead, a.ShowRequest(s)),
			apikey.ScopeOperationsRead, "", operationID},
		"GET /v1/operations/{id}/result": {a.Serve(apikey.ScopeOperationsRead, a.ShowResult(s)),
			apikey.ScopeOperationsRead, "", operationID},
		"POST /v1/operations/{id}/input": {a.Serve(apikey.ScopeOperationsApprove, a.SendInput(input.Run)),
			apikey.ScopeOperationsApprove, approval, operationID},
		"POST /v1/operations/{id}/cancel": {a.Serve(apikey.ScopeOperationsWrite, a.Cancel(acts.Cancel)),
			apikey.ScopeOperationsWrite, `{"reason":"wrong dates"}`, operationID},
		"DELETE /v1/operations/{id}/cancel": {a.Serve(apikey.ScopeOperationsWrite, a.Act(acts.Withdraw)),
			apikey.ScopeOperationsWrite, "", operationID},
		"POST /v1/operations/{id}/poll": {a.Serve(apikey.ScopeOperationsWrite, a.PollNow(acts.Poll)),
			apikey.ScopeOperationsWrite, "", operationID},
		"POST /v1/operations/{id}/pause": {a.Serve(apikey.ScopeOperationsWrite, a.ActWithReason(acts.Pause)),
			apikey.ScopeOperationsWrite, `{"reason":"budget review"}`, operationID},
		"POST /v1/operations/{id}/resume": {a.Serve(apikey.ScopeOperationsWrite, a.ActWithReason(acts.Resume)),
			apikey.ScopeOperationsWrite, `{"reason":"reviewed"}`, operationID},
		"POST /v1/operations/{id}/resolve": {a.Serve(apikey.ScopeOperationsApprove, a.Resolve(resolve.Run)),
			apikey.ScopeOperationsApprove, `{"state":"failed","reason":"the agent says so by phone"}`, operationID},
		"POST /v1/operations/{id}/redrive": {a.Serve(apikey.ScopeOperationsWrite, a.Redrive(redrive.Run)),
			apikey.ScopeOperationsWrite, "", operationID},
		"GET /v1/agents": {a.Serve(apikey.ScopeAgentsRead, a.ListAgents(overview.Page)), apikey.ScopeAgentsRead, "", nil},
		"GET /v1/agents/{id}": {a.Serve(apikey.ScopeAgentsRead, a.ShowAgent(register.Show, overview.Of)),
			apikey.ScopeAgentsRead, "", agent},
		"DELETE /v1/agents/{id}": {a.Serve(apikey.ScopeAgentsWrite, a.DeleteAgent(register.Delete)),
			apikey.ScopeAgentsWrite, "", agent},
		"POST /v1/agents/{id}/pause": {a.Serve(apikey.ScopeAgentsWrite, a.SetAgentBrake(s, true, clock)),
			apikey.ScopeAgentsWrite, `{"reason":"budget review"}`, agent},
		"POST /v1/agents/{id}/resume": {a.Serve(apikey.ScopeAgentsWrite, a.SetAgentBrake(s, false, clock)),
			apikey.ScopeAgentsWrite, `{"reason":"reviewed"}`, agent},
		"POST /v1/agents/{id}/probe": {a.Serve(apikey.ScopeAgentsCall, a.ProbeAgent(register.Probe)),
			apikey.ScopeAgentsCall, "", agent},
		"PUT /v1/agents/{id}": {a.Serve(apikey.ScopeAgentsWrite, a.PutAgent(register.RunIf)),
			apikey.ScopeAgentsWrite, `{"url":"https://s.example/mcp"}`, agent},
		"GET /v1/agents/{id}/keys": {a.Serve(apikey.ScopeAgentsRead, a.ShowKeys(s, view)),
			apikey.ScopeAgentsRead, "", agent},
		"PUT /v1/agents/{id}/keys": {a.Serve(apikey.ScopeAgentsWrite, a.PinKeys(s, pin)),
			apikey.ScopeAgentsWrite, `{"jwks_uri":"https://s.example/jwks"}`, agent},
		"POST /v1/agents/{id}/read/{task}": {a.Serve(apikey.ScopeAgentsCall, a.ReadAgent(read.Run)),
			apikey.ScopeAgentsCall, request(t, "read").Body, agent},
		"GET /v1/quarantine": {a.Serve(apikey.ScopeOperationsRead, a.ListQuarantine(s)),
			apikey.ScopeOperationsRead, "", nil},
		"GET /v1/quarantine/{id}": {a.Serve(apikey.ScopeOperationsRead, a.ShowQuarantined(s)),
			apikey.ScopeOperationsRead, "", quarantineID},
		"POST /v1/quarantine/{id}/replay": {a.Serve(apikey.ScopeQuarantineWrite, a.ReplayQuarantined(replayer.Run)),
			apikey.ScopeQuarantineWrite, `{"reason":"the agent was right"}`, quarantineID},
		"POST /v1/quarantine/{id}/discard": {a.Serve(apikey.ScopeQuarantineWrite, a.DiscardQuarantined(replayer.Discard)),
			apikey.ScopeQuarantineWrite, `{"reason":"a test of theirs"}`, quarantineID},
		"GET /v1/whoami":       {a.Serve("", a.Whoami("r")), "", "", nil},
		"GET /v1/audit-events": {a.Serve(apikey.ScopeAuditRead, a.ListAudit(s)), apikey.ScopeAuditRead, "", nil},
		"GET /v1/api-keys":     {a.Serve(apikey.ScopeKeysWrite, a.ListKeys(keys)), apikey.ScopeKeysWrite, "", nil},
		"POST /v1/api-keys": {a.Serve(apikey.ScopeKeysWrite, a.CreateKey(keys)), apikey.ScopeKeysWrite,
			`{"name":"ci"}`, nil},
		"GET /v1/api-keys/{id}":    {a.Serve(apikey.ScopeKeysWrite, a.ShowKey(keys)), apikey.ScopeKeysWrite, "", keyID},
		"DELETE /v1/api-keys/{id}": {a.Serve(apikey.ScopeKeysWrite, a.DeleteKey(keys)), apikey.ScopeKeysWrite, "", keyID},
		"POST /v1/api-keys/{id}/roll": {a.Serve(apikey.ScopeKeysWrite, a.RollKey(keys)), apikey.ScopeKeysWrite,
			`{"overlap_seconds":0}`, keyID},
	}
	hook := endpoint.Endpoint{Tenant: "acme", ID: "we_" + strings.Repeat("a", 26), URL: "https://hooks.example",
		State: endpoint.On, Version: 1, Secrets: []endpoint.Secret{{Generation: 1, RootID: "r", CreatedAt: now}}}
	creation := endpoint.Creation{Tenant: "acme", EndpointID: hook.ID, At: now}
	if err := s.AddEndpoint(t.Context(), hook, "k", creation); err != nil {
		t.Fatal(err)
	}
	hooks := &hooks{t: t, answer: endpoint.Result{Status: 204}}
	told := endpoint.Delivery{Tenant: "acme", EndpointID: hook.ID, ID: endpoint.DeliveryID(hook.ID, "n", now),
		State: endpoint.Delivered, Round: 1, NoticeAt: now, QueuedAt: now, Version: 1}
	if err := s.AddDelivery(t.Context(), told); err != nil {
		t.Fatal(err)
	}
	maps.Copy(routes, endpointRoutes(a, s, hooks, countingQueue{&hooks.queued}, hook.ID, told.ID))
	return routes, s
}

// event is a request of the route that would be taken.
func (u routeUnderTest) event(route string) events.APIGatewayProxyRequest {
	method, resource, _ := strings.Cut(route, " ")
	e := as(events.APIGatewayProxyRequest{HTTPMethod: method, Resource: resource, PathParameters: u.path, Body: u.body,
		Headers: map[string]string{"Idempotency-Key": "k-" + strings.ReplaceAll(route, " ", "")}}, "acme")
	if strings.HasSuffix(route, "/resolve") { // which needs it
		e.Headers["If-Match"] = `"1"`
	}
	e.RequestContext.Identity.SourceIP = "192.0.2.7"
	return e
}
