package httpapi_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/apikey"
	"adcp-orchestrator/pkg/httpapi"
	"adcp-orchestrator/pkg/inbox"
	"adcp-orchestrator/pkg/keyring"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/registry"
	"adcp-orchestrator/pkg/store/memory"
)

const newKeys = `{"jwks_uri":"https://s.example/new"}`

// keyRoutes returns the routes of the keys of the agent seller. Both use cases end in fail.
func keyRoutes(t *testing.T, fail *error) httpapi.Function {
	t.Helper()
	s := memory.New(clock)
	agent := registry.Agent{
		Tenant:    "acme",
		ID:        "seller",
		URL:       "https://s.example/mcp",
		BrandURL:  "https://s.example/brand.json",
		Transport: adcp.MCP,
		Version:   1,
	}
	if err := s.PutAgent(t.Context(), agent); err != nil {
		t.Fatal(err)
	}
	want := keyring.Sender{
		Tenant:    "acme",
		AgentID:   "seller",
		Transport: agent.Transport,
		AgentURL:  agent.URL,
		BrandURL:  agent.BrandURL,
		ID:        inbox.SenderID(operation.Target{URL: agent.URL, BrandURL: agent.BrandURL}),
	}
	show := func(_ context.Context, sender keyring.Sender) (keyring.View, error) {
		if sender != want {
			t.Errorf("called for %+v, want %+v", sender, want)
		}
		return keyring.View{JWKSURI: "https://s.example/jwks", Keys: []keyring.KeyView{},
			Revocation: keyring.RevocationView{State: "unknown"}}, *fail
	}
	pin := func(ctx context.Context, sender keyring.Sender, uri string) (keyring.View, error) {
		if uri != "https://s.example/new" {
			t.Errorf("pinned %s", uri)
		}
		return show(ctx, sender)
	}
	return api.Route(map[string]httpapi.Function{
		"GET /v1/agents/{id}/keys": api.Serve(apikey.ScopeAgentsRead, api.ShowKeys(s, show)),
		"PUT /v1/agents/{id}/keys": api.Serve(apikey.ScopeAgentsWrite, api.PinKeys(s, pin)),
	})
}

// keysRequest is a request of a tenant for the keys of an agent.
func keysRequest(tenant, method, id, body string) events.APIGatewayProxyRequest {
	return as(events.APIGatewayProxyRequest{
		HTTPMethod:     method,
		Resource:       "/v1/agents/{id}/keys",
		PathParameters: map[string]string{"id": id},
		Body:           body,
	}, tenant)
}

func TestKeysAreShownAndPinned(t *testing.T) {
	t.Parallel()
	var none error
	f := keyRoutes(t, &none)
	if v := decode[keyring.View](t, call(t, f, keysRequest("acme", "GET", "seller", "")), 200); v.JWKSURI == "" {
		t.Errorf("got %+v", v)
	}
	if v := decode[keyring.View](t, call(t, f, keysRequest("acme", "PUT", "seller", newKeys)), 200); v.JWKSURI == "" {
		t.Errorf("got %+v", v)
	}
}

func TestPinKeysTakesOneAddress(t *testing.T) {
	t.Parallel()
	var none error
	f := keyRoutes(t, &none)
	for body, field := range map[string]string{
		"":                "(body)",
		"{}":              "jwks_uri",
		`{"jwks_uri":""}`: "jwks_uri",
		`{"jwks_uri":1}`:  "jwks_uri",
		`{"jwks_uri":"https://s.example/new","x":"y"}`:        "x",
		`{"jwks_uri":"a","jwks_uri":"https://s.example/new"}`: "(body)",
	} {
		p := wantProblem(t, call(t, f, keysRequest("acme", "PUT", "seller", body)), 400, "invalid_request")
		if len(p.Errors) != 1 || p.Errors[0].Field != field {
			t.Errorf("%s: %+v", body, p)
		}
	}
}

func TestKeysThatAreNotThere(t *testing.T) {
	t.Parallel()
	var none error
	f := keyRoutes(t, &none)
	wantProblem(t, call(t, f, keysRequest("acme", "GET", "nobody", "")), 404, "not_found")
	wantProblem(t, call(t, f, keysRequest("other", "GET", "seller", "")), 404, "not_found")
	wantProblem(t, call(t, f, keysRequest("acme", "PUT", "nobody", newKeys)), 404, "not_found")
	wantProblem(t, call(t, f, keysRequest("acme", "DELETE", "seller", "")), 404, "no_such_route")
}

func TestUnfetchableKeysAreNotPinned(t *testing.T) {
	t.Parallel()
	var fail error = &keyring.UnavailableError{Code: "jwks_unreachable", Cause: errors.New("10.0.0.1 inside")}
	got := call(t, keyRoutes(t, &fail), keysRequest("acme", "PUT", "seller", newKeys))
	p := wantProblem(t, got, 502, "keys_unavailable")
	if strings.Contains(got.Body, "inside") || !strings.Contains(p.Detail, "jwks_unreachable") {
		t.Errorf("got %s", got.Body)
	}
}
