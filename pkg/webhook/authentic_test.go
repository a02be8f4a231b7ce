package webhook_test

import (
	"slices"
	"strings"
	"testing"

	"adcp-orchestrator/pkg/operation"
)

// A display text that an agent cut in half must not keep the end of a task from being applied.
func TestAuthenticDeliveryWithoutCanonicalFormIsApplied(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"half an emoji":              `"sold out \ud83d"`,
		"Latin-1":                    "\"caf\xe9\"",
		"a number that is too large": `"x","progress":1e400`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inEachMode(t, func(t *testing.T, h *harness) {
				withText := func(changes map[string]any) []byte {
					return []byte(strings.Replace(string(h.payload("a", changes)), `{`, `{"message":`+text+`,`, 1))
				}
				for _, want := range []string{"advanced", "duplicate"} {
					got := h.Handle(t.Context(), h.signed("a", withText(nil)))
					if got.Status != 200 || got.Code != want || h.state(t, "a") != operation.Completed {
						t.Errorf("got %+v, %s; want %s", got, h.state(t, "a"), want)
					}
				}
				other := withText(map[string]any{"result": map[string]any{"media_buy_id": "mb_z"}})
				if got := h.Handle(t.Context(), h.signed("a", other)); got.Status != 409 || got.Code != "idempotency_key_reused" {
					t.Errorf("another payload under the same key: %+v", got)
				}
				other = withText(map[string]any{
					"idempotency_key": "whk_another_0123456", "result": map[string]any{"media_buy_id": "mb_z"},
				})
				if got := h.Handle(t.Context(), h.signed("a", other)); got.Status != 409 || got.Code != "conflict" {
					t.Errorf("another end: %+v", got)
				}
			})
		})
	}
}

func TestMalformedDeliveryThatNamesItsOperationPollsSoon(t *testing.T) {
	t.Parallel()
	for name, changes := range map[string]map[string]any{
		"timestamp is a number":    {"timestamp": 1795435200},
		"task_id is a number":      {"task_id": 7},
		"a short key":              {"idempotency_key": "evt_1"},
		"a misspelled status":      {"status": "cancelled"}, //nolint:misspell // the spelling is the fault
		"a status in capitals":     {"status": "COMPLETED"},
		"no timestamp, odd status": {"timestamp": nil, "status": "done"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inEachMode(t, func(t *testing.T, h *harness) {
				// It came to the webhook of a and names b (contract F5): b is polled.
				got := h.Handle(t.Context(), h.signed("a", h.payload("b", changes)))
				if got.Status != 422 || !slices.Equal(h.wakes, []string{"token_b poll"}) {
					t.Errorf("got %+v, wakes %v", got, h.wakes)
				}
				if records := h.quarantined(t); len(records) != 1 || !records[0].Authentic {
					t.Errorf("quarantined %+v", records)
				}
				h.expectUnchanged(t)
				// The operation of another sender is not polled.
				h.wakes = nil
				if got := h.Handle(t.Context(), h.signed("a", h.payload("c", changes))); got.Status != 422 || h.wakes != nil {
					t.Errorf("another sender's: %+v, wakes %v", got, h.wakes)
				}
			})
		})
	}
}

func TestDeliveryWithAKeyTwicePollsSoon(t *testing.T) {
	t.Parallel()
	inEachMode(t, func(t *testing.T, h *harness) {
		body := strings.Replace(string(h.payload("a", nil)), `{`, `{"status":"working",`, 1)
		got := h.Handle(t.Context(), h.signed("a", []byte(body)))
		if got.Code != "webhook_body_malformed" || !slices.Equal(h.wakes, []string{"token_a poll"}) {
			t.Errorf("got %+v, wakes %v", got, h.wakes)
		}
		h.expectUnchanged(t)
	})
}

// contract F33: a credential of the old mode must not end an operation that was registered with
// another one, even if the agent's entry was changed in between.
func TestOldModeDoesNotSpeakForANewOperation(t *testing.T) {
	t.Parallel()
	for _, old := range modes {
		for _, changed := range modes {
			if old == changed {
				continue
			}
			t.Run(string(old)+" then "+string(changed), func(t *testing.T) {
				t.Parallel()
				h := newHarness(t, old)
				h.changeAgent(t, changed, "https://seller.example/mcp")
				h.submit(t, "seller", "d")
				h.expectRefused(t, h.signedIn(old, "a", h.payload("d", nil)))
				if got := h.Handle(t.Context(), h.signedIn(changed, "d", h.payload("d", nil))); got.Code != "advanced" {
					t.Errorf("by its own registration: %+v", got)
				}
			})
		}
	}
}

// contract F47: the sender is the agent's URL. An entry can be given the URL of another seller.
func TestFormerSellerDoesNotSpeakForTheNewOne(t *testing.T) {
	t.Parallel()
	inEachMode(t, func(t *testing.T, h *harness) {
		h.changeAgent(t, h.mode, "https://new.example/mcp")
		h.submit(t, "seller", "d")
		h.expectRefused(t, h.signed("a", h.payload("d", nil)))
		// The new seller numbers its tasks and its deliveries as the former one does.
		h.setTask(t, "d", "task_a")
		for _, name := range []string{"a", "d"} {
			got := h.Handle(t.Context(), h.signed(name, h.payload(name, map[string]any{"task_id": "task_a"})))
			if got.Code != "advanced" || h.state(t, name) != operation.Completed {
				t.Errorf("%s by its own seller: %+v", name, got)
			}
		}
	})
}

// A store refuses a key that is too long, and the sender would be asked to send it again for ever.
func TestOperationIDOfAnotherFormIsLookedUpNowhere(t *testing.T) {
	t.Parallel()
	inEachMode(t, func(t *testing.T, h *harness) {
		for _, id := range []string{strings.Repeat("x", 3000), "op_", "op_" + strings.Repeat("A", 26), "op_1#result"} {
			h.calls = nil
			for _, changes := range []map[string]any{{"operation_id": id}, {"operation_id": id, "timestamp": 1}} {
				got := h.Handle(t.Context(), h.signed("a", h.payload("a", changes)))
				if got.Status != 422 || slices.Contains(h.calls, "Get") || slices.Contains(h.calls, "Commit") {
					t.Errorf("%.20s: %+v, calls %v", id, got, h.calls)
				}
			}
		}
	})
}
