package adcp

import (
	"encoding/json"
	"slices"
)

// Format is the form of a webhook's payload.
type Format string

// The forms of contract F26 and F27.
const (
	FormatMCP Format = "mcp" // AdCP's own
	FormatA2A Format = "a2a" // A2A's own, which some agents send all the same
)

// DetectFormat returns the form of a payload by contract F27, "" if it has neither form. It is a
// safeguard only: the registration decides how a payload is read.
func DetectFormat(body []byte) Format {
	m := object(body)
	for _, event := range a2aEvents {
		if len(m) == 1 && object(m[event]) != nil {
			return FormatA2A
		}
	}
	if state, _ := text(object(m["status"])["state"]); state != "" {
		return FormatA2A
	}
	_, status := text(m["status"])
	if id, _ := text(m["task_id"]); status && id != "" {
		return FormatMCP
	}
	return ""
}

// webhookMembers are the members of a webhook's envelope, which no answer has. Some agents put them
// into the data of A2A, which has no other place for them.
var webhookMembers = slices.Concat(webhookOnly[:], strippedMembers)

// ParseA2AWebhook reads an A2A task or event into the Webhook that MCP's form would give
// (contract F26). What the data says about the work takes precedence over what A2A says about its
// own task, whose id is not an AdCP id (contract A25, A26). A2A has no place for IdempotencyKey,
// OperationID and TaskType: they are set if the data has them, else empty. The same holds for
// TaskID, except that a submitted task without it is malformed.
//
// It returns ErrNoTask for an event to be acknowledged and ignored, and the errors of ParseWebhook.
// What could be read is returned with the error.
func ParseA2AWebhook(body []byte) (Webhook, error) {
	if err := checkBody(body); err != nil {
		return Webhook{}, err
	}
	a, err := ExtractA2A(body)
	w := Webhook{Status: a.State, TaskID: a.TaskID, ContextID: boundedID(a.ContextID), Timestamp: a.Timestamp,
		Message: a.Text}
	if err != nil {
		return w, err
	}
	if a.State == "" {
		w.Status = StatusUnknown // a state of a later A2A: the work goes on and is polled (contract A20)
		return w, w.tooLong()
	}
	data := a.members
	faults := readTexts(data, w.identities())
	// Where these are not strings, the A2A task's own values stay.
	readTexts(data, []member{{"timestamp", &w.Timestamp}, {"message", &w.Message}, {"context_id", &w.ContextID},
		{"notification_type", (*string)(&w.NotificationType)}})
	w.ContextID = boundedID(w.ContextID)
	w.Status = workStatus(data, a.State)
	w.Result = a2aResult(a.Data, data, w.Status)
	return w, w.checkA2A(faults)
}

// workStatus returns the status of the work: the data's, unless that is a media buy's own status
// (contract A7). Then it is the A2A task's state, because the work ended with the call
// (contract A26).
func workStatus(data map[string]json.RawMessage, state Status) Status {
	s, _ := text(data["status"])
	if stated := Status(s); stated.Valid() && !businessStatus(data, state) {
		return stated
	}
	return state
}

// a2aResult returns what MCP's form would have as result: the data's own result if the data is an
// answer about the task, else the data without the envelope. It is nil if nothing is left.
func a2aResult(raw json.RawMessage, data map[string]json.RawMessage, status Status) json.RawMessage {
	refused := status == StatusFailed || status == StatusRejected
	result := startingWith(data["result"], '{')
	if result != nil && hasAny(data, "status", "task_id") && (!refused || firstError(result) != nil) {
		return result
	}
	names := webhookMembers
	if refused {
		names = without(names, "adcp_error", "message") // the reason of the refusal
	}
	if businessStatus(data, status) {
		names = without(names, "status")
	}
	if result := strip(raw, data, names); string(result) != "{}" {
		return result
	}
	return nil
}

func (w Webhook) checkA2A(faults []string) error {
	switch {
	case len(faults) > 0:
		return notTexts(faults)
	case w.Status == StatusSubmitted && w.TaskID == "": // contract A8
		return malformedA2A("task_id", "submitted names no work without it")
	case w.IdempotencyKey != "" && !webhookKey(w.IdempotencyKey):
		return errWebhookKey
	}
	return w.tooLong()
}
