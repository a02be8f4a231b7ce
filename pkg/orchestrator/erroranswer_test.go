package orchestrator_test

import (
	"testing"
	"time"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/orchestrator"
	"adcp-orchestrator/pkg/registry"
)

// follow runs whatever the operation's decisions ask for until d has passed or a webhook is awaited
// without end. It returns after at most 400 steps.
func (h *harness) follow(d time.Duration) {
	h.t.Helper()
	end := h.at.Add(d)
	next := operation.NextRetry
	for range 400 {
		if !h.at.Before(end) || next == operation.NextSettle || next == operation.NextGiveUp {
			return
		}
		if next == operation.NextRetry {
			next = h.dispatch().Next
		} else {
			next = h.poll().Next
		}
	}
}

// purchases are the calls with the purchase.
func (f *fakeAgent) purchases() (n int) {
	for _, tool := range f.tools {
		if tool == "create_media_buy" {
			n++
		}
	}
	return n
}

// What an agent carries out at once has no task. If it answers with an error after that, its empty
// list of tasks does not show that nothing was bought (contract G17).
func TestPurchaseIsNotSentAgainBecauseNoTaskIsListed(t *testing.T) {
	t.Parallel()
	profile := buyProfile()
	profile.ListTool = "list_tasks"
	noTasks := answerWith(`{"tasks":[],"pagination":{"has_more":false}}`)
	h := newHarness(t, &fakeAgent{profile: profile, answers: []adcp.Response{
		errorWith("SERVICE_UNAVAILABLE", ""), noTasks,
	}})
	h.dispatch()
	if h.poll(); h.attention() != operation.OutcomeUnclear {
		t.Errorf("attention %q", h.attention())
	}
	h.follow(6 * 24 * time.Hour)
	if n := h.agent.purchases(); n != 1 || h.op().State != operation.CallingAdCP {
		t.Errorf("%s after %d calls of the purchase", h.op().State, n)
	}
}

// A seller that buys and then answers with a failure of its own has bought. If it does not
// deduplicate, a second call buys twice (contract C19, C29).
func TestErrorThatProvesNothingIsNotSentAgain(t *testing.T) {
	t.Parallel()
	for _, code := range []string{"SERVICE_UNAVAILABLE", "GOVERNANCE_UNAVAILABLE", "STALE_RESPONSE",
		"SIGNED_RESPONSE_ENVELOPE_EXPIRED", "CONFLICT", "INTERNAL_ERROR", "IDEMPOTENCY_CONFLICT",
		"IDEMPOTENCY_IN_FLIGHT", "IDEMPOTENCY_EXPIRED", "COMMITTED_RESOURCE_PURGED"} {
		t.Run(code, func(t *testing.T) {
			t.Parallel()
			h := newHarness(t, &fakeAgent{profile: buyProfile(), answers: []adcp.Response{errorWith(code, "")}})
			h.follow(6 * 24 * time.Hour)
			if n := h.agent.purchases(); n != 1 {
				t.Errorf("the purchase was called %d times", n)
			}
			if op := h.op(); op.State != operation.CallingAdCP || h.attention() != operation.OutcomeUnclear {
				t.Errorf("%s with attention %q", op.State, h.attention())
			}
		})
	}
}

// A refusal proves that nothing was done, whoever answers it (contract C29, D27).
func TestRefusalEndsThePurchase(t *testing.T) {
	t.Parallel()
	for _, code := range []string{"BUDGET_TOO_LOW", "PRODUCT_UNAVAILABLE", "POLICY_VIOLATION", "VALIDATION_ERROR"} {
		t.Run(code, func(t *testing.T) {
			t.Parallel()
			h := newHarness(t, &fakeAgent{profile: buyProfile(), answers: []adcp.Response{errorWith(code, "")}})
			h.follow(time.Hour)
			if op := h.op(); op.State != operation.Failed || op.Error.Code != code {
				t.Errorf("%s with %+v", op.State, op.Error)
			}
		})
	}
}

// An agent that answers the same error for ever is not called for ever, and a person is told
// (contract D27).
func TestErrorsAreSentAgainWithinBounds(t *testing.T) {
	t.Parallel()
	replays := buyProfile()
	replays.Capabilities.Idempotency = adcp.IdempotencyOffer{Support: adcp.Supported, ReplayTTL: 30 * 24 * time.Hour}
	for code, most := range map[string]int{
		"RATE_LIMITED":              21,
		"SERVICE_UNAVAILABLE":       21,
		"GOVERNANCE_UNAVAILABLE":    11,
		"INTERNAL_ERROR":            4,
		"IDEMPOTENCY_CONFLICT":      4,
		"CAMPAIGN_SUSPENDED":        1,
		"CONFLICT":                  1,
		"COMMITTED_RESOURCE_PURGED": 1,
	} {
		t.Run(code, func(t *testing.T) {
			t.Parallel()
			h := newHarness(t, &fakeAgent{profile: replays, answers: []adcp.Response{errorWith(code, "")}})
			h.follow(6 * 24 * time.Hour)
			if n := h.agent.purchases(); n < min(most, 2) || n > most {
				t.Errorf("the purchase was called %d times, want at most %d", n, most)
			}
			if op := h.op(); op.State != operation.CallingAdCP || op.Attention == nil {
				t.Errorf("%s with attention %q", op.State, h.attention())
			}
		})
	}
}

// A code that nobody knows, without a recovery, is a failure for now: the task is sent again a few
// times and never for ever, and does not end as failed (contract D7, D10, D11).
func TestUnknownCodeIsSentAgainAFewTimes(t *testing.T) {
	t.Parallel()
	later := errorWith("TEMPORARILY_UNAVAILABLE", "")
	for name, c := range map[string]struct {
		answers []adcp.Response
		calls   int
		state   operation.State
	}{
		"for ever":     {[]adcp.Response{later}, 4, operation.CallingAdCP},
		"for a while":  {[]adcp.Response{later, later, answerWith(`{"products":[]}`)}, 3, operation.Completed},
		"said to last": {[]adcp.Response{{Err: &adcp.Error{Code: "X_ODD", Recovery: adcp.Terminal}}}, 1, operation.Failed},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			agent := &fakeAgent{profile: registry.Profile{Tasks: []string{"get_products"}}, answers: c.answers}
			h := newHarnessWith(t, agent,
				`{"agent_id":"seller","type":"get_products","request":{"buying_mode":"brief","brief":"shoes"}}`)
			h.follow(6 * 24 * time.Hour)
			if op := h.op(); len(agent.sent) != c.calls || op.State != c.state ||
				(op.Attention == nil) != op.State.Terminal() {
				t.Errorf("%s after %d calls, with attention %q", op.State, len(agent.sent), h.attention())
			}
		})
	}
}

// A person who has removed the cause sends the request again by a redrive.
func TestRedriveSendsAgainAfterTooManyErrors(t *testing.T) {
	t.Parallel()
	h := newHarness(t, &fakeAgent{profile: buyProfile(),
		answers: []adcp.Response{errorWith("CAMPAIGN_SUSPENDED", ""), submitted}})
	h.follow(time.Hour)
	if h.agent.purchases() != 1 || h.attention() != operation.AgentAnswersError {
		t.Fatalf("%d calls, attention %q", h.agent.purchases(), h.attention())
	}
	redrive := orchestrator.Redrive{Store: h.store, Workflow: h.workflow, Deps: h.deps}
	if _, _, err := redrive.Run(t.Context(), "acme", h.id, orchestrator.Act{}); err != nil {
		t.Fatal(err)
	}
	h.dispatch()
	if op := h.op(); h.agent.purchases() != 2 || op.State != operation.Submitted || op.Attention != nil {
		t.Errorf("%d calls, %s with attention %q", h.agent.purchases(), op.State, h.attention())
	}
}

// What was purged was carried out, and stands: the operation does not fail (contract C29).
func TestPurgedPurchaseIsNoFailure(t *testing.T) {
	t.Parallel()
	h := newHarness(t, &fakeAgent{profile: buyProfile(),
		answers: []adcp.Response{errorWith("COMMITTED_RESOURCE_PURGED", "")}})
	h.dispatch()
	if op := h.op(); op.State != operation.CallingAdCP || !op.Call.Unclear {
		t.Errorf("%s, unclear is %v", op.State, op.Call.Unclear)
	}
}

// An agent that shortens its replay time, or stops to deduplicate, after the first call does not
// replay what came before; nor does a longer offer cover it.
func TestReplayTimeOfTheFirstCallCounts(t *testing.T) {
	t.Parallel()
	for name, first := range map[string]adcp.IdempotencyOffer{
		"the agent offers replay only later": {},
		"the agent offers more later":        {Support: adcp.Supported, ReplayTTL: time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := registry.Profile{PollTool: "get_task_status", Tasks: []string{"create_media_buy"}}
			p.Capabilities.Idempotency = first
			h := newHarness(t, &fakeAgent{profile: p, answers: []adcp.Response{errorWith("SERVICE_UNAVAILABLE", "")}})
			h.dispatch()
			h.agent.profile.Capabilities.Idempotency = adcp.IdempotencyOffer{Support: adcp.Supported, ReplayTTL: 24 * time.Hour}
			before := h.agent.purchases()
			h.at = h.at.Add(2 * time.Hour)
			h.follow(12 * time.Hour)
			if n := h.agent.purchases() - before; n != 0 {
				t.Errorf("the purchase was called %d times after its replay time", n)
			}
		})
	}
}
