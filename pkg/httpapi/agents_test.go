package httpapi_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/apikey"
	"adcp-orchestrator/pkg/httpapi"
	"adcp-orchestrator/pkg/registry"
	"adcp-orchestrator/pkg/store/memory"
)

// fakeAgent is an agent with these capabilities; one without any is down.
type fakeAgent string

func (f fakeAgent) Discover(context.Context, registry.Agent) (registry.Profile, error) {
	if f == "" {
		return registry.Profile{}, &adcp.CallError{Outcome: adcp.Unsent}
	}
	return registry.Profile{
		PollTool:     "get_task_status",
		ListTool:     "list_tasks",
		Tasks:        []string{"create_media_buy"},
		Capabilities: adcp.ReadCapabilities(json.RawMessage(f)),
	}, nil
}

func (fakeAgent) Call(context.Context, registry.Agent, string, json.RawMessage) (adcp.Response, error) {
	panic("a registration calls no tool")
}

// agentRoutes returns the functions that put and show an agent with these capabilities.
func agentRoutes(capabilities string) (put, show httpapi.Function) {
	r := registry.Register{
		Store:   memory.New(clock),
		Agents:  fakeAgent(capabilities),
		Now:     clock,
		Checker: registry.Checker{CheckURL: func(string) error { return nil }},
	}
	return api.Serve(apikey.ScopeAgentsWrite, api.PutAgent(r.RunIf)),
		api.Serve(apikey.ScopeAgentsRead, api.ShowAgent(r.Show, nil))
}

// agentView is events/agents.json as the API shows it; DISCOVERY stands for the member's value.
const agentView = `{
	"id": "seller",
	"url": "https://sales.example.com/mcp",
	"transport": "mcp",
	"credential_ref": "adcp/acme/seller",
	"webhook_mode": "hmac-sha256",
	"poll": {"interval_seconds": 60, "backoff_rate": 2, "max_delay_seconds": 3600},
	"version": 1,
	"created_at": "2026-11-23T12:00:00Z",
	"updated_at": "2026-11-23T12:00:00Z",
	"discovery": DISCOVERY
}`

// legacyFinding is the finding about the mode of events/agents.json.
const legacyFinding = `{
	"code": "webhook_mode_legacy",
	"severity": "unsafe",
	"field": "webhook_mode",
	"detail": "HMAC is a legacy mode: it proves the body and the time with a secret that the agent is given, ` +
	`but not the address",
	"remedy": "choose rfc9421 as soon as the agent signs"
}`

// everyCapability is what an agent states that states everything, everyDiscovery how that is shown.
const everyCapability = `{
	"adcp": {
		"major_versions": [3],
		"supported_versions": ["3.1"],
		"idempotency": {"supported": true, "replay_ttl_seconds": 86400, "in_flight_max_seconds": 300},
		"capability_changes": {"capabilities_version": "7", "cache_ttl_seconds": 600}
	},
	"supported_protocols": ["media_buy"],
	"specialisms": ["sales-guaranteed"],
	"webhook_signing": {"supported": true, "algorithms": ["ed25519"], "legacy_hmac_fallback": true},
	"request_signing": {"supported": false, "covers_content_digest": "either"},
	"identity": {
		"brand_json_url": "https://s.example/b",
		"key_origins": {"webhook_signing": "https://s.example"},
		"per_principal_key_isolation": false
	},
	"account": {"sandbox": true, "supported_billing": ["agent"]},
	"media_buy": {"reporting_delivery_methods": ["webhook"]},
	"last_updated": "2026-11-01T00:00:00Z"
}`

const everyDiscovery = `{
	"discovered_at": "2026-11-23T12:00:00Z",
	"poll_tool": "get_task_status",
	"list_tool": "list_tasks",
	"tasks": ["create_media_buy"],
	"capabilities": {
		"supported_versions": ["3.1"],
		"major_versions": [3],
		"supported_protocols": ["media_buy"],
		"specialisms": ["sales-guaranteed"],
		"idempotency": {"supported": true, "replay_ttl_seconds": 86400, "in_flight_max_seconds": 300},
		"request_signing": {"supported": false, "covers_content_digest": "either"},
		"webhook_signing": {"supported": true, "algorithms": ["ed25519"], "legacy_hmac_fallback": true},
		"emits_webhooks": true,
		"identity": {
			"brand_json_url": "https://s.example/b",
			"key_origins": {"webhook_signing": "https://s.example"}
		},
		"account": {"supported_billing": ["agent"], "sandbox": true},
		"media_buy": {"reporting_delivery_methods": ["webhook"]},
		"capability_changes": {"capabilities_version": "7", "cache_ttl_seconds": 600},
		"last_updated": "2026-11-01T00:00:00Z"
	},
	"findings": [` + legacyFinding + `]
}`

// leastDiscovery is how an agent is shown that states nothing but idempotency.
const leastDiscovery = `{
	"discovered_at": "2026-11-23T12:00:00Z",
	"poll_tool": "get_task_status",
	"list_tool": "list_tasks",
	"tasks": ["create_media_buy"],
	"capabilities": {"idempotency": {"supported": true}, "emits_webhooks": false},
	"findings": [` + legacyFinding + `]
}`

func TestAgentIsShownWithItsDiscovery(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ capabilities, discovery string }{
		"everything is stated": {everyCapability, everyDiscovery},
		"little is stated":     {`{"adcp":{"idempotency":{"supported":true}}}`, leastDiscovery},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			put, show := agentRoutes(tc.capabilities)
			e := request(t, "agents")
			got := call(t, put, e)
			want := compact(t, strings.Replace(agentView, "DISCOVERY", tc.discovery, 1))
			if got.StatusCode != 201 || got.Body != want {
				t.Errorf("%d\ngot  %s\nwant %s", got.StatusCode, got.Body, want)
			}
			shown := call(t, show, as(routed("GET /v1/agents/{id}", "seller"), "acme"))
			if shown.StatusCode != 200 || shown.Body != got.Body {
				t.Errorf("shown as %d %s", shown.StatusCode, shown.Body)
			}
			again := call(t, put, e)
			if again.StatusCode != 200 ||
				!strings.Contains(again.Body, `"version":2,"created_at":"2026-11-23T12:00:00Z"`) {
				t.Errorf("the second time: %+v", again)
			}
		})
	}
}

// The errors of a 422 are the findings that refuse the agent, with their codes.
func TestRefusedAgentIsAProblemWithTheFindingsCodes(t *testing.T) {
	t.Parallel()
	put, show := agentRoutes(`{
		"adcp": {"idempotency": {"supported": true}},
		"request_signing": {"supported": true},
		"webhook_signing": {"supported": true, "algorithms": ["RSA"]}
	}`)
	e := request(t, "agents")
	p := wantProblem(t, call(t, put, e), 422, "agent_refused")
	if len(p.Errors) != 2 || p.Detail == "" {
		t.Fatalf("got %+v", p)
	}
	algorithm, signature := p.Errors[0], p.Errors[1]
	if algorithm.Field != "webhook_signing.algorithms[0]" || algorithm.Code != "algorithm_not_allowed" ||
		!strings.Contains(algorithm.Rule, `"RSA"`) || algorithm.Remedy == "" {
		t.Errorf("got %+v", algorithm)
	}
	if signature.Field != "webhook_mode" || signature.Code != "signature_required" ||
		!strings.Contains(signature.Rule, "must be signed") || signature.Remedy == "" {
		t.Errorf("got %+v", signature)
	}
	wantProblem(t, call(t, show, as(routed("GET /v1/agents/{id}", "seller"), "acme")), 404, "not_found")
}

// An agent that is down is registered, and its discovery holds only findings.
func TestAgentThatIsDown(t *testing.T) {
	t.Parallel()
	put, _ := agentRoutes("")
	got := call(t, put, request(t, "agents"))
	if got.StatusCode != 201 ||
		!strings.Contains(got.Body, `"discovery":{"findings":[{"code":"agent_unreached"`) {
		t.Errorf("got %+v", got)
	}
}

func TestWrongEntryIsAProblem(t *testing.T) {
	t.Parallel()
	put, _ := agentRoutes(everyCapability)
	e := request(t, "agents")
	e.Body = `{"url":"https://s.example/mcp","transport":"smtp"}`
	p := wantProblem(t, call(t, put, e), 400, "invalid_request")
	if len(p.Errors) != 1 || p.Errors[0].Field != "transport" || p.Errors[0].Code != "invalid_value" {
		t.Errorf("got %+v", p)
	}
}
