package adcp

import (
	"encoding/json"
	"errors"
	"strings"
)

// Webhook is an AdCP webhook payload, in the words of its MCP form (contract F21).
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

// Report reports whether w tells how a buy is delivered and nothing of a task (contract F15): by its type, or by what it holds, as there are agents that
// send their reports under the type of the task that made the buy or under another's.
func (w Webhook) Report() bool {
	if w.TaskType == "media_buy_delivery" {
		return true
	}
	m := object(w.Result)
	kind, ok := text(m["notification_type"])
	return ok && kind != "" && len(m["media_buy_deliveries"]) > 0
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

var errWebhookKey = &EnvelopeError{Code: "malformed_envelope", Fields: []string{"idempotency_key"},
	Detail: "idempotency_key has to be 16 to 255 letters, digits and _ . : -"}

// ParseWebhook reads a payload in MCP's form. What could be read is returned with an *EnvelopeError for whatever the envelope lacks; a
// *DuplicateKeyError when a key stands twice; the caller has authenticated the bytes before.
func ParseWebhook(body []byte) (Webhook, error) {
	if err := checkBody(body); err != nil {
		return Webhook{}, err
	}
	m := object(body)
	w := Webhook{Result: m["result"]}
	faults := readTexts(m, append(w.identities(), member{"status", (*string)(&w.Status)}, member{"timestamp", &w.Timestamp},
		member{"message", &w.Message}, member{"context_id", &w.ContextID}))
	if string(w.Result) == "null" {
		w.Result = nil // contract F23: missing and null are the same
	}
	if len(faults) > 0 {
		return w, notTexts(faults)
	}
	return w, w.check()
}

// checkBody is what holds for a payload of any form.
func checkBody(body []byte) error {
	var dup *DuplicateKeyError
	switch err := CheckObject(body); {
	case errors.As(err, &dup):
		return err
	case err != nil:
		return &EnvelopeError{Code: "malformed_envelope", Detail: "the body has to be one JSON object"}
	}
	return nil
}

// member is a text of a JSON object and where it is read to.
type member struct {
	name string
	into *string
}

func (w *Webhook) identities() []member {
	return []member{{"idempotency_key", &w.IdempotencyKey}, {"operation_id", &w.OperationID}, {"task_id", &w.TaskID}, {"task_type", &w.TaskType},
		{"notification_id", &w.NotificationID}, {"token", &w.Token}}
}

// readTexts reads the members that m has, names exact: a struct would take "Status" for "status", and with both of them the one that comes last. It returns
// the names of those that are no text; null is none at all.
func readTexts(m map[string]json.RawMessage, members []member) (faults []string) {
	for _, f := range members {
		raw := m[f.name]
		if len(raw) == 0 || string(raw) == "null" {
			continue
		}
		if s, ok := text(raw); ok {
			*f.into = s
		} else {
			faults = append(faults, f.name)
		}
	}
	return faults
}

func notTexts(fields []string) *EnvelopeError {
	return &EnvelopeError{Code: "malformed_envelope", Fields: fields, Detail: "to be strings: " + strings.Join(fields, ", ")}
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
		return errWebhookKey
	}
	return nil
}
