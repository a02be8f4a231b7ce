package httpapi_test

import (
	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/apikey"
	"adcp-orchestrator/pkg/httpapi"
	"adcp-orchestrator/pkg/registry"
	"adcp-orchestrator/pkg/store/memory"
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
)

// said is an agent with those capabilities; without any it is down.
type said string

func (s said) Discover(context.Context, registry.Agent) (registry.Profile, error) {
	if s == "" {
		return registry.Profile{}, &adcp.CallError{Outcome: adcp.Unsent}
	}
	return registry.Profile{PollTool: "get_task_status", ListTool: "list_tasks", Tasks: []string{"create_media_buy"}, Capabilities: adcp.ReadCapabilities(json.RawMessage(s))}, nil
}

func (said) Call(context.Context, registry.Agent, string, json.RawMessage) (adcp.Response, error) {
	panic("nobody calls at a registration")
}

func TestAgents(t *testing.T) {
	t.Parallel()
	e := as(event[events.APIGatewayProxyRequest](t, "agents"), "acme") // registered for HMAC
	const entry = `{"id":"seller","url":"https://sales.example.com/mcp","transport":"mcp","credential_ref":"adcp/acme/seller","webhook_mode":"hmac-sha256",` +
		`"poll":{"first_seconds":60,"factor":2,"cap_seconds":3600},"version":1,"created_at":"2026-11-23T12:00:00Z","updated_at":"2026-11-23T12:00:00Z","found":`
	const legacy = `{"code":"webhook_mode_legacy","severity":"unsafe","field":"webhook_mode","detail":"HMAC is a legacy mode: it proves the body and the time by a secret that the agent is given, and not the address","remedy":"choose rfc9421 as soon as the agent signs"}`
	const tools = `{"asked_at":"2026-11-23T12:00:00Z","polling_tool":"get_task_status","list_tool":"list_tasks","tasks":["create_media_buy"],`
	for name, tc := range map[string]struct {
		said  said
		found string
	}{
		"all that is told": {`{"adcp":{"major_versions":[3],"supported_versions":["3.1"],"idempotency":{"supported":true,"replay_ttl_seconds":86400,"in_flight_max_seconds":300},
			"capability_changes":{"capabilities_version":"7","cache_ttl_seconds":600}},"supported_protocols":["media_buy"],"specialisms":["sales-guaranteed"],
			"webhook_signing":{"supported":true,"algorithms":["ed25519"],"legacy_hmac_fallback":true},"request_signing":{"supported":false,"covers_content_digest":"either"},
			"identity":{"brand_json_url":"https://s.example/b","key_origins":{"webhook_signing":"https://s.example"},"per_principal_key_isolation":false},
			"account":{"sandbox":true,"supported_billing":["agent"]},"media_buy":{"reporting_delivery_methods":["webhook"]},"last_updated":"2026-11-01T00:00:00Z"}`,
			tools + `"capabilities":{"supported_versions":["3.1"],"major_versions":[3],"supported_protocols":["media_buy"],"specialisms":["sales-guaranteed"],` +
				`"idempotency":{"supported":true,"replay_ttl_seconds":86400,"in_flight_max_seconds":300},"request_signing":{"supported":false,"covers_content_digest":"either"},` +
				`"webhook_signing":{"supported":true,"algorithms":["ed25519"],"legacy_hmac_fallback":true},"emits_webhooks":true,` +
				`"identity":{"brand_json_url":"https://s.example/b","key_origins":{"webhook_signing":"https://s.example"}},"account":{"supported_billing":["agent"],"sandbox":true},` +
				`"media_buy":{"reporting_delivery_methods":["webhook"]},"capability_changes":{"capabilities_version":"7","cache_ttl_seconds":600},"last_updated":"2026-11-01T00:00:00Z"},` +
				`"findings":[` + legacy + `]}`},
		"nothing is told":     {`{"adcp":{"idempotency":{"supported":true}}}`, tools + `"capabilities":{"idempotency":{"supported":true},"emits_webhooks":false},"findings":[` + legacy + `]}`},
		"signing of requests": {`{"adcp":{"idempotency":{"supported":true}},"request_signing":{"supported":true}}`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := registry.Register{Store: memory.New(clock), Agents: tc.said, Now: clock, Checker: registry.Checker{CheckURL: func(string) error { return nil }}}
			put := httpapi.Serve(apikey.ScopeAgentsWrite, httpapi.PutAgent(r.Run))
			show := httpapi.Serve(apikey.ScopeAgentsRead, httpapi.ShowAgent(r.Show))
			got, err := put(t.Context(), e)
			if tc.found == "" { // refused
				var p httpapi.Problem
				if err != nil || got.StatusCode != 422 || got.Headers["Content-Type"] != "application/problem+json" || json.Unmarshal([]byte(got.Body), &p) != nil {
					t.Fatalf("got %+v, %v", got, err)
				}
				if len(p.Errors) != 1 || p.Errors[0].Field != "webhook_mode" || !strings.Contains(p.Errors[0].Rule, "has to be signed") || p.Errors[0].Remedy == "" || p.Detail == "" {
					t.Errorf("got %+v", p)
				}
				if none, _ := show(t.Context(), e); none.StatusCode != 404 {
					t.Errorf("shown: %+v", none)
				}
				return
			}
			if want := entry + tc.found + "}"; err != nil || got.StatusCode != 201 || got.Body != want {
				t.Errorf("%v\ngot  %s\nwant %s", err, got.Body, want)
			}
			if shown, err := show(t.Context(), e); err != nil || shown.StatusCode != 200 || shown.Body != got.Body {
				t.Errorf("%v, shown as %s", err, shown.Body)
			}
			if again, err := put(t.Context(), e); err != nil || again.StatusCode != 200 || !strings.Contains(again.Body, `"version":2,"created_at":"2026-11-23T12:00:00Z"`) {
				t.Errorf("the second time: %+v, %v", again, err)
			}
		})
	}
}

// An agent that is down is registered, and nothing is shown of it but that.
func TestAgentIsDown(t *testing.T) {
	t.Parallel()
	r := registry.Register{Store: memory.New(time.Now), Agents: said(""), Now: time.Now, Checker: registry.Checker{CheckURL: func(string) error { return nil }}}
	e := as(event[events.APIGatewayProxyRequest](t, "agents"), "acme")
	got, err := httpapi.Serve(apikey.ScopeAgentsWrite, httpapi.PutAgent(r.Run))(t.Context(), e)
	if err != nil || got.StatusCode != 201 || !strings.Contains(got.Body, `"found":{"findings":[{"code":"agent_unreached"`) {
		t.Errorf("got %+v, %v", got, err)
	}
}
