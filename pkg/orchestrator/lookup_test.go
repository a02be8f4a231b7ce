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
	"strings"
	"testing"
)

// lossy carries a purchase out and loses its answer. It deduplicates nothing: a second call would buy a second time.
type lossy struct {
	calls, looks int
	bought       json.RawMessage // the context of what was bought
	lose         bool            // the purchase, too
	hidden       int             // pages before the one that has the buy
	status       string
	refuse       *adcp.Error
}

func (l *lossy) Discover(context.Context, registry.Agent) (registry.Profile, error) {
	return registry.Profile{PollTool: "get_task_status", Tasks: []string{"create_media_buy", "get_media_buys"}, Capabilities: adcp.Capabilities{Idempotency: adcp.IdempotencyOffer{Support: adcp.Unsupported}}}, nil
}

func (l *lossy) Call(_ context.Context, _ registry.Agent, tool string, arguments json.RawMessage) (adcp.Response, error) {
	var in struct {
		Context    json.RawMessage
		Account    json.RawMessage
		Pagination struct{ Cursor string }
	}
	if err := json.Unmarshal(arguments, &in); err != nil {
		return adcp.Response{}, err
	}
	if tool == "create_media_buy" {
		l.calls++
		if !l.lose {
			l.bought = in.Context
		}
		return adcp.Response{}, &adcp.CallError{Outcome: adcp.Ambiguous}
	}
	l.looks++
	if l.refuse != nil {
		return adcp.Response{Err: l.refuse}, nil
	}
	buys := `{"media_buy_id":"mb_other","status":"active","context":{"adcp_operation_id":"op_other"}},{"media_buy_id":"mb_none","status":"active"}`
	page := strings.Count(in.Pagination.Cursor, "x")
	if l.bought != nil && page == l.hidden {
		buys += fmt.Sprintf(`,{"media_buy_id":"mb_1","status":%q,"context":%s,"packages":[]}`, l.status, l.bought)
	}
	return adcp.Response{Payload: json.RawMessage(fmt.Sprintf(`{"media_buys":[%s],"pagination":{"has_more":%v,"cursor":%q}}`, buys, page < l.hidden, in.Pagination.Cursor+"x"))}, nil
}

// contract C16, C19, G10: a purchase whose answer was lost at an agent that doesn't deduplicate is looked for, and never made again.
func TestLostPurchaseIsFound(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		agent lossy
		state operation.State
		looks int
	}{
		"bought":                {lossy{status: "active"}, operation.Completed, 1},
		"on the third page":     {lossy{status: "pending_creatives", hidden: 2}, operation.Completed, 3},
		"bought, then rejected": {lossy{status: "rejected"}, operation.Rejected, 1},
		"bought, then canceled": {lossy{status: "canceled"}, operation.Canceled, 1},
		"not bought":            {lossy{lose: true}, operation.CallingAdCP, 1},
		"not to be looked up":   {lossy{status: "active", refuse: &adcp.Error{Code: "RATE_LIMITED", Recovery: adcp.Transient}}, operation.CallingAdCP, 1},
		"behind pages on end":   {lossy{status: "active", hidden: 1000}, operation.CallingAdCP, 20},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := memory.New(clock)
			a := registry.Agent{Tenant: "acme", ID: "seller", URL: "https://s.example/mcp", Transport: registry.MCP, WebhookMode: operation.WebhookRFC9421, Version: 1}
			if err := s.PutAgent(t.Context(), a); err != nil {
				t.Fatal(err)
			}
			order, err := orchestrator.ParseSubmitRequest([]byte(`{"agent_id":"seller","type":"create_media_buy","request":{"account":{"account_id":"x"},"brand":{"domain":"d"},
				"start_time":"asap","end_time":"2027-06-30T23:59:59Z","packages":[{}],"context":{"mine":1}}}`))
			if err != nil {
				t.Fatal(err)
			}
			deps := orchestrator.Deps{Now: clock, Jitter: func() float64 { return 0 }}
			op, _, err := orchestrator.Submit{Store: s, Workflow: notStarted{}, Deps: deps, BaseURL: "https://api.example"}.Run(t.Context(), "acme", "k", order)
			if err != nil {
				t.Fatal(err)
			}
			agent, keys := tc.agent, 0
			step, err := orchestrator.Dispatch{Store: s, Agents: &agent, Deps: deps}.Run(t.Context(), "acme", op.ID)
			if err != nil || step.Next != operation.NextAwait {
				t.Fatalf("after the lost answer: %+v, %v", step, err)
			}
			poll := orchestrator.Poll{Store: s, Agents: &agent, Deps: deps, NewKey: func() string { keys++; return fmt.Sprintf("key-%d", keys) }}
			step, err = poll.Run(t.Context(), "acme", op.ID)
			if err != nil {
				t.Fatal(err)
			}
			r, err := s.Load(t.Context(), "acme", op.ID)
			if err != nil || r.Op.State != tc.state || agent.calls != 1 || agent.looks != tc.looks || keys != tc.looks {
				t.Errorf("%s after %d calls and %d looks with %d keys, %v", r.Op.State, agent.calls, agent.looks, keys, err)
			}
			if open := tc.state == operation.CallingAdCP; open != (r.Op.Attention != nil && r.Op.Attention.Reason == operation.OutcomeUnclear) || open != (step.Next == operation.NextAwait) {
				t.Errorf("attention %+v, next %s", r.Op.Attention, step.Next)
			}
			if tc.state == operation.Completed && !strings.Contains(string(r.Result), "mb_1") {
				t.Errorf("result %s", r.Result)
			}
			if agent.bought != nil && (!strings.Contains(string(agent.bought), `"mine":1`) || !strings.Contains(string(agent.bought), op.ID)) {
				t.Errorf("the agent was given the context %s", agent.bought)
			}
			// The task's own webhook, later, is the known end and no contradiction: a snapshot is compared with nothing (contract H5).
			if tc.state == operation.Completed {
				_, _, verdict := operation.Apply(r.Op, operation.Observation{Channel: operation.ByWebhook, At: now, Answer: adcp.Answer{Status: adcp.StatusCompleted,
					Value: json.RawMessage(`{"media_buy_id":"mb_1"}`)}})
				if verdict != operation.Duplicate {
					t.Errorf("the webhook is %s", verdict)
				}
			}
		})
	}
}

// contract J10: what was approved elsewhere is found, also where no task is known to poll; a buy that waits as well is none yet.
func TestApprovedElsewhereIsFound(t *testing.T) {
	t.Parallel()
	for status, state := range map[string]operation.State{"active": operation.Completed, "rejected": operation.Rejected, "pending_approval": operation.InputRequired} {
		t.Run(status, func(t *testing.T) {
			t.Parallel()
			x := try(t, &scripted{profile: registry.Profile{Tasks: []string{"create_media_buy", "get_media_buys"}}, answers: []adcp.Response{asks(placeA)}})
			x.dispatch()
			x.agent.answers = append(x.agent.answers, adcp.Response{Payload: []byte(`{"media_buys":[{"media_buy_id":"mb_1","status":"` + status + `","context":{"adcp_operation_id":"` + x.id + `"}}]}`)})
			x.poll()
			if op := x.op(); op.State != state || x.agent.tools[1] != "get_media_buys" {
				t.Errorf("%s, asked %v", op.State, x.agent.tools)
			}
		})
	}
}

// Agents without a polling tool show what a submitted task has made: PyPI's adcp 7 and 8 have none (seen on the wire).
func TestBuyOfATaskThatNothingTellsOfIsFound(t *testing.T) {
	t.Parallel()
	x := try(t, &scripted{profile: registry.Profile{Tasks: []string{"create_media_buy", "get_media_buys"}}, answers: []adcp.Response{submitted}})
	x.dispatch()
	listed := func(buys string) {
		x.agent.answers = append(x.agent.answers, adcp.Response{Payload: []byte(`{"media_buys":[` + buys + `]}`)})
	}
	listed("")
	x.poll()
	if op := x.op(); op.State != operation.Submitted || op.TaskID == "" || x.agent.tools[1] != "get_media_buys" {
		t.Fatalf("%s, task %q, asked %v", op.State, op.TaskID, x.agent.tools)
	}
	listed(`{"media_buy_id":"mb_1","status":"pending_approval","context":{"adcp_operation_id":"` + x.id + `"}}`)
	x.poll()
	if op := x.op(); op.State != operation.Submitted {
		t.Errorf("%s of a buy that is not approved", op.State)
	}
	listed(`{"media_buy_id":"mb_1","status":"pending_creatives","context":{"adcp_operation_id":"` + x.id + `"}}`)
	if step := x.poll(); step.Next != operation.NextSettle || x.op().State != operation.Completed {
		t.Errorf("%+v, %s", step, x.op().State)
	}
}
