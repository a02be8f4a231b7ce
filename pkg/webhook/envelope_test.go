package webhook_test

import (
	"strings"
	"testing"

	"adcp-orchestrator/pkg/operation"
)

// An authentic delivery that can't be applied is quarantined. A repetition gets the same reply and
// counts up the same record.
func TestReceiverQuarantinesBadEnvelopes(t *testing.T) {
	t.Parallel()
	changed := func(changes map[string]any) func(*harness) []byte {
		return func(h *harness) []byte { return h.payload("a", changes) }
	}
	with := func(member string, value any) func(*harness) []byte {
		return changed(map[string]any{member: value})
	}
	literal := func(body string) func(*harness) []byte {
		return func(*harness) []byte { return []byte(body) }
	}
	for name, tc := range map[string]struct {
		body   func(h *harness) []byte
		status int
		code   string
	}{
		"not JSON":                 {literal("hello"), 422, "malformed_envelope"},
		"not an object":            {literal("[]"), 422, "malformed_envelope"},
		"a bare result (F24)":      {literal(`{"media_buy_id":"mb_1"}`), 422, "missing_envelope_fields"},
		"a media-buy status (F24)": {with("status", "active"), 422, "invalid_envelope_status"},
		"no key":                   {with("idempotency_key", nil), 422, "missing_idempotency_key"},
		"a wrong token (F29)": {func(h *harness) []byte {
			return h.payload("a", map[string]any{"token": h.push["b"]})
		}, 401, "token_mismatch"},
		"no token (F29)":                  {with("token", nil), 401, "token_mismatch"},
		"an unknown operation":            {with("operation_id", "op_aaaaaaaaaaaaaaaaaaaaaaaaaa"), 422, "unknown_operation"},
		"another agent's (F6)":            {func(h *harness) []byte { return h.payload("c", nil) }, 422, "unknown_operation"},
		"another task id (A29)":           {with("task_id", "task_z"), 409, "conflict"},
		"another task type (E6)":          {with("task_type", "sync_creatives"), 409, "conflict"},
		"an operation_id of another form": {with("operation_id", strings.Repeat("x", 300)), 422, "unknown_operation"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inEachMode(t, func(t *testing.T, h *harness) {
				body := tc.body(h)
				for n := range 2 {
					got := h.Handle(t.Context(), h.signed("a", body))
					if got.Status != tc.status || got.Code != tc.code || got.Challenge != "" {
						t.Errorf("got %+v", got)
					}
					records := h.quarantined(t)
					if len(records) != 1 {
						t.Fatalf("quarantined %+v", records)
					}
					if q := records[0]; q.Count != int64(n+1) || !q.Authentic || q.Code != tc.code ||
						q.Digest == "" || q.Size != len(body) {
						t.Errorf("quarantined %+v", q)
					}
				}
				h.expectUnchanged(t)
			})
		})
	}
}

// Contract F5: the payload's operation_id decides, not the route of the delivery.
func TestReceiverCorrelatesByOperationID(t *testing.T) {
	t.Parallel()
	inEachMode(t, func(t *testing.T, h *harness) {
		got := h.Handle(t.Context(), h.signed("a", h.payload("b", nil)))
		if got.Status != 200 || h.state(t, "b") != operation.Completed || h.state(t, "a") != operation.Submitted {
			t.Errorf("got %+v, a %s, b %s", got, h.state(t, "a"), h.state(t, "b"))
		}
	})
}

// Contract F79, rows 3 to 6.
func TestReceiverDistinguishesRepetitionsFromContradictions(t *testing.T) {
	t.Parallel()
	another := func(member string, value any) map[string]any {
		return map[string]any{"idempotency_key": "whk_another_0123456", member: value}
	}
	for name, tc := range map[string]struct {
		second      map[string]any
		status      int
		code        string
		quarantined int
	}{
		"the same key, another payload": {map[string]any{"message": "x"}, 409, "idempotency_key_reused", 1},
		"another key, the same end": {
			map[string]any{"idempotency_key": "whk_another_0123456"}, 200, "duplicate", 0,
		},
		"another key, another end": {another("status", "failed"), 409, "conflict", 1},
		"another key, another result": {
			another("result", map[string]any{"media_buy_id": "mb_z"}), 409, "conflict", 1,
		},
		"a non-terminal status after the end": {another("status", "working"), 200, "stale", 0},
		"a delivery report on the same registration": {
			another("task_type", "media_buy_delivery"), 200, "kept", 0,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inEachMode(t, func(t *testing.T, h *harness) {
				if got := h.Handle(t.Context(), h.signed("a", h.payload("a", nil))); got.Status != 200 {
					t.Fatalf("got %+v", got)
				}
				for range 2 { // a retry gets the same reply
					got := h.Handle(t.Context(), h.signed("a", h.payload("a", tc.second)))
					if got.Status != tc.status || got.Code != tc.code && got.Code != "duplicate" {
						t.Errorf("got %+v", got)
					}
				}
				if records := h.quarantined(t); h.state(t, "a") != operation.Completed || len(records) != tc.quarantined {
					t.Errorf("became %s, quarantined %+v", h.state(t, "a"), records)
				}
			})
		})
	}
}

// Older agents leave operation_id out. The delivery is refused, as the protocol requires, and
// triggers an early poll.
func TestReceiverPollsSoonForDeliveriesWithoutOperationID(t *testing.T) {
	t.Parallel()
	inEachMode(t, func(t *testing.T, h *harness) {
		got := h.Handle(t.Context(), h.signed("a", h.payload("a", map[string]any{"operation_id": nil})))
		if got.Status != 422 || got.Code != "missing_envelope_fields" ||
			len(got.Errors) != 1 || got.Errors[0].Field != "operation_id" {
			t.Errorf("got %+v", got)
		}
		if h.state(t, "a") != operation.Submitted || len(h.wakes) != 1 || h.wakes[0] != "token_a poll" {
			t.Errorf("state %s, wakes %v", h.state(t, "a"), h.wakes)
		}
	})
}
