package orchestrator_test

import (
	"testing"
	"time"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/operation"
)

// What an agent's error in answer to an input does to the operation, and what comes next.
func TestErrorsInAnswerToAnInput(t *testing.T) {
	t.Parallel()
	fails := func(code string, r adcp.Recovery) adcp.Response {
		return adcp.Response{Err: &adcp.Error{Code: code, Recovery: r}}
	}
	workFailed := func(r adcp.Response) adcp.Response {
		r.WorkFailed = true
		return r
	}
	limited := fails("RATE_LIMITED", adcp.Transient)
	limited.Err.RetryAfter = time.Minute
	for name, tc := range map[string]struct {
		answer     adcp.Response
		state      operation.State
		generation int
		reason     operation.Reason
		next       operation.Next
	}{
		"a correctable error opens a new input request": {
			fails("INVALID_REQUEST", adcp.Correctable),
			operation.InputRequired, 2, operation.InputNeeded, operation.NextAwait,
		},
		"an unknown code proves nothing": {
			fails("X_ODD", adcp.Terminal),
			operation.InputRequired, 1, operation.OutcomeUnclear, operation.NextRetry,
		},
		"an error about our access is not about the buy": {
			fails("ACCOUNT_SUSPENDED", adcp.Terminal),
			operation.InputRequired, 2, operation.InputNeeded, operation.NextAwait,
		},
		"a terminal error alone is no end": {
			fails("BUDGET_EXHAUSTED", adcp.Terminal),
			operation.InputRequired, 2, operation.InputNeeded, operation.NextAwait,
		},
		"the work itself has failed": {
			workFailed(fails("BUDGET_EXHAUSTED", adcp.Terminal)),
			operation.Failed, 1, "", operation.NextSettle,
		},
		"the work has failed because of our access": {
			workFailed(fails("ACCOUNT_SUSPENDED", adcp.Terminal)),
			operation.InputRequired, 2, operation.InputNeeded, operation.NextAwait,
		},
		"the work has failed by AdCP's own status": {
			answerWith(`{"status":"rejected","errors":[{"code":"POLICY_VIOLATION","message":"no"}]}`),
			operation.Rejected, 1, "", operation.NextSettle,
		},
		"a transient error is retried": {
			limited,
			operation.InputRequired, 1, "", operation.NextRetry,
		},
		"a refused credential does not answer the input": {
			fails("AUTH_INVALID", adcp.Terminal),
			operation.InputRequired, 1, operation.AgentRefuses, operation.NextRetry,
		},
		"a known key may have carried it out": {
			fails("IDEMPOTENCY_CONFLICT", adcp.Correctable),
			operation.InputRequired, 1, operation.OutcomeUnclear, operation.NextRetry,
		},
		"no error: the work goes on and has ended": {
			answerWith(`{"status":"completed","media_buy_id":"mb_1","packages":[]}`),
			operation.Completed, 1, "", operation.NextSettle,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := inputHarness(t, tc.answer)
			h.mustSendInput(approval)
			d := h.dispatch()
			op := h.op()
			if op.State != tc.state || op.InputRequest.Generation != tc.generation || h.attention() != tc.reason ||
				d.Next != tc.next {
				t.Errorf("%s, input request %+v, attention %q, next %+v", op.State, op.InputRequest, h.attention(), d)
			}
			if tc.answer.Err != nil && tc.answer.Err.RetryAfter > 0 && d.Delay != 60 {
				t.Errorf("again after %d s", d.Delay)
			}
		})
	}
}
