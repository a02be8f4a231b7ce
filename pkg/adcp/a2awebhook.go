package adcp

import (
	"encoding/json"
	"slices"
)

// Format is the form of a webhook's payload.
type Format string

// The forms of contract F26 and F27.
const (
	FormatMCP Format = "mcp"
	FormatA2A Format = "a2a"
)

// DetectFormat tells a payload's form by contract F27, "" if it has neither. For defence only: what is registered decides how a payload is read.
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

// pushed are the members of a webhook's envelope that are no answer's: some agents put them into the data of A2A, which has no place for them.
var pushed = append([]string{"token", "notification_id", "protocol"}, envelope...)

// ParseA2AWebhook reads an A2A task or event as the webhook that MCP's form would have been of it (contract F26). What the data says of the work goes before
// what A2A says of its own task (contract A25, A26), whose id is no AdCP id. A2A has no place for IdempotencyKey, OperationID and TaskType: they are set if
// the data has them, else empty, and so is TaskID, but for a submitted task, which is nothing without. The errors are ErrNoTask, for what is to be acknowledged
// and ignored, and those of ParseWebhook; what could be read is returned beside them.
func ParseA2AWebhook(body []byte) (Webhook, error) {
	if err := checkBody(body); err != nil {
		return Webhook{}, err
	}
	a, err := ExtractA2A(body)
	w := Webhook{Status: a.State, TaskID: a.TaskID, ContextID: a.ContextID, Timestamp: a.Timestamp, Message: a.Text}
	if err != nil {
		return w, err
	}
	if a.State == "" {
		w.Status = StatusUnknown // a later A2A's: something goes on, to be asked for (contract A20)
		return w, nil
	}
	data := a.members
	faults := readTexts(data, w.identities())
	readTexts(data, []member{{"timestamp", &w.Timestamp}, {"message", &w.Message}, {"context_id", &w.ContextID}}) // the task's own, if they are no texts
	w.Status = workStatus(data, a.State)
	w.Result = a2aResult(a.Data, data, w.Status)
	return w, w.checkA2A(faults)
}

// workStatus is the status of the work: the data's, unless it is a buy's, in which case the A2A task's ended with the call (contract A7, A26).
func workStatus(data map[string]json.RawMessage, state Status) Status {
	s, _ := text(data["status"])
	if said := Status(s); said.Valid() && !businessStatus(data, state) {
		return said
	}
	return state
}

// a2aResult is what MCP's form would have as result: the data's own result if it is an answer about the task, else the data without the envelope. An end of
// which the data says nothing else has none.
func a2aResult(raw json.RawMessage, data map[string]json.RawMessage, status Status) json.RawMessage {
	refused := status == StatusFailed || status == StatusRejected
	if result := kind(data["result"], '{'); result != nil && hasAny(data, "status", "task_id") && (!refused || firstError(result) != nil) {
		return result
	}
	names := pushed
	if refused {
		names = without(names, "adcp_error", "message") // they say why
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
	return nil
}

func hasAny(m map[string]json.RawMessage, names ...string) bool {
	return slices.ContainsFunc(names, func(n string) bool { _, ok := m[n]; return ok })
}

func without(names []string, out ...string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(n string) bool { return slices.Contains(out, n) })
}
