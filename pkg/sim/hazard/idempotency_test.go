package hazard

import (
	"testing"
	"time"

	"adcp-orchestrator/pkg/operation"
)

// loseFirstAnswers loses the answers to the first n calls of the purchase, which was executed.
func loseFirstAnswers(n int) func(call) *fakeAnswer {
	return onTool("create_media_buy", func(c call) *fakeAnswer {
		if c.nth <= n {
			return &fakeAnswer{dropConnection: true}
		}
		return nil
	})
}

// answerFrom gives one answer to the nth call of the purchase and to all later ones.
func answerFrom(n int, a *fakeAnswer) func(call) *fakeAnswer {
	return onTool("create_media_buy", func(c call) *fakeAnswer {
		if c.nth >= n {
			return a
		}
		return nil
	})
}

// purchaseCalls checks how often the purchase was called.
func purchaseCalls(times int) func(*testing.T, *harness) {
	return func(t *testing.T, h *harness) {
		t.Helper()
		if n := len(h.seller.createCalls()); n != times {
			t.Errorf("the purchase was called %d times, want %d", n, times)
		}
	}
}

func idempotencyHazards() []scenario {
	return []scenario{
		{
			// "A replay with the same key returns the first submitted with replayed:true even after
			// completion: poll."
			name:      "a replay says submitted after completion",
			seller:    &seller{workTime: time.Second, after: loseFirstAnswers(3)},
			state:     operation.Completed,
			purchases: 1,
			check: func(t *testing.T, h *harness) {
				if len(h.seller.createCalls()) != 4 || h.op.Terminal.Channel != operation.ByPoll {
					t.Errorf("called %d times, ended by %s", len(h.seller.createCalls()), h.op.Terminal.Channel)
				}
			},
		},
		{
			// The same after the webhook has said completed: a replay is a snapshot of the past
			// (contract C12).
			name: "a replay says submitted after the webhook said completed",
			seller: &seller{
				workTime: time.Second,
				push:     honestWebhook,
				after: onTool("create_media_buy", func(c call) *fakeAnswer {
					if c.nth == 1 {
						return &fakeAnswer{dropConnection: true}
					}
					return nil
				}),
			},
			state:     operation.Completed,
			purchases: 1,
		},
		{
			// "A changed payload: IDEMPOTENCY_CONFLICT." The seller compares bytes. Ours are the same each
			// time, including the credential.
			name:      "IDEMPOTENCY_CONFLICT for any changed byte",
			seller:    &seller{after: loseFirstAnswers(5)},
			mode:      operation.WebhookHMAC,
			state:     operation.Completed,
			purchases: 1,
			check:     purchaseCalls(6),
		},
		{
			// A seller that answers so to the same bytes has something under our key. It is unknown whether
			// that is our buy, and no other key is tried (contract C15).
			name: "IDEMPOTENCY_CONFLICT for the same bytes",
			seller: &seller{
				workTime: 4 * day,
				before:   answerFrom(2, adcpError("IDEMPOTENCY_CONFLICT")),
				after:    loseFirstAnswers(1),
			},
			horizon:   3 * day,
			state:     operation.CallingAdCP,
			attention: operation.OutcomeUnclear,
			purchases: 1,
		},
		{
			name: "IDEMPOTENCY_CONFLICT for the same bytes, and its webhook comes",
			seller: &seller{
				workTime: 2 * day,
				push:     honestWebhook,
				before:   answerFrom(2, adcpError("IDEMPOTENCY_CONFLICT", `"recovery":"correctable"`)),
				after:    loseFirstAnswers(1),
			},
			state:     operation.Completed,
			purchases: 1,
			check:     func(t *testing.T, h *harness) { attentionRaised(t, h, operation.OutcomeUnclear) },
		},
		{
			// "Python's default server has idempotency.supported:false, and the same key made a second
			// task."
			name:      "no deduplication, the answer lost after the purchase",
			seller:    &seller{sessions: true, noDedup: true, after: loseFirstAnswers(9)},
			state:     operation.CallingAdCP,
			attention: operation.OutcomeUnclear,
			purchases: 1,
			check:     purchaseCalls(1),
		},
		{
			name:      "no deduplication, the call lost before the purchase",
			seller:    &seller{sessions: true, noDedup: true, before: answerFrom(1, &fakeAnswer{dropConnection: true})},
			state:     operation.CallingAdCP,
			attention: operation.OutcomeUnclear,
			check:     purchaseCalls(1),
		},
		{
			name:      "no deduplication, the answer lost, and its webhook comes",
			seller:    &seller{sessions: true, noDedup: true, after: loseFirstAnswers(9), push: honestWebhook},
			state:     operation.Completed,
			purchases: 1,
			check:     purchaseCalls(1),
		},
		{
			// The look-up of the buys fails for days: attention is raised once for each reason and keeps
			// its time.
			name: "no deduplication, the answer lost, and the buys can't be listed",
			seller: &seller{
				noDedup:    true,
				otherTools: []string{"get_media_buys"},
				after:      loseFirstAnswers(9),
				before:     onTool("get_media_buys", func(call) *fakeAnswer { return &fakeAnswer{dropConnection: true} }),
			},
			state:     operation.CallingAdCP,
			attention: operation.OutcomeUnclear,
			purchases: 1,
			check: func(t *testing.T, h *harness) {
				raised := 0
				for _, e := range h.events {
					if e.Kind == operation.EventAttention {
						raised++
					}
				}
				if raised > 2 {
					t.Errorf("attention was raised %d times, the last at %s: each failed look-up replaced it",
						raised, h.op.Attention.Since)
				}
			},
		},
		{
			// HTTP 500 does not prove that nothing was executed.
			name: "no deduplication, HTTP 500 after the purchase",
			seller: &seller{
				noDedup: true,
				after:   answerFrom(1, &fakeAnswer{httpStatus: 500, rpcError: `{"code":-32603,"message":"Internal error"}`}),
			},
			state:     operation.CallingAdCP,
			attention: operation.OutcomeUnclear,
			purchases: 1,
			check:     purchaseCalls(1),
		},
		{
			name: "IDEMPOTENCY_IN_FLIGHT with retry_after",
			seller: &seller{
				after: onTool("create_media_buy", func(c call) *fakeAnswer {
					switch c.nth {
					case 1:
						return &fakeAnswer{dropConnection: true}
					case 2, 3:
						return adcpError("IDEMPOTENCY_IN_FLIGHT", `"recovery":"transient"`, `"retry_after":45`)
					}
					return nil
				}),
			},
			state:     operation.Completed,
			purchases: 1,
			check: func(t *testing.T, h *harness) {
				creates := h.seller.createCalls()
				if len(creates) != 4 {
					t.Fatalf("the purchase was called %d times", len(creates))
				}
				for i := 2; i < 4; i++ {
					if d := creates[i].at.Sub(creates[i-1].at); d < 45*time.Second {
						t.Errorf("called again after %s", d)
					}
				}
			},
		},
		{
			// Only a look-up of the buys can show the outcome, and no other key is tried (contract C16).
			name: "IDEMPOTENCY_EXPIRED",
			seller: &seller{
				workTime: 4 * day,
				after:    loseFirstAnswers(1),
				before:   answerFrom(2, adcpError("IDEMPOTENCY_EXPIRED", `"recovery":"correctable"`)),
			},
			state:     operation.CallingAdCP,
			attention: operation.OutcomeUnclear,
			purchases: 1,
		},
		{
			name: "IDEMPOTENCY_EXPIRED, and the buy is found",
			seller: &seller{
				workTime:   6 * time.Hour,
				otherTools: []string{"get_media_buys"},
				after:      loseFirstAnswers(1),
				before:     answerFrom(2, adcpError("IDEMPOTENCY_EXPIRED", `"recovery":"correctable"`)),
			},
			state:     operation.Completed,
			purchases: 1,
		},
	}
}
