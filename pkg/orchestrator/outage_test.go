package orchestrator_test

import (
	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/breaker"
	"adcp-orchestrator/pkg/circuit"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/orchestrator"
	"adcp-orchestrator/pkg/registry"
	"adcp-orchestrator/pkg/store/memory"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"
)

// patchy is agents of which one may be down.
type patchy struct {
	down  string
	calls map[string]int
}

func (p *patchy) Discover(context.Context, registry.Agent) (registry.Profile, error) {
	return registry.Profile{PollTool: "get_task_status", Capabilities: adcp.Capabilities{Idempotency: adcp.IdempotencyOffer{Support: adcp.Supported}}}, nil
}

func (p *patchy) Call(_ context.Context, a registry.Agent, _ string, _ json.RawMessage) (adcp.Response, error) {
	p.calls[a.ID]++
	if a.ID == p.down {
		return adcp.Response{}, &adcp.CallError{Outcome: adcp.Unsent, Cause: errors.New("refused")}
	}
	return adcp.Response{Payload: json.RawMessage(fmt.Sprintf(`{"status":"submitted","task_id":"%s_%d"}`, a.ID, p.calls[a.ID]))}, nil
}

// contract M4: an open circuit makes operations wait and fails none; one call finds out when the agent is back; other agents' operations notice nothing.
func TestOutageOfOneAgent(t *testing.T) {
	t.Parallel()
	at := now
	clock := func() time.Time { return at }
	s := memory.New(clock)
	deps := orchestrator.Deps{Now: clock, Jitter: func() float64 { return 0 }}
	agents := &patchy{down: "sick", calls: map[string]int{}}
	dispatch := orchestrator.Dispatch{Store: s, Agents: agents, Deps: deps, Breaker: breaker.New(s, circuit.Default, time.Minute, deps.Now, deps.Jitter)}
	submit := orchestrator.Submit{Store: s, Workflow: notStarted{}, Deps: deps, BaseURL: "https://api.example"}
	buy := func(agent string, n int) string {
		t.Helper()
		order, err := orchestrator.ParseSubmitRequest([]byte(`{"agent_id":"` + agent + `","type":"create_media_buy","request":{"account":{"account_id":"x"},"brand":{"domain":"d"},
			"start_time":"asap","end_time":"2027-06-30T23:59:59Z","packages":[{}]}}`))
		if err != nil {
			t.Fatal(err)
		}
		op, _, err := submit.Run(t.Context(), "acme", fmt.Sprint(agent, n), order)
		if err != nil {
			t.Fatal(err)
		}
		return op.ID
	}
	run := func(id string) (operation.Decision, operation.Operation) {
		t.Helper()
		step, err := dispatch.Run(t.Context(), "acme", id)
		if err != nil {
			t.Fatal(err)
		}
		op, err := s.Get(t.Context(), "acme", id)
		if err != nil {
			t.Fatal(err)
		}
		return step, op
	}
	for _, id := range []string{"sick", "well"} {
		a := registry.Agent{Tenant: "acme", ID: id, URL: "https://" + id + ".example/mcp", Transport: registry.MCP, WebhookMode: operation.WebhookRFC9421, Version: 1}
		if err := s.PutAgent(t.Context(), a); err != nil {
			t.Fatal(err)
		}
	}
	var waiting []string
	for n := range 20 {
		id := buy("sick", n)
		waiting = append(waiting, id)
		step, op := run(id)
		if step.Next != operation.NextRetry || op.State != operation.CallingAdCP || op.Error != nil || op.Call.Unclear {
			t.Fatalf("operation %d: %+v, %s", n, step, op.State)
		}
		if step, op := run(buy("well", n)); op.State != operation.Submitted || step.Next != operation.NextAwait {
			t.Fatalf("an operation with the other agent: %+v, %s", step, op.State)
		}
	}
	if agents.calls["sick"] != circuit.Default.Failures || agents.calls["well"] != 20 {
		t.Errorf("calls: %v", agents.calls)
	}
	at = at.Add(time.Minute) // the pause is over: one call finds out, and fails
	for _, id := range waiting {
		run(id)
	}
	if agents.calls["sick"] != circuit.Default.Failures+1 {
		t.Errorf("%d calls of an agent that is still down", agents.calls["sick"])
	}
	agents.down = ""
	at = at.Add(time.Hour)
	for _, id := range waiting {
		if step, op := run(id); op.State != operation.Submitted || op.Attention != nil || step.Next != operation.NextAwait {
			t.Errorf("after the outage: %+v, %s, %+v", step, op.State, op.Attention)
		}
	}
	if calls := agents.calls["sick"] - circuit.Default.Failures - 1; calls != len(waiting) {
		t.Errorf("%d calls for %d operations", calls, len(waiting))
	}
}
