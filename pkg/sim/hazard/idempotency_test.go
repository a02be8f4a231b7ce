package hazard

import (
	"testing"
	"time"

	"adcp-orchestrator/pkg/operation"
)

// unheard loses the answers to the first calls for the purchase, after it was carried out.
func unheard(n int) func(call) *said {
	return on("create_media_buy", func(c call) *said {
		if c.n <= n {
			return &said{cut: true}
		}
		return nil
	})
}

// from answers calls for the purchase with an error, from the nth on.
func from(n int, a said) func(call) *said {
	return on("create_media_buy", func(c call) *said {
		if c.n >= n {
			return &a
		}
		return nil
	})
}

func called(times int) func(*testing.T, *stage) {
	return func(t *testing.T, g *stage) {
		t.Helper()
		if n := len(g.seller.creates()); n != times {
			t.Errorf("the purchase was asked for %d times, want %d", n, times)
		}
	}
}

func idempotencyHazards() []scenario {
	return []scenario{
		{
			// "A replay with the same key returns the first submitted with replayed:true even after completion: poll."
			name:   "a replay says submitted after completion",
			seller: &seller{takes: time.Second, after: unheard(3)}, state: operation.Completed, purchases: 1,
			check: func(t *testing.T, g *stage) {
				if len(g.seller.creates()) != 4 || g.op.Terminal.Channel != operation.ByPoll {
					t.Errorf("asked for %d times, ended by %s", len(g.seller.creates()), g.op.Terminal.Channel)
				}
			},
		},
		{
			// The same after the webhook has said completed: a replay is a snapshot of the past (contract C12).
			name: "a replay says submitted after the webhook said completed",
			seller: &seller{takes: time.Second, push: honest, after: on("create_media_buy", func(c call) *said {
				if c.n == 1 {
					return &said{cut: true}
				}
				return nil
			})},
			state: operation.Completed, purchases: 1,
		},
		{
			// "A changed payload: IDEMPOTENCY_CONFLICT." The seller compares bytes: ours are the same each time, credential and all.
			name:   "IDEMPOTENCY_CONFLICT for any changed byte",
			seller: &seller{after: unheard(5)}, mode: operation.WebhookHMAC, state: operation.Completed, purchases: 1, check: called(6),
		},
		{
			// One that says so of the same bytes has something under our key: whether it is our buy nobody knows, and no other key is tried (contract C15).
			name:   "IDEMPOTENCY_CONFLICT for the same bytes",
			seller: &seller{takes: 4 * day, before: from(2, refuse("IDEMPOTENCY_CONFLICT")), after: unheard(1)}, horizon: 3 * day,
			state: operation.CallingAdCP, attention: operation.OutcomeUnclear, purchases: 1,
		},
		{
			name:   "IDEMPOTENCY_CONFLICT for the same bytes, and its webhook comes",
			seller: &seller{takes: 2 * day, push: honest, before: from(2, refuse("IDEMPOTENCY_CONFLICT", `"recovery":"correctable"`)), after: unheard(1)},
			state:  operation.Completed, purchases: 1,
			check: func(t *testing.T, g *stage) { flagged(t, g, operation.OutcomeUnclear) },
		},
		{
			// "Python's default server has idempotency.supported:false, and the same key made a second task."
			name:   "no deduplication, the answer lost after the purchase",
			seller: &seller{sessions: true, unsure: true, after: unheard(9)},
			state:  operation.CallingAdCP, attention: operation.OutcomeUnclear, purchases: 1, check: called(1),
		},
		{
			name:   "no deduplication, the call lost before the purchase",
			seller: &seller{sessions: true, unsure: true, before: from(1, said{cut: true})},
			state:  operation.CallingAdCP, attention: operation.OutcomeUnclear, check: called(1),
		},
		{
			name:   "no deduplication, the answer lost, and its webhook comes",
			seller: &seller{sessions: true, unsure: true, after: unheard(9), push: honest},
			state:  operation.Completed, purchases: 1, check: called(1),
		},
		{
			name: "no deduplication, the answer lost, and the buy is found",
			seller: &seller{sessions: true, unsure: true, more: []string{"get_media_buys"}, after: func(c call) *said {
				if c.tool == "create_media_buy" {
					return &said{cut: true}
				}
				return nil
			}},
			state: operation.Completed, purchases: 1,
			begin: func(g *stage) {
				g.seller.before = on("get_media_buys", func(c call) *said {
					bought := g.seller.creates()[0].args["context"].(map[string]any)
					return answer(`{"media_buys":[{"media_buy_id":"mb_other","context":{"adcp_operation_id":"op_other"}},{"media_buy_id":"mb_task_1","status":"active",` +
						`"context":{"adcp_operation_id":"` + bought["adcp_operation_id"].(string) + `"}}]}`)
				})
			},
		},
		{
			// The look at the buys fails for days: attention is raised once for each reason, and keeps its time.
			name: "no deduplication, the answer lost, and the buys can't be listed",
			seller: &seller{unsure: true, more: []string{"get_media_buys"}, after: unheard(9),
				before: on("get_media_buys", func(call) *said { return &said{cut: true} })},
			state: operation.CallingAdCP, attention: operation.OutcomeUnclear, purchases: 1,
			check: func(t *testing.T, g *stage) {
				raised := 0
				for _, e := range g.events {
					if e.Kind == operation.EventAttention {
						raised++
					}
				}
				if raised > 2 {
					t.Errorf("attention was raised %d times, the last at %s: each failed look takes its place", raised, g.op.Attention.Since)
				}
			},
		},
		{
			// HTTP 500 is no proof that nothing was done.
			name:   "no deduplication, HTTP 500 after the purchase",
			seller: &seller{unsure: true, after: from(1, said{status: 500, rpc: `{"code":-32603,"message":"Internal error"}`})},
			state:  operation.CallingAdCP, attention: operation.OutcomeUnclear, purchases: 1, check: called(1),
		},
		{
			name: "IDEMPOTENCY_IN_FLIGHT with retry_after",
			seller: &seller{after: on("create_media_buy", func(c call) *said {
				switch c.n {
				case 1:
					return &said{cut: true}
				case 2, 3:
					a := refuse("IDEMPOTENCY_IN_FLIGHT", `"recovery":"transient"`, `"retry_after":45`)
					return &a
				}
				return nil
			})},
			state: operation.Completed, purchases: 1,
			check: func(t *testing.T, g *stage) {
				creates := g.seller.creates()
				if len(creates) != 4 {
					t.Fatalf("asked for %d times", len(creates))
				}
				for i := 2; i < 4; i++ {
					if d := creates[i].at.Sub(creates[i-1].at); d < 45*time.Second {
						t.Errorf("asked again after %s", d)
					}
				}
			},
		},
		{
			// contract C16: only a look at the buys tells, and no other key is tried.
			name:   "IDEMPOTENCY_EXPIRED",
			seller: &seller{takes: 4 * day, after: unheard(1), before: from(2, refuse("IDEMPOTENCY_EXPIRED", `"recovery":"correctable"`))},
			state:  operation.CallingAdCP, attention: operation.OutcomeUnclear, purchases: 1,
		},
		{
			name:   "IDEMPOTENCY_EXPIRED, and the buy is found",
			seller: &seller{takes: 4 * day, more: []string{"get_media_buys"}, after: unheard(1)},
			begin: func(g *stage) {
				expired := from(2, refuse("IDEMPOTENCY_EXPIRED", `"recovery":"correctable"`))
				g.seller.before = func(c call) *said {
					if c.tool != "get_media_buys" {
						return expired(c)
					}
					bought := g.seller.creates()[0].args["context"].(map[string]any)
					return answer(`{"media_buys":[{"media_buy_id":"mb_task_1","status":"active","context":{"adcp_operation_id":"` + bought["adcp_operation_id"].(string) + `"}}]}`)
				}
			},
			state: operation.Completed, purchases: 1,
		},
	}
}
