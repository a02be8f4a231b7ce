package httpapi_test

import (
	"adcp-orchestrator/pkg/apikey"
	"adcp-orchestrator/pkg/httpapi"
	"adcp-orchestrator/pkg/inbox"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/orchestrator"
	"adcp-orchestrator/pkg/registry"
	"adcp-orchestrator/pkg/store/memory"
	"adcp-orchestrator/pkg/webhook"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
)

var now = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func clock() time.Time { return now }

const base = "https://api.example/live"

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

// as makes the event one of a tenant with all scopes.
func as(e events.APIGatewayProxyRequest, tenant string) events.APIGatewayProxyRequest {
	e.RequestContext.Authorizer = map[string]any{"tenant": tenant, "key_id": "k", "scopes": strings.Join(apikey.Scopes(), " ")}
	return e
}

type noStart struct{}

func (noStart) Start(context.Context, string, string, int) error { return nil }

func api(t *testing.T) (*memory.Store, func(context.Context, events.APIGatewayProxyRequest) (events.APIGatewayProxyResponse, error)) {
	t.Helper()
	s := memory.New(clock)
	e := event[events.APIGatewayProxyRequest](t, "submit")
	var body struct{ Agent string }
	if err := json.Unmarshal([]byte(e.Body), &body); err != nil {
		t.Fatal(err)
	}
	agent := registry.Agent{Tenant: "acme", ID: body.Agent, URL: "https://s.example/mcp", Transport: registry.MCP, WebhookMode: operation.WebhookHMAC, Version: 1}
	if err := s.PutAgent(t.Context(), agent); err != nil {
		t.Fatal(err)
	}
	submit := orchestrator.Submit{Store: s, Workflow: noStart{}, Deps: orchestrator.Deps{Now: clock}, BaseURL: base}
	return s, httpapi.Serve(apikey.ScopeOperationsWrite, httpapi.Submit(submit.Run, base))
}

func TestSubmitAndShow(t *testing.T) {
	t.Parallel()
	store, submit := api(t)
	e := as(event[events.APIGatewayProxyRequest](t, "submit"), "acme")
	first, err := submit(t.Context(), e)
	if err != nil || first.StatusCode != 202 {
		t.Fatalf("got %+v, %v", first, err)
	}
	var op httpapi.Operation
	if err := json.Unmarshal([]byte(first.Body), &op); err != nil {
		t.Fatal(err)
	}
	if op.State != operation.Requested || op.URL != base+"/v1/operations/"+op.ID || first.Headers["Location"] != op.URL || first.Headers["Strict-Transport-Security"] == "" {
		t.Errorf("got %+v, %v", op, first.Headers)
	}
	plain := e // the same in base64, as the gateway sends binary media types
	plain.Body, plain.IsBase64Encoded = base64.StdEncoding.EncodeToString([]byte(e.Body)), true
	again, err := submit(t.Context(), plain)
	if err != nil || again.StatusCode != 202 || again.Headers["Idempotency-Replayed"] != "idempotency_key" || again.Body != first.Body {
		t.Errorf("the second time: %+v, %v", again, err)
	}
	other := e
	other.Body = strings.Replace(e.Body, `"end_time"`, `"paused":true,"end_time"`, 1)
	if other.Body == e.Body {
		t.Fatal("the event has no end_time")
	}
	if clash, _ := submit(t.Context(), other); clash.StatusCode != 409 || clash.Headers["Content-Type"] != "application/problem+json" {
		t.Errorf("another payload: %+v", clash)
	}

	show := httpapi.Serve(apikey.ScopeOperationsRead, httpapi.ShowOperation(store, base))
	get := as(event[events.APIGatewayProxyRequest](t, "operations"), "acme")
	get.PathParameters = map[string]string{"id": op.ID}
	shown, err := show(t.Context(), get)
	if err != nil || shown.StatusCode != 200 {
		t.Fatalf("got %+v, %v", shown, err)
	}
	for _, secret := range []string{"idempotency_key\"", "push_notification_config", "route_hash", "token_hash"} {
		if strings.Contains(shown.Body, secret) {
			t.Errorf("the answer shows %s", secret)
		}
	}
	if !strings.Contains(shown.Body, `"timeline":[{"seq":1`) || !strings.Contains(shown.Body, `"brand"`) {
		t.Errorf("got %s", shown.Body)
	}
	// contract L7: another tenant's operation and none at all look the same.
	foreign, _ := show(t.Context(), as(get, "other"))
	get.PathParameters = map[string]string{"id": "op_none"}
	none, _ := show(t.Context(), get)
	if foreign.StatusCode != 404 || foreign.Body != none.Body {
		t.Errorf("got %+v and %+v", foreign, none)
	}
}

func TestProblems(t *testing.T) {
	t.Parallel()
	_, submit := api(t)
	good := as(event[events.APIGatewayProxyRequest](t, "submit"), "acme")
	for name, tc := range map[string]struct {
		change func(e *events.APIGatewayProxyRequest)
		status int
		says   string
	}{
		"no authorizer": {func(e *events.APIGatewayProxyRequest) { e.RequestContext.Authorizer = nil }, 401, "Bearer"},
		"no scope": {func(e *events.APIGatewayProxyRequest) {
			e.RequestContext.Authorizer = map[string]any{"tenant": "acme", "scopes": apikey.ScopeOperationsRead}
		}, 403, apikey.ScopeOperationsWrite},
		"no key, and a wrong body": {func(e *events.APIGatewayProxyRequest) {
			e.Headers, e.MultiValueHeaders, e.Body = nil, nil, `{"type":"x"}`
		}, 400, "Idempotency-Key"},
		"an unknown agent": {func(e *events.APIGatewayProxyRequest) {
			e.Body = strings.Replace(e.Body, `"agent_id"`, `"agent_id":"nobody","agent_"`, 1)
		}, 400, "agent"},
		"not base64": {func(e *events.APIGatewayProxyRequest) { e.Body, e.IsBase64Encoded = "***", true }, 400, "decoded"},
		"too large":  {func(e *events.APIGatewayProxyRequest) { e.Body = strings.Repeat(" ", 1<<20) + e.Body }, 413, "1 MiB"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := good
			tc.change(&e)
			got, err := submit(t.Context(), e)
			if err != nil || got.StatusCode != tc.status || !strings.Contains(got.Body, tc.says) || got.Headers["Content-Type"] != "application/problem+json" {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
}

// What fails inside stays inside.
func TestInternalErrorsAreNotShown(t *testing.T) {
	t.Parallel()
	h := httpapi.Serve(apikey.ScopeOperationsRead, func(context.Context, httpapi.Request) (httpapi.Response, error) {
		return httpapi.Response{}, errors.New("dynamodb: arn:aws:secret")
	})
	got, err := h(t.Context(), as(events.APIGatewayProxyRequest{}, "acme"))
	if err != nil || got.StatusCode != 503 || strings.Contains(got.Body, "arn:") {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestAuthorizer(t *testing.T) {
	t.Parallel()
	s := memory.New(clock)
	key, err := apikey.Issue(t.Context(), s, strings.NewReader(strings.Repeat("r", 32)), now, "acme", "test", []string{apikey.ScopeAgentsRead, apikey.ScopeOperationsRead})
	if err != nil {
		t.Fatal(err)
	}
	authorize := httpapi.Authorize(s, clock)
	e := event[events.APIGatewayCustomAuthorizerRequestTypeRequest](t, "authorizer")
	e.Headers = map[string]string{"authorization": "bearer  " + key}
	got, err := authorize(t.Context(), e)
	if err != nil || got.Context["tenant"] != "acme" || got.Context["scopes"] != "agents:read operations:read" {
		t.Fatalf("got %+v, %v", got, err)
	}
	resource := got.PolicyDocument.Statement[0].Resource[0]
	if !strings.HasPrefix(e.MethodArn, strings.TrimSuffix(resource, "*")) || strings.Count(resource, "/") != 2 {
		t.Errorf("the policy covers %s, the call is %s", resource, e.MethodArn)
	}
	for _, bad := range []string{"", key, "Basic " + key, "Bearer " + key[:len(key)-1]} {
		e.Headers = map[string]string{"Authorization": bad}
		if _, err := authorize(t.Context(), e); err == nil || err.Error() != "Unauthorized" {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestWebhookEvent(t *testing.T) {
	t.Parallel()
	s := memory.New(clock)
	h := httpapi.Webhook(webhook.Receiver{Store: s, Now: clock, Count: func(string) {}, Roots: func(context.Context) ([]string, error) { return nil, nil }})
	e := event[events.APIGatewayProxyRequest](t, "webhook")
	if _, ok := inbox.ParseCallbackToken(e.PathParameters["route"]); !ok {
		t.Errorf("the event's route is none: %q", e.PathParameters["route"])
	}
	got, err := h(t.Context(), e)
	if err != nil || got.StatusCode != 404 || got.Headers["Content-Type"] != "application/problem+json" {
		t.Errorf("got %+v, %v", got, err)
	}
}

// The state machine's functions take what events/ says they take.
func TestWorkflowEvents(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"dispatch", "poll", "settle"} {
		if ref := event[operation.Ref](t, name); ref.Tenant == "" || !strings.HasPrefix(ref.OperationID, "op_") {
			t.Errorf("events/%s.json: %+v", name, ref)
		}
	}
	if e := event[events.CloudWatchEvent](t, "reconcile"); e.DetailType != "Scheduled Event" {
		t.Errorf("events/reconcile.json: %+v", e)
	}
}
