package orchestrator_test

import (
	"strings"
	"testing"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/registry"
)

// lookUpOnce makes a purchase at an agent, polls once, and returns the operation.
func lookUpOnce(t *testing.T, agent *lossyAgent) (*harness, operation.Operation) {
	t.Helper()
	h := newHarnessWith(t, agent, buySubmission)
	h.dispatch()
	h.poll()
	if agent.calls != 1 {
		t.Errorf("the purchase was called %d times", agent.calls)
	}
	return h, h.op()
}

// The schema's default is to list active buys only, and what was bought just now is not active.
func TestLookUpFindsABuyInEveryStatus(t *testing.T) {
	t.Parallel()
	ends := map[string]operation.State{"rejected": operation.Rejected, "canceled": operation.Canceled}
	for _, status := range mediaBuyStatuses {
		t.Run(status, func(t *testing.T) {
			t.Parallel()
			want := operation.Completed
			if end, ok := ends[status]; ok {
				want = end
			}
			if _, op := lookUpOnce(t, &lossyAgent{status: status}); op.State != want {
				t.Errorf("%s, want %s", op.State, want)
			}
		})
	}
}

// The account adds nothing to the id in the context, and some agents refuse it. They are asked once
// The account adds nothing to the id in the context, and some agents refuse it. They are asked once
// more without it, and only once.
func TestLookUpLeavesOutWhatTheAgentRefuses(t *testing.T) {
	t.Parallel()
	refusal := func(code, field string) *adcp.Error {
		recovery, known := adcp.RecoveryOf(code)
		return &adcp.Error{Code: code, Field: field, Recovery: recovery, Assumed: !known}
	}
	for name, tc := range map[string]struct {
		agent   lossyAgent
		found   bool
		lookUps int
	}{
		"account, without a field": {
			lossyAgent{refuses: map[string]*adcp.Error{"account": refusal("VALIDATION_ERROR", "")}}, true, 2,
		},
		"account, named": {
			lossyAgent{refuses: map[string]*adcp.Error{"account": refusal("FIELD_NOT_PERMITTED", "$.account.account_id")}},
			true, 2,
		},
		"account, on each of three pages": {
			lossyAgent{pagesBefore: 2, refuses: map[string]*adcp.Error{"account": refusal("UNSUPPORTED_FEATURE", "account")}},
			true, 4,
		},
		"the filter, which an older agent does not know": {
			lossyAgent{refuses: map[string]*adcp.Error{"status_filter": refusal("INVALID_REQUEST", "status_filter[0]")}},
			true, 2,
		},
		"the filter, without a field": {
			lossyAgent{refuses: map[string]*adcp.Error{"status_filter": refusal("VALIDATION_ERROR", "")}}, true, 3,
		},
		"the account, under a code of a framework": {
			lossyAgent{refuses: map[string]*adcp.Error{"account": refusal("TOOL_EXECUTION_FAILED", "")}}, true, 2,
		},
		"account and key, without a field": {
			lossyAgent{refuses: map[string]*adcp.Error{
				"account": refusal("VALIDATION_ERROR", ""), "idempotency_key": refusal("VALIDATION_ERROR", ""),
			}}, true, 6,
		},
		"the version": {
			lossyAgent{refuses: map[string]*adcp.Error{"adcp_version": refusal("VERSION_UNSUPPORTED", "")}}, true, 2,
		},
		"the pages, which it can't be asked without": {
			lossyAgent{refuses: map[string]*adcp.Error{"pagination": refusal("INVALID_REQUEST", "pagination.max_results")}},
			false, 1,
		},
		"everything": {
			// As it is, then without each of four members, then without all of them.
			lossyAgent{refuses: map[string]*adcp.Error{"pagination": refusal("INVALID_REQUEST", "")}}, false, 6,
		},
		"us, whatever we ask": {
			lossyAgent{refuses: map[string]*adcp.Error{"account": refusal("ACCOUNT_SUSPENDED", "account")}}, false, 1,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			agent := tc.agent
			agent.status = "active"
			h, op := lookUpOnce(t, &agent)
			if (op.State == operation.Completed) != tc.found || agent.lookUps != tc.lookUps || h.keys != tc.lookUps {
				t.Errorf("%s after %d look-ups with %d keys", op.State, agent.lookUps, h.keys)
			}
		})
	}
}

// A person has to know that no look-up will ever find the buy. It is one attention, raised once.
func TestListWithoutContextsSaysSoInAttention(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		agent lossyAgent
		says  bool
	}{
		"no item has one":           {lossyAgent{status: "active", hidesContexts: true}, true},
		"others have one":           {lossyAgent{losesPurchase: true}, false},
		"the list goes on for ever": {lossyAgent{status: "active", hidesContexts: true, pagesBefore: 1000}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			agent := tc.agent
			h, op := lookUpOnce(t, &agent)
			a := op.Attention
			if a == nil || a.Reason != operation.OutcomeUnclear || strings.Contains(a.Detail, "no contexts") != tc.says {
				t.Fatalf("attention %+v", a)
			}
			h.poll()
			h.poll()
			if later := h.op().Attention; *later != *a {
				t.Errorf("%+v became %+v", a, later)
			}
		})
	}
}

// contract A9: a seller that shows confirmed_at null has not committed itself. It has the request,
// so the operation is submitted, and it ends when the seller has decided.
func TestBuyThatIsNotConfirmedWaitsInEveryState(t *testing.T) {
	t.Parallel()
	const unconfirmed, confirmed = `,"confirmed_at":null`, `,"confirmed_at":"2026-11-24T00:00:00Z"`
	for name, tc := range map[string]struct {
		answer string // to the call, which is lost if it is empty
		status string
		more   string
		state  operation.State
	}{
		"after a lost answer":                       {"", "pending_start", unconfirmed, operation.Submitted},
		"active, after a lost answer":               {"", "active", unconfirmed, operation.Submitted},
		"waiting for approval, after a lost answer": {"", "pending_approval", "", operation.Submitted},
		"a draft, after a lost answer":              {"", "draft", "", operation.Submitted},
		"in a status that no media buy has":         {"", "pending_manual", "", operation.Submitted},
		"of a task that is submitted": {
			`{"status":"submitted","task_id":"t_1"}`, "pending_start", unconfirmed, operation.Submitted,
		},
		"of a task that is working": {`{"status":"working"}`, "pending_start", unconfirmed, operation.Working},
		"of a task that needs input": {
			`{"status":"input-required"}`, "pending_start", unconfirmed, operation.InputRequired,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			agent := &lossyAgent{answer: tc.answer, status: tc.status, more: tc.more, noPolling: true}
			h, op := lookUpOnce(t, agent)
			if op.State != tc.state || op.Attention != nil && op.Attention.Reason == operation.OutcomeUnclear {
				t.Fatalf("%s, attention %+v", op.State, op.Attention)
			}
			agent.status, agent.more = "pending_start", confirmed
			h.poll()
			if op := h.op(); op.State != operation.Completed {
				t.Errorf("%s after the seller's confirmation", op.State)
			}
		})
	}
	t.Run("of a rejected buy it says nothing", func(t *testing.T) {
		t.Parallel()
		if _, op := lookUpOnce(t, &lossyAgent{status: "rejected", more: unconfirmed}); op.State != operation.Rejected {
			t.Errorf("%s", op.State)
		}
	})
	t.Run("of a task that is completed without a result", func(t *testing.T) {
		t.Parallel()
		agent := &fakeAgent{
			profile: registry.Profile{PollTool: "get_task_status", Tasks: []string{"create_media_buy", "get_media_buys"}},
			answers: []adcp.Response{submitted},
		}
		h := newHarness(t, agent)
		h.dispatch()
		bare := answerWith(`{"status":"completed","task_id":"task_1","task_type":"create_media_buy"}`)
		for range 10 {
			agent.answers = append(agent.answers, bare, answerWith(`{"media_buys":[{"media_buy_id":"mb_1",`+
				`"status":"pending_start","confirmed_at":null,"context":{"adcp_operation_id":"`+h.id+`"}}]}`))
			h.poll()
		}
		if op := h.op(); op.State != operation.Submitted {
			t.Errorf("%s", op.State)
		}
	})
}

// contract A14: an agent that says working or submitted, and names no task, has the request. It can
// only be looked up, like a request whose answer was lost.
func TestAcceptedWithoutATaskIsLookedUp(t *testing.T) {
	t.Parallel()
	for _, answer := range []string{`{"status":"working"}`, `{"status":"submitted"}`} {
		for name, tc := range map[string]struct {
			agent lossyAgent
			state operation.State
		}{
			"the buy is listed":     {lossyAgent{status: "pending_creatives"}, operation.Completed},
			"the buy is not listed": {lossyAgent{losesPurchase: true}, ""},
		} {
			t.Run(answer+", "+name, func(t *testing.T) {
				t.Parallel()
				agent := tc.agent
				agent.answer = answer
				_, op := lookUpOnce(t, &agent)
				if agent.lookUps == 0 || tc.state != "" && op.State != tc.state {
					t.Fatalf("%s after %d look-ups", op.State, agent.lookUps)
				}
				if tc.state == "" && (op.State.Terminal() || op.Attention == nil ||
					op.Attention.Reason != operation.OutcomeUnclear) {
					t.Errorf("%s with attention %+v", op.State, op.Attention)
				}
			})
		}
	}
}

// Nobody can follow such an operation at an agent without lists, so a person hears of it.
func TestAcceptedWithoutATaskOrAListGetsAttention(t *testing.T) {
	t.Parallel()
	agent := &fakeAgent{profile: buyProfile(), answers: []adcp.Response{answerWith(`{"status":"working"}`)}}
	h := newHarness(t, agent)
	h.dispatch()
	h.poll()
	first := h.op()
	if first.State != operation.Working || h.attention() != operation.OutcomeUnclear || len(agent.sent) != 1 {
		t.Fatalf("%s with attention %+v after %d calls", first.State, first.Attention, len(agent.sent))
	}
	h.poll()
	if later := h.op().Attention; *later != *first.Attention {
		t.Errorf("%+v became %+v", first.Attention, later)
	}
}

// A task that is found can be followed: what the agent left unclear is clear.
func TestTaskOfAWorkingOperationIsFound(t *testing.T) {
	t.Parallel()
	agent := &fakeAgent{
		profile: registry.Profile{
			PollTool: "get_task_status", ListTool: "list_tasks", Tasks: []string{"create_media_buy"},
		},
		answers: []adcp.Response{answerWith(`{"status":"working"}`), answerWith(`{"tasks":[]}`)},
	}
	h := newHarness(t, agent)
	h.dispatch()
	h.poll()
	if h.attention() != operation.OutcomeUnclear {
		t.Fatalf("attention %q", h.attention())
	}
	agent.answers = append(agent.answers, agent.answers[1], answerWith(`{"tasks":[{"task_id":"t_1",`+
		`"task_type":"create_media_buy","status":"working","context":{"adcp_operation_id":"`+h.id+`"}}]}`))
	h.poll()
	if op := h.op(); op.State != operation.Working || op.TaskID != "t_1" || op.Attention != nil {
		t.Errorf("%s, task %q, attention %+v", op.State, op.TaskID, op.Attention)
	}
}
