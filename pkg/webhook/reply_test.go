package webhook_test

import (
	"testing"

	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/validation"
)

// Each wrong field of an envelope has its own rule and remedy (contract F25).
func TestReplyDescribesWrongFields(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		changes map[string]any
		want    validation.FieldError
	}{
		"missing": {map[string]any{"task_id": nil}, validation.FieldError{
			Field:  "task_id",
			Code:   validation.Required,
			Rule:   "is required",
			Remedy: "add it and send the delivery again",
		}},
		"a missing key": {map[string]any{"idempotency_key": nil}, validation.FieldError{
			Field:  "idempotency_key",
			Code:   validation.Required,
			Rule:   "is required",
			Remedy: "add it and send the delivery again",
		}},
		"a media-buy status": {map[string]any{"status": "active"}, validation.FieldError{
			Field:  "status",
			Code:   validation.InvalidValue,
			Rule:   "has to be an AdCP task status",
			Remedy: "send the status of the task, and the status of a media buy in result",
		}},
		"an unknown operation": {
			map[string]any{"operation_id": "op_aaaaaaaaaaaaaaaaaaaaaaaaaa"},
			validation.FieldError{
				Field:  "operation_id",
				Code:   validation.InvalidValue,
				Rule:   "has to name an operation of this sender",
				Remedy: "send the operation_id of the request that this webhook reports on",
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHarness(t, operation.WebhookRFC9421)
			got := h.Handle(t.Context(), h.signed("a", h.payload("a", tc.changes)))
			if len(got.Errors) != 1 || got.Errors[0] != tc.want {
				t.Errorf("got %+v, want %+v", got.Errors, tc.want)
			}
		})
	}
}
