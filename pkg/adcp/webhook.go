package adcp

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// Webhook is an AdCP webhook payload, with the members of its MCP form (contract F21).
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
	// NotificationType stands beside the result; News reads the result's own too.
	NotificationType NotificationType `json:"notification_type,omitempty"`
	// Bare: a notification about no operation, in the form of its own schema (contract F13). The
	// receiver sets OperationID to the operation whose webhook it came to.
	Bare bool `json:"-"`
}

// EnvelopeError says why a payload is not an AdCP webhook (contract F25).
type EnvelopeError struct {
	// Code is one of missing_envelope_fields, missing_idempotency_key, invalid_envelope_status,
	// malformed_envelope.
	Code string
	// Fields are the members at fault.
	Fields []string
	Detail string
}

func (e *EnvelopeError) Error() string { return e.Code + ": " + e.Detail }

// webhookKey reports whether s is an idempotency key: ^[A-Za-z0-9_.:-]{16,255}$ (contract C1). It
// does not use a regular expression: one with such a repetition count would take most of a
// function's cold start to compile.
func webhookKey(s string) bool {
	return len(s) >= 16 && len(s) <= 255 && strings.IndexFunc(s, func(r rune) bool { return !idRune(r) }) < 0
}

// idRune reports whether r is a letter or digit of ASCII, or one of _ . : -
func idRune(r rune) bool {
	letterOrDigit := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
	return letterOrDigit || r == '_' || r == '.' || r == ':' || r == '-'
}

var errWebhookKey = &EnvelopeError{Code: "malformed_envelope", Fields: []string{"idempotency_key"},
	Detail: "idempotency_key must be 16 to 255 letters, digits and _ . : -"}

// ParseWebhook reads a payload in MCP's form. The caller has authenticated the bytes before. It
// returns a *DuplicateKeyError if a key occurs twice, and an *EnvelopeError for a faulty envelope;
// with the latter it returns what could be read.
func ParseWebhook(body []byte) (Webhook, error) {
	if err := checkBody(body); err != nil {
		return Webhook{}, err
	}
	m := object(body)
	if w, ok, err := bareNotification(body, m); ok {
		return w, err
	}
	w := Webhook{Result: m["result"]}
	readTexts(m, []member{{"notification_type", (*string)(&w.NotificationType)}})
	faults := readTexts(m, append(w.identities(),
		member{"status", (*string)(&w.Status)},
		member{"timestamp", &w.Timestamp},
		member{"message", &w.Message},
		member{"context_id", &w.ContextID}))
	if string(w.Result) == "null" {
		w.Result = nil // missing and null are the same (contract F23)
	}
	w.ContextID = boundedID(w.ContextID)
	if len(faults) > 0 {
		return w, notTexts(faults)
	}
	return w, w.check()
}

// checkBody checks what must hold for a payload of any form.
func checkBody(body []byte) error {
	var dup *DuplicateKeyError
	switch err := CheckObject(body); {
	case errors.As(err, &dup):
		return err
	case err != nil:
		return &EnvelopeError{Code: "malformed_envelope", Detail: "the body must be one JSON object"}
	}
	return nil
}

// member is the name of a string member and the field that it is read into.
type member struct {
	name string
	into *string
}

func (w *Webhook) identities() []member {
	return []member{
		{"idempotency_key", &w.IdempotencyKey},
		{"operation_id", &w.OperationID},
		{"task_id", &w.TaskID},
		{"task_type", &w.TaskType},
		{"notification_id", &w.NotificationID},
		{"token", &w.Token},
	}
}

// readTexts reads the members that m has, by their exact names: a struct would accept "Status" for
// "status" and, of both, take the last one. It returns the names of those that are not strings; a
// null counts as missing.
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
	return &EnvelopeError{Code: "malformed_envelope", Fields: fields,
		Detail: "must be strings: " + strings.Join(fields, ", ")}
}

// tooLong reports an id that is longer than any id that is kept.
func (w Webhook) tooLong() error {
	for _, id := range []struct{ name, value string }{
		{"operation_id", w.OperationID}, {"task_id", w.TaskID}, {"notification_id", w.NotificationID},
	} {
		if len(id.value) > MaxID {
			return &EnvelopeError{Code: "malformed_envelope", Fields: []string{id.name},
				Detail: fmt.Sprintf("%s must have at most %d bytes", id.name, MaxID)}
		}
	}
	return nil
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
		return &EnvelopeError{Code: "missing_idempotency_key", Fields: missing,
			Detail: "idempotency_key is required and stays the same over retries"}
	case len(missing) > 0:
		return &EnvelopeError{Code: "missing_envelope_fields", Fields: missing,
			Detail: "required: " + strings.Join(missing, ", ")}
	case !w.Status.Valid():
		return &EnvelopeError{Code: "invalid_envelope_status", Fields: []string{"status"},
			Detail: "status must be an AdCP task status; media-buy statuses belong in result"}
	case !webhookKey(w.IdempotencyKey):
		return errWebhookKey
	}
	return w.tooLong()
}
