package orchestrator_test

import (
	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/orchestrator"
	"adcp-orchestrator/pkg/registry"
	"adcp-orchestrator/pkg/store/memory"
	"context"
	"encoding/json"
	"fmt"
	"testing"
)

// choosy is an agent that takes polls in no version of ours, as a real one was seen to do.
type choosy struct{ asked []map[string]any }

func (c *choosy) Discover(context.Context, registry.Agent) (registry.Profile, error) {
	return registry.Profile{PollTool: "get_task_status"}, nil
}

func (c *choosy) Call(_ context.Context, _ registry.Agent, _ string, arguments json.RawMessage) (adcp.Response, error) {
	var in map[string]any
	if err := json.Unmarshal(arguments, &in); err != nil {
		return adcp.Response{}, err
	}
	c.asked = append(c.asked, in)
	if in["adcp_version"] != nil {
		return adcp.Response{Err: &adcp.Error{Code: "VERSION_UNSUPPORTED", Recovery: adcp.Correctable}}, nil
	}
	return adcp.Response{Payload: json.RawMessage(`{"status":"working","task_id":"task_1","task_type":"create_media_buy"}`)}, nil
}

// contract B31: asked once more, with a key of its own (C5), before it counts as missed.
func TestPollLetsTheAgentChooseTheVersion(t *testing.T) {
	t.Parallel()
	s := memory.New(clock)
	op := operation.Operation{Tenant: "acme", ID: "op_1", Type: adcp.CreateMediaBuy, AgentID: "seller", State: operation.Submitted, Version: 1, TaskID: "task_1",
		Target: operation.Target{URL: "https://s.example/mcp", Transport: "mcp"}, Deadline: now, FollowUntil: now.Add(operation.FollowFor), CreatedAt: now}
	if err := s.Create(t.Context(), orchestrator.NewOperation{Op: op, Request: json.RawMessage(`{"account":{"account_id":"a"}}`), KeyHash: "k"}); err != nil {
		t.Fatal(err)
	}
	agent, keys := &choosy{}, 0
	poll := orchestrator.Poll{Store: s, Agents: agent, Deps: orchestrator.Deps{Now: clock, Jitter: func() float64 { return 0 }},
		NewKey: func() string { keys++; return fmt.Sprintf("key-%d", keys) }}
	if _, err := poll.Run(t.Context(), "acme", "op_1"); err != nil {
		t.Fatal(err)
	}
	got, err := s.Get(t.Context(), "acme", "op_1")
	if err != nil || got.State != operation.Working || got.Attempts.PollErrors != 0 || got.Attempts.Polls != 1 {
		t.Errorf("%s after %+v, %v", got.State, got.Attempts, err)
	}
	if len(agent.asked) != 2 || agent.asked[0]["idempotency_key"] == agent.asked[1]["idempotency_key"] || agent.asked[1]["account"] == nil {
		t.Errorf("asked %v", agent.asked)
	}
}
