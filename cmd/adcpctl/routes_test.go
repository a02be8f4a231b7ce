package main

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"strings"
	"testing"
	"time"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/apikey"
	"adcp-orchestrator/pkg/breaker"
	circuits "adcp-orchestrator/pkg/circuit"
	"adcp-orchestrator/pkg/httpapi"
	"adcp-orchestrator/pkg/keyring"
	"adcp-orchestrator/pkg/notice"
	"adcp-orchestrator/pkg/orchestrator"
	"adcp-orchestrator/pkg/outbox"
	"adcp-orchestrator/pkg/registry"
	"adcp-orchestrator/pkg/store/memory"
	"adcp-orchestrator/pkg/validation"
	"adcp-orchestrator/pkg/webhook"
)

// workflow starts and wakes nothing.
type workflow struct{}

func (workflow) Start(context.Context, string, string, int) error        { return nil }
func (workflow) Wake(context.Context, string, orchestrator.Wakeup) error { return nil }
func (workflow) Ensure(context.Context, string, string, int) (orchestrator.Execution, error) {
	return orchestrator.ExecutionRunning, nil
}

// noAgent is a sales agent that deduplicates and can be polled, and has bought nothing. One at an
// address with "down" in it is not reached.
type noAgent struct{}

func (noAgent) Discover(_ context.Context, a registry.Agent) (registry.Profile, error) {
	if strings.Contains(a.URL, "down") {
		return registry.Profile{}, &adcp.CallError{Outcome: adcp.Unsent, Cause: errors.New("refused")}
	}
	return registry.Profile{PollTool: "get_task_status", ListTool: "list_tasks",
		Tasks: []string{"create_media_buy", "get_media_buys", "update_media_buy"},
		Capabilities: adcp.ReadCapabilities(json.RawMessage(`{"adcp":{"major_versions":[3],"idempotency":` +
			`{"supported":true,"replay_ttl_seconds":86400}}}`))}, nil
}

func (noAgent) Call(_ context.Context, _ registry.Agent, tool string, _ json.RawMessage) (adcp.Response, error) {
	payload := map[string]string{"get_media_buys": `{"media_buys":[]}`, "list_tasks": `{"tasks":[]}`}[tool]
	if payload == "" {
		return adcp.Response{Err: &adcp.Error{Code: "REFERENCE_NOT_FOUND", Message: "no such thing"}}, nil
	}
	return adcp.Response{Payload: json.RawMessage(payload)}, nil
}

// bus takes every notice.
type bus struct{}

func (bus) Publish(_ context.Context, all []notice.Notice) []error { return make([]error, len(all)) }

// newBreaker gates the calls of the world's agents.
func newBreaker(s *memory.Store) *breaker.Breaker {
	return breaker.New(s, breaker.Options{Policy: circuits.Default, Bounds: breaker.DefaultBounds, Lease: time.Minute,
		Now: clock, Jitter: func() float64 { return 0 }, NewID: func() string { return "l" }})
}

// agentKeys are the keys that every agent's webhooks are checked with.
func agentKeys(context.Context, keyring.Sender) (keyring.View, error) {
	return keyring.View{JWKSURI: "https://nova-retail.example/jwks.json", PinnedAt: ago(720 * time.Hour),
		FetchedAt: ago(5 * time.Minute), Revocation: keyring.RevocationView{State: "current"},
		Keys: []keyring.KeyView{{KID: "nova-2026-10", Alg: "EdDSA", Use: "webhook-signing", FirstSeen: ago(720 * time.Hour)}},
	}, nil
}

func pinKeys(ctx context.Context, sender keyring.Sender, uri string) (keyring.View, error) {
	var c validation.Checks
	if !strings.HasSuffix(uri, ".json") {
		c.Add("jwks_uri", validation.InvalidValue, "must be what brand.json names", "correct it")
	}
	v, _ := agentKeys(ctx, sender)
	return v, c.Err()
}

// routes are httpapi's handlers over the store, wired as the functions wire them.
func (s *server) routes(t *testing.T, a httpapi.API) map[string]httpapi.Function {
	t.Helper()
	gate := newBreaker(s.store)
	deps := orchestrator.Deps{Now: clock, Jitter: func() float64 { return 0 }}
	submit := orchestrator.Submit{Store: s.store, Workflow: workflow{}, Deps: deps, BaseURL: s.URL}
	input := orchestrator.SendInput{Store: s.store, Workflow: workflow{}, Deps: deps}
	redrive := orchestrator.Redrive{Store: s.store, Workflow: workflow{}, Breaker: gate, Deps: deps}
	acts := orchestrator.Acts{Store: s.store, Workflow: workflow{}, Deps: deps,
		Buys: orchestrator.CancelBuys{Store: s.store, Workflow: workflow{}, Deps: deps}}
	resolve := orchestrator.Resolve{Store: s.store, Agents: noAgent{}, NewKey: func() string { return "key" },
		Breaker: gate, Workflow: workflow{}, Deps: deps}
	register := registry.Register{Store: s.store, Agents: noAgent{}, Now: clock,
		Checker: registry.Checker{CheckURL: func(string) error { return nil }}}
	overview := registry.Overview{Store: s.store, Breaker: gate}
	replayer := webhook.Replayer{Store: s.store, Now: clock,
		Apply: orchestrator.Receive{Store: s.store, Workflow: workflow{}, Deps: deps}}
	keys := apikey.Manager{Store: s.store, Now: clock, Random: &counter{seed: "keys"}}
	feed := outbox.Feed{Store: s.store, Now: clock}
	read, write, approve := apikey.ScopeOperationsRead, apikey.ScopeOperationsWrite, apikey.ScopeOperationsApprove
	routes := map[string]httpapi.Function{
		"POST /v1/operations":               a.ServeUncounted(write, a.Submit(submit)),
		"GET /v1/operations":                a.Serve(read, a.ListOperations(s.store)),
		"GET /v1/operations/counts":         a.Serve(read, a.CountOperations(s.store)),
		"GET /v1/operations/{id}":           a.Serve(read, a.ShowOperation(s.store, httpapi.Waits{})),
		"GET /v1/operations/{id}/events":    a.Serve(read, a.ListEvents(s.store)),
		"GET /v1/operations/{id}/request":   a.Serve(read, a.ShowRequest(s.store)),
		"GET /v1/operations/{id}/result":    a.Serve(read, a.ShowResult(s.store)),
		"POST /v1/operations/{id}/input":    a.Serve(approve, a.SendInput(input.Run)),
		"POST /v1/operations/{id}/cancel":   a.Serve(write, a.Cancel(acts.Cancel)),
		"DELETE /v1/operations/{id}/cancel": a.Serve(write, a.Act(acts.Withdraw)),
		"POST /v1/operations/{id}/poll":     a.Serve(write, a.PollNow(acts.Poll)),
		"POST /v1/operations/{id}/pause":    a.Serve(write, a.ActWithReason(acts.Pause)),
		"POST /v1/operations/{id}/resume":   a.Serve(write, a.ActWithReason(acts.Resume)),
		"POST /v1/operations/{id}/resolve":  a.Serve(approve, a.Resolve(resolve.Run)),
		"POST /v1/operations/{id}/redrive":  a.Serve(write, a.Redrive(redrive.Run)),
		"GET /v1/agents":                    a.Serve(apikey.ScopeAgentsRead, a.ListAgents(overview.Page)),
		"GET /v1/agents/{id}":               a.Serve(apikey.ScopeAgentsRead, a.ShowAgent(register.Show, overview.Of)),
		"PUT /v1/agents/{id}":               a.Serve(apikey.ScopeAgentsWrite, a.PutAgent(register.RunIf)),
		"DELETE /v1/agents/{id}":            a.Serve(apikey.ScopeAgentsWrite, a.DeleteAgent(register.Delete)),
		"POST /v1/agents/{id}/pause":        a.Serve(apikey.ScopeAgentsWrite, a.SetAgentBrake(s.store, true, clock)),
		"POST /v1/agents/{id}/resume":       a.Serve(apikey.ScopeAgentsWrite, a.SetAgentBrake(s.store, false, clock)),
		"POST /v1/agents/{id}/probe":        a.Serve(apikey.ScopeAgentsCall, a.ProbeAgent(register.Probe)),
		"GET /v1/agents/{id}/keys":          a.Serve(apikey.ScopeAgentsRead, a.ShowKeys(s.store, agentKeys)),
		"PUT /v1/agents/{id}/keys":          a.Serve(apikey.ScopeAgentsWrite, a.PinKeys(s.store, pinKeys)),
		"GET /v1/quarantine":                a.Serve(read, a.ListQuarantine(s.store)),
		"GET /v1/quarantine/{id}":           a.Serve(read, a.ShowQuarantined(s.store)),
		"POST /v1/quarantine/{id}/replay":   a.Serve(apikey.ScopeQuarantineWrite, a.ReplayQuarantined(replayer.Run)),
		"POST /v1/quarantine/{id}/discard":  a.Serve(apikey.ScopeQuarantineWrite, a.DiscardQuarantined(replayer.Discard)),
		"GET /v1/events":                    a.Serve(read, a.ListTold(feed)),
		"GET /v1/metrics":                   a.Serve(apikey.ScopeMetricsRead, a.ShowMetrics(s.store, clock)),
		"GET /v1/whoami":                    a.Serve("", a.Whoami("2026.11.1")),
		"GET /v1/api-keys":                  a.Serve(apikey.ScopeKeysWrite, a.ListKeys(keys)),
		"POST /v1/api-keys":                 a.Serve(apikey.ScopeKeysWrite, a.CreateKey(keys)),
		"GET /v1/api-keys/{id}":             a.Serve(apikey.ScopeKeysWrite, a.ShowKey(keys)),
		"DELETE /v1/api-keys/{id}":          a.Serve(apikey.ScopeKeysWrite, a.DeleteKey(keys)),
		"POST /v1/api-keys/{id}/roll":       a.Serve(apikey.ScopeKeysWrite, a.RollKey(keys)),
		"GET /v1/audit-events":              a.Serve(apikey.ScopeAuditRead, a.ListAudit(s.store)),
	}
	maps.Copy(routes, s.hookRoutes(a))
	return routes
}
