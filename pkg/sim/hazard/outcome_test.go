package hazard

import (
	"testing"
	"time"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/operation"
)

func outcomeHazards() []scenario {
	const rejected = `"status":"rejected","result":{"status":"rejected","errors":[{"code":"POLICY_VIOLATION","message":"IO rejected by trafficker"}]}`
	calm := func(codes string) func(*testing.T, *stage) {
		return func(t *testing.T, g *stage) {
			t.Helper()
			if g.codes() != codes || g.op.Error == nil || g.op.Error.Code != "POLICY_VIOLATION" {
				t.Errorf("the webhook was answered %q, the error is %+v", g.codes(), g.op.Error)
			}
			for _, e := range g.events {
				if e.Kind == operation.EventConflict || e.Kind == operation.EventAttention {
					t.Errorf("one refusal in two words is no conflict: %+v", e)
				}
			}
		}
	}
	return []scenario{
		{
			// "A rejection arrives as rejected by webhook and as failed by poll, of the same task, on all of them."
			name: "failed by poll, then rejected by webhook",
			seller: &seller{outcome: adcp.StatusRejected, push: func(t *task) []push {
				return []push{{after: time.Hour, body: t.ended(rejected)}}
			}},
			state: operation.Failed, check: calm("200 duplicate"),
		},
		{
			name: "rejected by webhook, failed by poll",
			seller: &seller{outcome: adcp.StatusRejected, takes: 10 * time.Minute, push: func(t *task) []push {
				return []push{{body: t.ended(rejected)}}
			}},
			state: operation.Rejected, check: calm("200 advanced"),
		},
		{
			// The same at once: the webhook overtakes the poll's own answer.
			name:   "rejected by webhook while a poll says failed",
			seller: overtaking(rejected),
			state:  operation.Rejected, check: calm("200 advanced"),
		},
		{
			name: "rejected at once",
			seller: &seller{before: on("create_media_buy", func(call) *said {
				return answer(`{"status":"rejected","reason":"no","errors":[{"code":"POLICY_VIOLATION","message":"no"}]}`)
			})},
			state: operation.Rejected,
			check: func(t *testing.T, g *stage) {
				if len(g.seller.polls()) != 0 || len(g.seller.creates()) != 1 {
					t.Error("asked on after the end")
				}
			},
		},
		{
			// "The npm mock server's guaranteed-seller example ... refuses loopback push URLs": an error, and no purchase. Sellers do this wherever an
			// address is not public ("Sellers refuse loopback webhook URLs unless told").
			name: "the webhook's address is refused",
			seller: &seller{before: on("create_media_buy", func(call) *said {
				a := refuse("VALIDATION_ERROR", `"recovery":"correctable"`, `"field":"push_notification_config.url"`)
				return &a
			})},
			state: operation.Failed,
			check: func(t *testing.T, g *stage) {
				if g.op.Error == nil || g.op.Error.Field != "push_notification_config.url" {
					t.Errorf("the error is %+v", g.op.Error)
				}
			},
		},
		{
			// "and never sends a webhook: poll it"
			name:   "a webhook is promised and never sent",
			seller: &seller{takes: 9 * time.Hour}, state: operation.Completed, purchases: 1,
			check: func(t *testing.T, g *stage) {
				if g.op.Terminal.Channel != operation.ByPoll {
					t.Errorf("ended by %s", g.op.Terminal.Channel)
				}
			},
		},
	}
}

// overtaking sends its webhook in the middle of the poll that is about to tell the end.
func overtaking(changes string) *seller {
	s := &seller{outcome: adcp.StatusRejected}
	s.after = on("get_task_status", func(c call) *said {
		if !c.at.Before(c.task.done) {
			s.post(c.task, push{now: true, body: c.task.ended(changes)})
		}
		return nil
	})
	return s
}
