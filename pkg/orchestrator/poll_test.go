package orchestrator_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/breaker"
	"adcp-orchestrator/pkg/circuit"
	"adcp-orchestrator/pkg/notice"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/orchestrator"
	"adcp-orchestrator/pkg/registry"
	"adcp-orchestrator/pkg/store"
	"adcp-orchestrator/pkg/store/memory"
)

// versionlessAgent refuses polls that name a version, as a real agent was seen to do.
type versionlessAgent struct{ polls []map[string]any }

func (*versionlessAgent) Discover(context.Context, registry.Agent) (registry.Profile, error) {
	return registry.Profile{PollTool: "get_task_status"}, nil
}

func (v *versionlessAgent) Call(_ context.Context, _ registry.Agent, _ string, arguments json.RawMessage) (
	adcp.Response, error) {
	var in map[string]any
	if err := json.Unmarshal(arguments, &in); err != nil {
		return adcp.Response{}, err
	}
	v.polls = append(v.polls, in)
	if in["adcp_version"] != nil {
		return adcp.Response{Err: &adcp.Error{Code: "VERSION_UNSUPPORTED", Recovery: adcp.Correctable}}, nil
	}
	return answerWith(`{"status":"working","task_id":"task_1","task_type":"create_media_buy"}`), nil
}

// contract B31: the poll is sent once more, with its own key (contract C5), before it counts as
// failed.
func TestPollLetsTheAgentChooseTheVersion(t *testing.T) {
	t.Parallel()
	clock := func() time.Time { return now }
	s := memory.New(clock)
	op := operation.Operation{
		Tenant:      "acme",
		ID:          "op_1",
		Type:        adcp.CreateMediaBuy,
		AgentID:     "seller",
		State:       operation.Submitted,
		Version:     1,
		TaskID:      "task_1",
		Target:      operation.Target{URL: "https://s.example/mcp", Transport: "mcp"},
		Deadline:    now,
		FollowUntil: now.Add(operation.FollowFor),
		CreatedAt:   now,
	}
	request := json.RawMessage(`{"account":{"account_id":"a"}}`)
	err := s.Create(t.Context(), orchestrator.NewOperation{Op: op, Request: request, KeyHash: "k"})
	if err != nil {
		t.Fatal(err)
	}
	agent, keys := &versionlessAgent{}, 0
	poll := orchestrator.Poll{
		Store:  s,
		Agents: agent,
		Deps:   orchestrator.Deps{Now: clock, Jitter: func() float64 { return 0 }},
		NewKey: func() string { keys++; return fmt.Sprintf("key-%d", keys) },
	}
	if _, err := poll.Run(t.Context(), "acme", "op_1"); err != nil {
		t.Fatal(err)
	}
	got, err := s.Get(t.Context(), "acme", "op_1")
	if err != nil || got.State != operation.Working || got.Attempts.PollErrors != 0 || got.Attempts.Polls != 1 {
		t.Errorf("%s after %+v, %v", got.State, got.Attempts, err)
	}
	if len(agent.polls) != 2 || agent.polls[0]["idempotency_key"] == agent.polls[1]["idempotency_key"] ||
		agent.polls[1]["account"] == nil {
		t.Errorf("polled with %v", agent.polls)
	}
}

// A task that is completed without a result is polled again, searched for among the buys if the
// agent lists them, and in the end believed.
func TestCompletedWithoutAResult(t *testing.T) {
	t.Parallel()
	bare := answerWith(`{"status":"completed","task_id":"task_1","task_type":"create_media_buy"}`)
	for name, tc := range map[string]struct {
		tasks  []string
		then   []adcp.Response // ID stands for the operation's id
		polls  int
		result string
		reason operation.Reason
	}{
		"a later poll has it": {
			nil,
			[]adcp.Response{bare, answerWith(`{"status":"completed","task_id":"task_1","result":{"media_buy_id":"mb_1"}}`)},
			2, `{"media_buy_id":"mb_1"}`, "",
		},
		"it is found among the buys": {
			[]string{"create_media_buy", "get_media_buys"},
			[]adcp.Response{
				bare,
				answerWith(`{"media_buys":[{"media_buy_id":"mb_1","context":{"adcp_operation_id":"ID"}}]}`),
			},
			1, "mb_1", "",
		},
		"the agent is believed without one": {
			nil,
			[]adcp.Response{bare},
			6, "", operation.ResultMissing,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			agent := &fakeAgent{profile: registry.Profile{PollTool: "get_task_status", Tasks: tc.tasks}}
			h := newHarness(t, agent)
			agent.answers = []adcp.Response{submitted}
			for _, r := range tc.then {
				agent.answers = append(agent.answers, answerWith(strings.ReplaceAll(string(r.Payload), "ID", h.id)))
			}
			h.dispatch()
			polls := 0
			for !h.op().State.Terminal() && polls < 10 {
				h.poll()
				polls++
			}
			r, err := h.store.Load(t.Context(), "acme", h.id)
			if err != nil || r.Op.State != operation.Completed || polls != tc.polls ||
				!strings.Contains(string(r.Result), tc.result) {
				t.Errorf("%s after %d polls with %s, %v", r.Op.State, polls, r.Result, err)
			}
			if h.attention() != tc.reason {
				t.Errorf("attention %+v", r.Op.Attention)
			}
		})
	}
}

// If it is known that there is no tool to poll by, the agent is not called and the breaker's tokens
// are left alone.
func TestPollWithoutAToolMakesNoCall(t *testing.T) {
	t.Parallel()
	agent := &fakeAgent{answers: []adcp.Response{submitted}}
	h := newHarness(t, agent)
	h.dispatch()
	h.breaker = breaker.New(unusedCircuits{t: t}, breaker.Options{Policy: circuit.Default, Now: h.deps.Now})
	if d := h.poll(); d.Next != operation.NextAwait || len(agent.sent) != 1 || h.op().Attempts.Polls != 1 {
		t.Errorf("%+v after %d calls", d, len(agent.sent))
	}
}

// unusedCircuits fails the test when the breaker uses its store.
type unusedCircuits struct {
	breaker.Store
	t *testing.T
}

func (u unusedCircuits) Circuit(context.Context, string, string) (store.Document, error) {
	u.t.Error("the circuit was read")
	return store.Document{}, store.ErrNotFound
}

func (u unusedCircuits) PutCircuit(context.Context, string, string, store.Document, ...notice.Notice) error {
	u.t.Error("the circuit was written")
	return nil
}

// An agent that looks tasks up by their ids alone may refuse the account. It is asked once more
// without it, under another key, and it does not look as if the agent refused us.
func TestPollLeavesOutTheAccountThatTheAgentRefuses(t *testing.T) {
	t.Parallel()
	for name, refusal := range map[string]*adcp.Error{
		"named":           {Code: "VALIDATION_ERROR", Field: "account", Recovery: adcp.Correctable},
		"without a field": {Code: "INVALID_REQUEST", Recovery: adcp.Correctable},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			done := answerWith(`{"status":"completed","task_id":"task_1","task_type":"create_media_buy",` +
				`"result":{"media_buy_id":"mb_1","packages":[]}}`)
			agent := &fakeAgent{profile: buyProfile(), answers: []adcp.Response{submitted, {Err: refusal}, done}}
			h := newHarness(t, agent)
			h.dispatch()
			h.poll()
			if op := h.op(); op.State != operation.Completed || op.Attempts.PollErrors != 0 || h.keys != 2 {
				t.Errorf("%s after %d failed polls with %d keys", op.State, op.Attempts.PollErrors, h.keys)
			}
			if last := agent.sent[len(agent.sent)-1]; strings.Contains(last, `"account"`) {
				t.Errorf("asked with %s", last)
			}
		})
	}
}
