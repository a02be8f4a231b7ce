package webhook_test

import (
	"net/http"
	"testing"

	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/validation"
	"adcp-orchestrator/pkg/webhook"
)

// Every reply that is not 2xx is a problem with type, title, status and code (RFC 9457). With a
// challenge it has no other member (contract F35).
func TestReplyBody(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		reply webhook.Reply
		want  string
	}{
		"an outcome": {
			webhook.Reply{Status: http.StatusOK, Code: "advanced", Detail: "not sent"},
			`{"outcome":"advanced"}`,
		},
		"a challenge": {
			webhook.Reply{
				Status:    http.StatusUnauthorized,
				Code:      "webhook_signature_invalid",
				Detail:    "not sent",
				Errors:    []validation.FieldError{{Field: "not sent"}},
				Challenge: `Signature error="webhook_signature_invalid"`,
			},
			`{"type":"about:blank","title":"Unauthorized","status":401,"code":"webhook_signature_invalid"}`,
		},
		"a 401 without a challenge": {
			webhook.Reply{Status: http.StatusUnauthorized, Code: "unauthenticated"},
			`{"type":"about:blank","title":"Unauthorized","status":401,"code":"unauthenticated"}`,
		},
		"no detail": {
			webhook.Reply{Status: http.StatusMethodNotAllowed, Code: "method_not_allowed"},
			`{"type":"about:blank","title":"Method Not Allowed","status":405,"code":"method_not_allowed"}`,
		},
		"wrong fields": {
			webhook.Reply{
				Status: http.StatusUnprocessableEntity,
				Code:   "missing_envelope_fields",
				Detail: "why",
				Errors: []validation.FieldError{{
					Field:  "task_id",
					Code:   validation.Required,
					Rule:   "is required",
					Remedy: "add it",
				}},
			},
			`{"type":"about:blank","title":"Unprocessable Entity","status":422,"code":"missing_envelope_fields",` +
				`"detail":"why",` +
				`"errors":[{"field":"task_id","code":"required","rule":"is required","remedy":"add it"}]}`,
		},
	} {
		if got := string(tc.reply.Body()); got != tc.want {
			t.Errorf("%s: got %s, want %s", name, got, tc.want)
		}
	}
}

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
