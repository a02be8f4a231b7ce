package httpapi_test

import (
	"adcp-orchestrator/pkg/apikey"
	"adcp-orchestrator/pkg/httpapi"
	"adcp-orchestrator/pkg/httpsig"
	"adcp-orchestrator/pkg/inbox"
	"adcp-orchestrator/pkg/keyring"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/orchestrator"
	"adcp-orchestrator/pkg/registry"
	"adcp-orchestrator/pkg/store"
	"adcp-orchestrator/pkg/store/memory"
	"adcp-orchestrator/pkg/webhook"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
)

// ask calls a function as a tenant and reads its answer.
func ask(t *testing.T, f httpapi.Function, e events.APIGatewayProxyRequest, tenant string, out any) events.APIGatewayProxyResponse {
	t.Helper()
	got, err := f(t.Context(), as(e, tenant))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(got.Body), out); err != nil {
		t.Fatalf("%s: %v", got.Body, err)
	}
	return got
}

func TestQuarantineIsPaged(t *testing.T) {
	t.Parallel()
	s := memory.New(clock)
	for i := range 7 {
		q := inbox.Quarantined{Tenant: "acme", AgentID: "seller", OperationID: fmt.Sprintf("op_%d", i), At: now, Authentic: true, Code: "conflict",
			Reason: "why", Digest: "d", Size: 3, Header: map[string]string{"User-Agent": "x"}, TaskID: "t", Status: "completed"}
		if err := s.Quarantine(t.Context(), q); err != nil {
			t.Fatal(err)
		}
	}
	list := httpapi.Serve(apikey.ScopeOperationsRead, httpapi.ListQuarantine(s, clock))
	type page struct {
		Day        string
		Deliveries []httpapi.Quarantined
		Next       string
	}
	query := map[string]string{"limit": "3"}
	seen := map[string]bool{}
	pages := 0
	for {
		var p page
		got := ask(t, list, events.APIGatewayProxyRequest{HTTPMethod: "GET", QueryStringParameters: query}, "acme", &p)
		if got.StatusCode != 200 || p.Day != "2026-11-23" || len(p.Deliveries) > 3 {
			t.Fatalf("got %+v", got)
		}
		for _, q := range p.Deliveries {
			if seen[q.Operation] || q.Agent != "seller" || !q.Authentic || q.Code != "conflict" || q.BodySHA256 != "d" || q.BodyBytes != 3 || q.Count != 1 || !q.FirstAt.Equal(now) {
				t.Errorf("listed %+v", q)
			}
			seen[q.Operation] = true
		}
		if pages++; p.Next == "" {
			break
		}
		query["cursor"] = p.Next
	}
	if len(seen) != 7 || pages < 3 {
		t.Errorf("%d deliveries on %d pages", len(seen), pages)
	}
	var p page
	if ask(t, list, events.APIGatewayProxyRequest{HTTPMethod: "GET"}, "other", &p); len(p.Deliveries) != 0 || p.Deliveries == nil {
		t.Errorf("another tenant sees %+v", p)
	}
	var problem httpapi.Problem
	wrong := map[string]string{"day": "yesterday", "limit": "1000", "cursor": "!"}
	got := ask(t, list, events.APIGatewayProxyRequest{HTTPMethod: "GET", QueryStringParameters: wrong}, "acme", &problem)
	if got.StatusCode != 400 || len(problem.Errors) != 3 {
		t.Errorf("got %+v", got)
	}
	wrong = map[string]string{"cursor": strings.Repeat("a", 2000)}
	if got := ask(t, list, events.APIGatewayProxyRequest{HTTPMethod: "GET", QueryStringParameters: wrong}, "acme", &problem); got.StatusCode != 400 {
		t.Errorf("a cursor longer than any key: %+v", got)
	}
}

func TestAgentKeys(t *testing.T) {
	t.Parallel()
	s := memory.New(clock)
	agent := registry.Agent{Tenant: "acme", ID: "seller", URL: "https://s.example/mcp", BrandURL: "https://s.example/brand.json", Transport: registry.MCP, Version: 1}
	if err := s.PutAgent(t.Context(), agent); err != nil {
		t.Fatal(err)
	}
	want := keyring.Sender{Tenant: "acme", AgentID: "seller", AgentURL: agent.URL, BrandURL: agent.BrandURL,
		ID: inbox.SenderID(operation.Target{URL: agent.URL, BrandURL: agent.BrandURL})}
	var fail error
	show := func(_ context.Context, sender keyring.Sender) (keyring.View, error) {
		if sender != want {
			t.Errorf("asked for %+v, want %+v", sender, want)
		}
		return keyring.View{JWKSURI: "https://s.example/jwks"}, fail
	}
	anchor := func(ctx context.Context, sender keyring.Sender, uri string) (keyring.View, error) {
		if uri != "https://s.example/new" {
			t.Errorf("anchored %s", uri)
		}
		return show(ctx, sender)
	}
	f := httpapi.Route(map[string]httpapi.Function{
		"GET /v1/agents/{id}/keys": httpapi.Serve(apikey.ScopeAgentsRead, httpapi.ShowKeys(s, show)),
		"PUT /v1/agents/{id}/keys": httpapi.Serve(apikey.ScopeAgentsWrite, httpapi.PinKeys(s, anchor)),
	})
	request := func(method, id, body string) events.APIGatewayProxyRequest {
		return events.APIGatewayProxyRequest{HTTPMethod: method, Resource: "/v1/agents/{id}/keys", PathParameters: map[string]string{"id": id}, Body: body}
	}
	var v keyring.View
	if got := ask(t, f, request("GET", "seller", ""), "acme", &v); got.StatusCode != 200 || v.JWKSURI == "" {
		t.Errorf("got %+v", got)
	}
	if got := ask(t, f, request("PUT", "seller", `{"jwks_uri":"https://s.example/new"}`), "acme", &v); got.StatusCode != 200 {
		t.Errorf("got %+v", got)
	}
	var p httpapi.Problem
	for _, body := range []string{"", "{}", `{"jwks_uri":""}`, `{"jwks_uri":1}`, `{"jwks_uri":"https://s.example/new","x":"y"}`, `{"jwks_uri":"a","jwks_uri":"https://s.example/new"}`} {
		if got := ask(t, f, request("PUT", "seller", body), "acme", &p); got.StatusCode != 400 || len(p.Errors) != 1 || p.Errors[0].Field != "jwks_uri" {
			t.Errorf("%s: %+v", body, got)
		}
	}
	for _, e := range []struct {
		request events.APIGatewayProxyRequest
		tenant  string
	}{{request("GET", "nobody", ""), "acme"}, {request("GET", "seller", ""), "other"}, {request("DELETE", "seller", ""), "acme"}} {
		if got := ask(t, f, e.request, e.tenant, &p); got.StatusCode != 404 {
			t.Errorf("%s of %s: %+v", e.request.HTTPMethod, e.tenant, got)
		}
	}
	fail = &keyring.UnavailableError{Code: "jwks_unreachable", Cause: errors.New("10.0.0.1 inside")}
	if got := ask(t, f, request("PUT", "seller", `{"jwks_uri":"https://s.example/new"}`), "acme", &p); got.StatusCode != 502 || strings.Contains(got.Body, "inside") {
		t.Errorf("got %+v", got)
	}
}

// What the receiver says becomes headers: the challenge of a 401, and when to come again.
func TestWebhookHeaders(t *testing.T) {
	t.Parallel()
	s, submit := api(t)
	agent, err := s.Agent(t.Context(), "acme", event[events.APIGatewayProxyRequest](t, "agents").PathParameters["id"])
	if err != nil {
		t.Fatal(err)
	}
	agent.Version, agent.WebhookMode = 2, operation.WebhookRFC9421
	if err := s.PutAgent(t.Context(), agent); err != nil {
		t.Fatal(err)
	}
	var op httpapi.Operation
	ask(t, submit, event[events.APIGatewayProxyRequest](t, "submit"), "acme", &op)
	request, err := s.Request(t.Context(), "acme", op.ID)
	if err != nil {
		t.Fatal(err)
	}
	var sent struct {
		Push struct{ URL string } `json:"push_notification_config"`
	}
	if err := json.Unmarshal(request, &sent); err != nil {
		t.Fatal(err)
	}
	path := strings.TrimPrefix(sent.Push.URL, base)
	receiver := webhook.Receiver{Store: s, BaseURL: base, Now: clock, Count: func(string) {}, Apply: orchestrator.Receive{Store: s},
		SenderKeys: func(operation.Operation, store.Document) webhook.SenderKeys { return away{} }}
	for name, tc := range map[string]struct {
		change func(*webhook.Receiver, *events.APIGatewayProxyRequest)
		status int
		header string
		value  string
	}{
		"unsigned": {func(*webhook.Receiver, *events.APIGatewayProxyRequest) {}, 401, "WWW-Authenticate", `Signature error="webhook_signature_header_malformed"`},
		"keys that can't be had": {func(_ *webhook.Receiver, e *events.APIGatewayProxyRequest) {
			e.Headers["Signature"], e.Headers["Signature-Input"], e.Headers["Content-Digest"] = signature, input, digest
		}, 503, "Retry-After", "8"},
		"a path that is not the route's": {func(_ *webhook.Receiver, e *events.APIGatewayProxyRequest) { e.Path += "x" }, 404, "Retry-After", ""},
		// what can't be kept is not refused either
		"a store that is away": {func(r *webhook.Receiver, _ *events.APIGatewayProxyRequest) { r.Apply = busy{} }, 503, "WWW-Authenticate", ""},
	} {
		e := events.APIGatewayProxyRequest{HTTPMethod: "POST", Path: path, PathParameters: map[string]string{"route": path[strings.LastIndex(path, "/")+1:]},
			Headers: map[string]string{"Content-Type": "application/json", "Host": "api.example"}, Body: "{}"}
		r := receiver
		tc.change(&r, &e)
		got, err := httpapi.Webhook(r)(t.Context(), e)
		if err != nil || got.StatusCode != tc.status || got.Headers[tc.header] != tc.value || strings.Contains(got.Body, "malformed") {
			t.Errorf("%s: got %+v, %v", name, got, err)
		}
	}
}

// A signature's headers that are whole. Whether they are true is asked of keys that are away.
const (
	signature = "sig1=:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA:"
	digest    = "sha-256=:RBNvo1WzZ4oRRq0W9+hknpT7T8If536DEMBg9hyq/4o=:"
	input     = `sig1=("@method" "@target-uri" "@authority" "content-type" "content-digest");created=1795435200;expires=1795435500;nonce="AAAAAAAAAAAAAAAAAAAAAA";keyid="k";alg="ed25519";tag="adcp/webhook-signing/v1"`
)

type away struct{}

func (away) Key(context.Context, string) (httpsig.JWK, error) {
	return httpsig.JWK{}, &keyring.UnavailableError{Code: "jwks_unreachable", RetryAfter: 7500 * time.Millisecond}
}
func (away) Check(context.Context, string) error { return nil }

// busy keeps nothing.
type busy struct{ orchestrator.Receive }

func (busy) Quarantine(context.Context, inbox.Quarantined) error {
	return errors.New("throttled")
}
