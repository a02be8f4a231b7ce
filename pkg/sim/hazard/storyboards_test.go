package hazard

import (
	"net/http"
	"testing"
	"time"

	"github.com/google/uuid"

	"adcp-orchestrator/pkg/operation"
)

// firstAnswer gives one answer to the first call of the purchase, which is not executed.
func firstAnswer(a fakeAnswer) func(call) *fakeAnswer {
	return onTool("create_media_buy", func(c call) *fakeAnswer {
		if c.nth == 1 {
			return &a
		}
		return nil
	})
}

// calledAgainAfter checks that the purchase was called twice, the second time not before the wait
// that the seller asked for was over. scenario.verify compares the bytes, and with them the key.
func calledAgainAfter(wait time.Duration) func(*testing.T, *harness) {
	return func(t *testing.T, h *harness) {
		t.Helper()
		creates := h.seller.createCalls()
		if len(creates) != 2 {
			t.Fatalf("the purchase was called %d times, want 2", len(creates))
		}
		if got := creates[1].at.Sub(creates[0].at); got < wait {
			t.Errorf("called again after %s, want %s at least", got, wait)
		}
		uuidKey(t, h)
	}
}

// uuidKey checks that the purchase's idempotency key is a UUID of version 4.
func uuidKey(t *testing.T, h *harness) {
	t.Helper()
	for _, c := range h.seller.createCalls() {
		if id, err := uuid.Parse(c.stringArg("idempotency_key")); err != nil || id.Version() != 4 {
			t.Errorf("the idempotency key is %q", c.stringArg("idempotency_key"))
		}
	}
}

// storyboards are the steps of AdCP's storyboards for buyers, buyer_activation and buyer_recovery
// (both 0.1.0), at a seller that answers as their publisher does. No package of a registry carries
// them as data.
func storyboards() []scenario {
	return []scenario{
		{
			name:      "buyer_activation, create_non_guaranteed",
			seller:    &seller{synchronous: true, result: `{"media_buy_id":"mb_task_1","media_buy_status":"pending_creatives"}`},
			state:     operation.Completed,
			purchases: 1,
			check:     uuidKey,
		},
		{
			// The code is not in AdCP's vocabulary, and the answer has no recovery.
			name: "buyer_activation, retry_on_transient_failure",
			seller: &seller{before: firstAnswer(fakeAnswer{
				payload: `{"errors":[{"code":"TEMPORARILY_UNAVAILABLE","message":"busy","retry_after":5}]}`,
			})},
			state:     operation.Completed,
			purchases: 1,
			check:     calledAgainAfter(5 * time.Second),
		},
		{
			name:      "buyer_activation, async_create_handling",
			seller:    &seller{workTime: time.Hour},
			state:     operation.Completed,
			purchases: 1,
			check: func(t *testing.T, h *harness) {
				if len(h.seller.pollCalls()) == 0 || h.seller.pollCalls()[0].stringArg("task_id") != "task_1" {
					t.Error("the task was not polled")
				}
			},
		},
		{
			name: "buyer_recovery, handle_seller_offline",
			seller: &seller{before: firstAnswer(fakeAnswer{
				payload: `{"errors":[{"code":"SERVICE_UNAVAILABLE","message":"offline","recovery":"transient"}]}`,
			})},
			state:     operation.Completed,
			purchases: 1,
			check:     calledAgainAfter(0),
		},
		{
			// The credential is renewed after six hours.
			name: "buyer_recovery, handle_auth_expiry",
			seller: &seller{intercept: func(w http.ResponseWriter, r *http.Request, _ request) bool {
				if r.Header.Get("Authorization") == "Bearer "+token {
					return false
				}
				w.Header().Set("WWW-Authenticate", `Bearer realm="adcp", error="invalid_token"`)
				w.WriteHeader(http.StatusUnauthorized)
				return true
			}},
			setup:     credentialAfterSixHours,
			state:     operation.Completed,
			purchases: 1,
			check:     uuidKey,
		},
		{
			// The storyboard's buyer takes a new key. Ours made the key for this request alone: that the
			// seller knows it with other bytes says that something is wrong, and not that nothing was
			// bought.
			name: "buyer_recovery, handle_idempotency_conflict",
			seller: &seller{before: onTool("create_media_buy", func(call) *fakeAnswer {
				return answerWith(`{"errors":[{"code":"IDEMPOTENCY_CONFLICT","message":"used","recovery":"correctable"}]}`)
			})},
			state:     operation.CallingAdCP,
			attention: operation.OutcomeUnclear,
		},
		{
			name: "buyer_recovery, handle_rate_limit",
			seller: &seller{before: firstAnswer(fakeAnswer{
				payload: `{"errors":[{"code":"RATE_LIMITED","message":"slow down","recovery":"transient","retry_after":10}]}`,
			})},
			state:     operation.Completed,
			purchases: 1,
			check:     calledAgainAfter(10 * time.Second),
		},
	}
}
