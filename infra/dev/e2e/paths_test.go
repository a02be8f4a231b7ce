package e2e

import (
	"slices"
	"testing"

	"adcp-orchestrator/pkg/httpapi"
	"adcp-orchestrator/pkg/operation"
)

func TestEndedByWebhook(t *testing.T) {
	t.Parallel()
	h := newHarness(t, 120)
	op := h.waitSettled(t, h.buy(t, map[string]any{"delay_ms": 1500}).ID)
	checkEnded(t, op, operation.Completed, operation.ByWebhook)
	checkBoughtOnce(t, op)
	if op.Attempts.Polls != 0 || op.Attempts.Webhooks != 1 {
		t.Errorf("%d polls, %d webhooks", op.Attempts.Polls, op.Attempts.Webhooks)
	}
	states, events := h.executionHistory(t, op.ID)
	t.Logf("%d transitions, %d events: %v", len(states), events, states)
	if len(states) > 6 {
		t.Errorf("%d transitions for an operation that a webhook ends: %v", len(states), states)
	}
}

// Some agents can't sign, and use a legacy mode (contract F4).
func TestEndedByWebhookInEachLegacyMode(t *testing.T) {
	t.Parallel()
	for _, mode := range []operation.WebhookMode{operation.WebhookHMAC, operation.WebhookBearer} {
		t.Run(string(mode), func(t *testing.T) {
			t.Parallel()
			h := newHarness(t, 120)
			h.registerSeller(t, 120, mode)
			op := h.waitSettled(t, h.buy(t, map[string]any{"delay_ms": 700}).ID)
			checkEnded(t, op, operation.Completed, operation.ByWebhook)
			checkBoughtOnce(t, op)
			if op.WebhookMode != mode || op.Attempts.Polls != 0 {
				t.Errorf("mode %s, %d polls", op.WebhookMode, op.Attempts.Polls)
			}
		})
	}
}

func TestEndedByPollWithoutAWebhook(t *testing.T) {
	t.Parallel()
	h := newHarness(t, 1)
	op := h.waitSettled(t, h.buy(t, map[string]any{"delay_ms": 8000, "webhook": "none"}).ID)
	checkEnded(t, op, operation.Completed, operation.ByPoll)
	checkBoughtOnce(t, op)
	states, events := h.executionHistory(t, op.ID)
	t.Logf("%d polls, %d transitions, %d events: %v", op.Attempts.Polls, len(states), events, states)
	if op.Attempts.Polls < 1 || len(states) > 3+3*op.Attempts.Polls {
		t.Errorf("%d transitions for %d polls", len(states), op.Attempts.Polls)
	}
}

// The webhook can arrive before the answer to the call (contract F18).
func TestWebhookBeforeTheAnswerEndsTheOperation(t *testing.T) {
	t.Parallel()
	h := newHarness(t, 120)
	op := h.waitSettled(t, h.buy(t, map[string]any{"webhook": "early"}).ID)
	checkEnded(t, op, operation.Completed, operation.ByWebhook)
	checkBoughtOnce(t, op)
	if op.Events[2].Channel != operation.ByWebhook || op.Events[2].From != operation.CallingAdCP {
		t.Errorf("the webhook was not first:\n%s", timeline(op))
	}
}

// Agents deliver webhooks more than once (contract F79).
func TestDuplicateWebhookChangesNothing(t *testing.T) {
	t.Parallel()
	h := newHarness(t, 120)
	op := h.waitSettled(t, h.buy(t, map[string]any{"webhook": "duplicate", "delay_ms": 500}).ID)
	checkEnded(t, op, operation.Completed, operation.ByWebhook)
	checkBoughtOnce(t, op)
}

func TestLateWebhookIsIgnored(t *testing.T) {
	t.Parallel()
	h := newHarness(t, 1)
	behavior := map[string]any{"webhook": "late", "delay_ms": 500, "webhook_delay_ms": 12000}
	op := h.waitSettled(t, h.buy(t, behavior).ID)
	checkEnded(t, op, operation.Completed, operation.ByPoll)
	checkBoughtOnce(t, op)
	gotWebhook := func(op httpapi.Operation) bool { return op.Attempts.Webhooks >= 1 }
	late, err := h.Follow(t.Context(), op.ID, gotWebhook, nil)
	if err != nil {
		t.Fatal(err)
	}
	checkEnded(t, late, operation.Completed, operation.ByPoll)
	last := late.Events[len(late.Events)-1]
	if last.Kind != operation.EventIgnored || last.Channel != operation.ByWebhook {
		t.Errorf("the late webhook is not recorded as ignored:\n%s", timeline(late))
	}
}

func TestRefusalsOfTheAgentEndTheOperation(t *testing.T) {
	t.Parallel()
	for outcome, states := range map[string][]operation.State{
		"failed": {operation.Failed},
		// This seller reports a rejection as rejected by webhook, and as failed by poll.
		"rejected": {operation.Rejected, operation.Failed},
	} {
		for _, webhook := range []string{"normal", "none"} {
			t.Run(outcome+" with webhook "+webhook, func(t *testing.T) {
				t.Parallel()
				h := newHarness(t, 2)
				behavior := map[string]any{"outcome": outcome, "webhook": webhook, "delay_ms": 700}
				op := h.waitSettled(t, h.buy(t, behavior).ID)
				if !slices.Contains(states, op.State) {
					t.Errorf("ended as %s\n%s", op.State, timeline(op))
				}
				if op.AgentError == nil || op.AgentError.Code != "POLICY_VIOLATION" {
					t.Errorf("error %+v", op.AgentError)
				}
				if _, buys := readLedger(t).count(op.PONumber); buys != 0 {
					t.Errorf("%d buys", buys)
				}
			})
		}
	}
}

func TestImmediateAnswerEndsTheOperation(t *testing.T) {
	t.Parallel()
	h := newHarness(t, 120)
	op := h.waitSettled(t, h.buy(t, map[string]any{"outcome": "sync"}).ID)
	checkEnded(t, op, operation.Completed, operation.ByAnswer)
	checkBoughtOnce(t, op)
	if states, _ := h.executionHistory(t, op.ID); len(states) > 6 {
		t.Errorf("%v", states)
	}
}

// The seller's SDK leaves operation_id out by default. Such a delivery is not applied, but makes
// the next poll early.
func TestWebhookWithoutOperationIDCausesAnEarlyPoll(t *testing.T) {
	t.Parallel()
	h := newHarness(t, 100)
	op := h.waitSettled(t, h.buy(t, map[string]any{"operation_id": "omit", "delay_ms": 1500}).ID)
	checkEnded(t, op, operation.Completed, operation.ByPoll)
	checkBoughtOnce(t, op)
	if op.Attempts.EarlyPolls < 1 {
		t.Errorf("%d early polls\n%s", op.Attempts.EarlyPolls, timeline(op))
	}
}
