package adcp

import (
	"encoding/json"
	"errors"
	"strings"
)

// Webhook is an AdCP webhook payload in its MCP form (contract F21).
type Webhook struct {
	IdempotencyKey string          `json:"idempotency_key"`
	OperationID    string          `json:"operation_id"`
	TaskID         string          `json:"task_id"`
	TaskType       string          `json:"task_type"`
	Status         Status          `json:"status"`
	Timestamp      string          `json:"timestamp"`
	NotificationID string          `json:"notification_id"`
	Message        string          `json:"message"`
	ContextID      string          `json:"context_id"`
	Token          string          `json:"token"`
	Result         json.RawMessage `json:"result"`
}

// EnvelopeError says why a payload is no AdCP webhook (contract F25).
type EnvelopeError struct {
	// Code is one of missing_envelope_fields, missing_idempotency_key, invalid_envelope_status, malformed_envelope.
	Code string
	// Fields are the members at fault.
	Fields []string
	Detail string
}

func (e *EnvelopeError) Error() string { return e.Code + ": " + e.Detail }

// webhookKey reports whether s is an idempotency key: ^[A-Za-z0-9_.:-]{16,255}$ (contract C1). By hand, because a regular expression with such a count
// takes longer to compile than all else that a function does at its start.
func webhookKey(s string) bool {
	for i := range len(s) {
		c := s[i]
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '.' || c == ':' || c == '-') {
			return false
		}
	}
	return len(s) >= 16 && len(s) <= 255
}

// ParseWebhook reads a payload. What could be read is returned with an *EnvelopeError for whatever the envelope lacks; a
// *DuplicateKeyError when a key stands twice; the caller has authenticated the bytes before.
func ParseWebhook(body []byte) (Webhook, error) {
	var w Webhook
	if err := CheckObject(body); err != nil {
		var dup *DuplicateKeyError
		if errors.As(err, &dup) {
			return w, err
		}
		return w, &EnvelopeError{Code: "malformed_envelope", Detail: "the body has to be one JSON object"}
	}
	if err := json.Unmarshal(body, &w); err != nil {
		var t *json.UnmarshalTypeError
		if errors.As(err, &t) && t.Field != "" {
			return w, &EnvelopeError{Code: "malformed_envelope", Fields: []string{t.Field}, Detail: t.Field + " has to be a string"}
		}
		return w, &EnvelopeError{Code: "malformed_envelope", Detail: "the body has to be one JSON object"}
	}
	if string(w.Result) == "null" {
		w.Result = nil // contract F23: missing and null are the same
	}
	return w, w.check()
}

func (w Webhook) check() error {
	var missing []string
	for _, f := range []struct{ name, value string }{
		{"idempotency_key", w.IdempotencyKey}, {"operation_id", w.OperationID}, {"task_id", w.TaskID},
		{"task_type", w.TaskType}, {"status", string(w.Status)}, {"timestamp", w.Timestamp},
	} {
		if f.value == "" {
			missing = append(missing, f.name)
		}
	}
	switch {
	case len(missing) == 1 && missing[0] == "idempotency_key":
		return &EnvelopeError{Code: "missing_idempotency_key", Fields: missing, Detail: "idempotency_key is required and stays the same over retries"}
	case len(missing) > 0:
		return &EnvelopeError{Code: "missing_envelope_fields", Fields: missing, Detail: "required: " + strings.Join(missing, ", ")}
	case !w.Status.Valid():
		return &EnvelopeError{Code: "invalid_envelope_status", Fields: []string{"status"},
			Detail: "status has to be an AdCP task status; media-buy statuses belong into result"}
	case !webhookKey(w.IdempotencyKey):
		return &EnvelopeError{Code: "malformed_envelope", Fields: []string{"idempotency_key"}, Detail: "idempotency_key has to be 16 to 255 letters, digits and _ . : -"}
	}
	return nil
}
