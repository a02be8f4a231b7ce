package e2e

import (
	"testing"

	"adcp-orchestrator/pkg/operation"
)

func TestEndedByWebhook(t *testing.T) {
	t.Parallel()
	w := enter(t, 120)
	op := w.settled(t, w.buy(t, map[string]any{"delay_ms": 1500}).ID)
	ended(t, op, operation.Completed, operation.ByWebhook)
	sold(t, op)
	if op.Attempts.Polls != 0 || op.Attempts.Webhooks != 1 {
		t.Errorf("%d polls, %d webhooks", op.Attempts.Polls, op.Attempts.Webhooks)
	}
	states, events := w.history(t, op.ID)
	t.Logf("%d transitions, %d events: %v", len(states), events, states)
	if len(states) > 6 {
		t.Errorf("%d transitions for an operation that a webhook ends: %v", len(states), states)
	}
}

// contract F4: the legacy modes, for agents that can do no better.
func TestEndedByWebhookInEachLegacyMode(t *testing.T) {
	t.Parallel()
	for _, mode := range []operation.WebhookMode{operation.WebhookHMAC, operation.WebhookBearer} {
		t.Run(string(mode), func(t *testing.T) {
			t.Parallel()
			w := enter(t, 120)
			w.agent(t, "seller", 120, mode)
			op := w.settled(t, w.buy(t, map[string]any{"delay_ms": 700}).ID)
			ended(t, op, operation.Completed, operation.ByWebhook)
			sold(t, op)
			if op.WebhookMode != mode || op.Attempts.Polls != 0 {
				t.Errorf("mode %s, %d polls", op.WebhookMode, op.Attempts.Polls)
			}
		})
	}
}

func TestEndedByPollWithTheWebhookWithheld(t *testing.T) {
	t.Parallel()
	w := enter(t, 1)
	op := w.settled(t, w.buy(t, map[string]any{"delay_ms": 8000, "webhook": "none"}).ID)
	ended(t, op, operation.Completed, operation.ByPoll)
	sold(t, op)
	states, events := w.history(t, op.ID)
	t.Logf("%d polls, %d transitions, %d events: %v", op.Attempts.Polls, len(states), events, states)
	if op.Attempts.Polls < 1 || len(states) > 3+3*op.Attempts.Polls {
		t.Errorf("%d transitions for %d polls", len(states), op.Attempts.Polls)
	}
}

// contract F18: the webhook is there before the call's own answer.
func TestWebhookBeforeTheAnswer(t *testing.T) {
	t.Parallel()
	w := enter(t, 120)
	op := w.settled(t, w.buy(t, map[string]any{"webhook": "early"}).ID)
	ended(t, op, operation.Completed, operation.ByWebhook)
	sold(t, op)
	if op.Events[2].Channel != operation.ByWebhook || op.Events[2].From != operation.CallingAdCP {
		t.Errorf("the webhook was not first:\n%s", timeline(op))
	}
}

// contract F79.
func TestDuplicateWebhook(t *testing.T) {
	t.Parallel()
	w := enter(t, 120)
	op := w.settled(t, w.buy(t, map[string]any{"webhook": "duplicate", "delay_ms": 500}).ID)
	ended(t, op, operation.Completed, operation.ByWebhook)
	sold(t, op)
}

func TestLateWebhook(t *testing.T) {
	t.Parallel()
	w := enter(t, 1)
	op := w.settled(t, w.buy(t, map[string]any{"webhook": "late", "delay_ms": 500, "webhook_delay_ms": 12000}).ID)
	ended(t, op, operation.Completed, operation.ByPoll)
	sold(t, op)
	late, err := w.Follow(t.Context(), op.ID, webhooks(1), nil)
	if err != nil {
		t.Fatal(err)
	}
	ended(t, late, operation.Completed, operation.ByPoll)
	last := late.Events[len(late.Events)-1]
	if last.Kind != operation.EventIgnored || last.Channel != operation.ByWebhook {
		t.Errorf("the late webhook was not told apart:\n%s", timeline(late))
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	for outcome, state := range map[string]operation.State{"failed": operation.Failed, "rejected": operation.Rejected} {
		for _, hook := range []string{"normal", "none"} {
			t.Run(outcome+" with webhook "+hook, func(t *testing.T) {
				t.Parallel()
				w := enter(t, 2)
				op := w.settled(t, w.buy(t, map[string]any{"outcome": outcome, "webhook": hook, "delay_ms": 700}).ID)
				if op.State != state && !(state == operation.Rejected && op.State == operation.Failed) { // this seller says failed by poll of what it says rejected by webhook
					t.Errorf("ended as %s\n%s", op.State, timeline(op))
				}
				if op.AgentError == nil || op.AgentError.Code != "POLICY_VIOLATION" {
					t.Errorf("error %+v", op.AgentError)
				}
				if _, buys := readLedger(t).of(op.PONumber); buys != 0 {
					t.Errorf("%d buys", buys)
				}
			})
		}
	}
}

func TestAnsweredAtOnce(t *testing.T) {
	t.Parallel()
	w := enter(t, 120)
	op := w.settled(t, w.buy(t, map[string]any{"outcome": "sync"}).ID)
	ended(t, op, operation.Completed, operation.ByAnswer)
	sold(t, op)
	if states, _ := w.history(t, op.ID); len(states) > 6 {
		t.Errorf("%v", states)
	}
}

// This SDK leaves operation_id out by default. Nothing of such a delivery is applied; it brings the poll forward.
func TestWebhookWithoutOperationID(t *testing.T) {
	t.Parallel()
	w := enter(t, 100)
	op := w.settled(t, w.buy(t, map[string]any{"operation_id": "omit", "delay_ms": 1500}).ID)
	ended(t, op, operation.Completed, operation.ByPoll)
	sold(t, op)
	if op.Attempts.EarlyPolls < 1 {
		t.Errorf("%d doorbells\n%s", op.Attempts.EarlyPolls, timeline(op))
	}
}
