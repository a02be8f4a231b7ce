package hazard

import (
	"testing"
	"time"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/operation"
)

func outcomeHazards() []scenario {
	const rejected = `"status":"rejected","result":{"status":"rejected",` +
		`"errors":[{"code":"POLICY_VIOLATION","message":"IO rejected by trafficker"}]}`
	oneRefusal := func(codes string) func(*testing.T, *harness) {
		return func(t *testing.T, h *harness) {
			t.Helper()
			if h.replyCodes() != codes || h.op.Error == nil || h.op.Error.Code != "POLICY_VIOLATION" {
				t.Errorf("the webhook was answered %q, the error is %+v", h.replyCodes(), h.op.Error)
			}
			for _, e := range h.events {
				if e.Kind == operation.EventConflict || e.Kind == operation.EventAttention {
					t.Errorf("failed and rejected are one refusal, not a conflict: %+v", e)
				}
			}
		}
	}
	return []scenario{
		{
			// "A rejection arrives as rejected by webhook and as failed by poll, of the same task, on all
			// of them."
			name: "failed by poll, then rejected by webhook",
			seller: &seller{
				outcome: adcp.StatusRejected,
				push: func(t *task) []push {
					return []push{{delay: time.Hour, body: t.webhookBody(rejected)}}
				},
			},
			state: operation.Failed,
			check: oneRefusal("200 duplicate"),
		},
		{
			name: "rejected by webhook, failed by poll",
			seller: &seller{
				outcome:  adcp.StatusRejected,
				workTime: 10 * time.Minute,
				push: func(t *task) []push {
					return []push{{body: t.webhookBody(rejected)}}
				},
			},
			state: operation.Rejected,
			check: oneRefusal("200 advanced"),
		},
		{
			// The same at one time: the webhook overtakes the poll's answer.
			name:   "rejected by webhook while a poll says failed",
			seller: sellerWithEarlyWebhook(rejected),
			state:  operation.Rejected,
			check:  oneRefusal("200 advanced"),
		},
		{
			name: "rejected at once",
			seller: &seller{
				before: onTool("create_media_buy", func(call) *fakeAnswer {
					return answerWith(`{"status":"rejected","reason":"no","errors":[{"code":"POLICY_VIOLATION","message":"no"}]}`)
				}),
			},
			state: operation.Rejected,
			check: func(t *testing.T, h *harness) {
				if len(h.seller.pollCalls()) != 0 || len(h.seller.createCalls()) != 1 {
					t.Error("called again after the end")
				}
			},
		},
		{
			// "The npm mock server's guaranteed-seller example ... refuses loopback push URLs": an error,
			// and no purchase. Sellers do this for any address that is not public ("Sellers refuse loopback
			// webhook URLs unless told").
			name: "the webhook's address is refused",
			seller: &seller{
				before: onTool("create_media_buy", func(call) *fakeAnswer {
					return adcpError("VALIDATION_ERROR", `"recovery":"correctable"`, `"field":"push_notification_config.url"`)
				}),
			},
			state: operation.Failed,
			check: func(t *testing.T, h *harness) {
				if h.op.Error == nil || h.op.Error.Field != "push_notification_config.url" {
					t.Errorf("the error is %+v", h.op.Error)
				}
			},
		},
		{
			// "and never sends a webhook: poll it"
			name:      "a webhook is promised and never sent",
			seller:    &seller{workTime: 9 * time.Hour},
			state:     operation.Completed,
			purchases: 1,
			check: func(t *testing.T, h *harness) {
				if h.op.Terminal.Channel != operation.ByPoll {
					t.Errorf("ended by %s", h.op.Terminal.Channel)
				}
			},
		},
	}
}

// sellerWithEarlyWebhook sends its webhook while it answers the poll that reports the end.
func sellerWithEarlyWebhook(changes string) *seller {
	s := &seller{outcome: adcp.StatusRejected}
	s.after = onTool("get_task_status", func(c call) *fakeAnswer {
		if !c.at.Before(c.task.doneAt) {
			s.post(c.task, push{immediate: true, body: c.task.webhookBody(changes)})
		}
		return nil
	})
	return s
}
