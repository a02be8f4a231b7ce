package adcp

import (
	"encoding/json"
	"slices"
)

// Answer is what a Response says of the task: the same form for a direct answer and for a poll.
type Answer struct {
	Status    Status
	TaskID    string
	TaskType  string
	ContextID string
	Message   string
	// Replayed: the agent returned what it had answered to this key before; a snapshot, not news (contract C12, C13).
	Replayed bool
	// Value is the task's own body, without envelope fields (contract H4): what two terminal answers are compared by.
	Value json.RawMessage
	// Snapshot: Value is what the agent shows of what the task made, and not the task's own body: no other end can be compared with it (contract H5).
	Snapshot bool
	// Unproven: the agent's record of the task says completed, without what a success of such a task has: there may be more to hear (contract E3, F30).
	ResultMissing bool
	// Err is set for failed and rejected when the agent said why.
	Err *Error
	// Progress is display only (contract E15).
	Progress json.RawMessage
	// Asks is what the agent waits for, in its own words (contract J1, J13): at most 16 KiB, else only its message.
	Prompt json.RawMessage
	// Continuation is where it waits for us. Only the call's own answer has one.
	Continuation Continuation
}

// envelope are the members of an answer that are the protocol's and not the task's (contract B3, H4).
var envelope = []string{"status", "task_id", "task_type", "context_id", "message", "timestamp", "replayed", "adcp_error", "adcp_version",
	"adcp_major_version", "push_notification_config", "governance_context", "operation_id", "idempotency_key"}

type answerFields struct {
	Status     string          `json:"status"`
	TaskID     string          `json:"task_id"`
	TaskType   string          `json:"task_type"`
	ContextID  string          `json:"context_id"`
	Message    string          `json:"message"`
	Replayed   bool            `json:"replayed"`
	MediaBuyID string          `json:"media_buy_id"`
	Progress   json.RawMessage `json:"progress"`
	Result     json.RawMessage `json:"result"`
	Error      json.RawMessage `json:"error"`
}

// ReadDirect reads the answer to the task's own call, in the order of contract A6: submitted, failure, success. ok is false when the
// payload says nothing that can be relied on; then the outcome is unclear and not a failure.
func ReadDirect(task Task, r Response) (a Answer, ok bool) {
	if r.Err != nil {
		return Answer{Status: StatusFailed, Err: r.Err}, true
	}
	var f answerFields
	if len(r.Payload) == 0 || json.Unmarshal(r.Payload, &f) != nil {
		return Answer{}, false
	}
	a = Answer{TaskID: f.TaskID, ContextID: f.ContextID, Message: f.Message, Replayed: f.Replayed, Progress: f.Progress}
	status := Status(f.Status)
	switch {
	case status == StatusSubmitted, status == StatusWorking, status == StatusInputRequired, status == StatusAuthRequired, status == StatusUnknown:
		a.Status = status
		if a.needsInput() {
			a.Prompt, a.Continuation = promptOf(r.Payload, f.Message), r.Continuation
		}
		return a, status != StatusSubmitted || a.TaskID != "" // contract A8: submitted without a task_id names no work
	case f.Status == "": // contract A5: an MCP answer without status and without error is completed
		a.Status = StatusCompleted
	case (task == CreateMediaBuy || task == UpdateMediaBuy) && f.MediaBuyID != "" && mediaBuyStatus(f.Status) && !status.Terminal():
		// contract A7: a media-buy status where the task's belongs. The body of a buy decides: the task is done. Rejected and canceled may be either's: no
		// buy is live in either case.
		a.Status = StatusCompleted
	case status.Terminal():
		a.Status = status
	default:
		return Answer{}, false
	}
	if (task == CreateMediaBuy || task == UpdateMediaBuy) && a.Status == StatusCompleted && f.MediaBuyID == "" {
		return Answer{}, false // success is never inferred from the absence of an error where money moves
	}
	a.Value = taskBody(r.Payload, a.Status)
	if a.Status == StatusFailed || a.Status == StatusRejected {
		a.Err = firstError(r.Payload)
	}
	return a, true
}

// ReadPoll reads the answer of a polling tool about a task (contract E4, E5). ok is false when it holds no status, and when it tells of an end without
// saying whose: the question has a status of its own, and may have failed.
func ReadPoll(task Task, r Response) (a Answer, ok bool) {
	var f answerFields
	if r.Err != nil || len(r.Payload) == 0 || json.Unmarshal(r.Payload, &f) != nil || !Status(f.Status).Valid() {
		return Answer{}, false
	}
	a = Answer{Status: Status(f.Status), TaskID: f.TaskID, TaskType: f.TaskType, ContextID: f.ContextID, Message: f.Message, Progress: f.Progress}
	if a.needsInput() {
		a.Prompt = promptOf(f.Result, f.Message)
	}
	if a.Status.Terminal() {
		if a.TaskID == "" {
			return Answer{}, false
		}
		a.ResultMissing = a.Status == StatusCompleted && !hasResult(task, f.Result)
		if len(f.Result) > 0 && string(f.Result) != "null" {
			a.Value = resultBody(f.Result, a.Status)
		}
		if a.Status == StatusFailed || a.Status == StatusRejected {
			a.Err = firstError(r.Payload)
		}
	}
	return a, true
}

// ReadWebhook reads a webhook's payload as an answer (contract F23). A success that isn't one by its result is kept for display only: the agent is to be asked
// (contract F30).
func ReadWebhook(w Webhook) Answer {
	a := Answer{Status: w.Status, TaskID: w.TaskID, TaskType: w.TaskType, ContextID: w.ContextID, Message: w.Message}
	switch {
	case w.Status == StatusCompleted && !hasResult(Task(w.TaskType), w.Result), !w.Status.Terminal():
		if len(w.Result) > 0 {
			a.Progress = w.Result
		}
		if a.needsInput() {
			a.Prompt = promptOf(w.Result, w.Message)
		}
	default:
		a.Value = resultBody(w.Result, w.Status)
		if w.Status == StatusFailed || w.Status == StatusRejected {
			a.Err = firstError(w.Result)
		}
	}
	return a
}

// maxAsks is the most that is kept of what an agent asks.
const maxPrompt = 16 << 10

// asks reports whether the agent waits for us.
func (a Answer) needsInput() bool {
	return a.Status == StatusInputRequired || a.Status == StatusAuthRequired
}

// asked is what an agent says that it waits for: the task's body, and the message with it. Nil if it says nothing.
func promptOf(body json.RawMessage, message string) json.RawMessage {
	m := map[string]json.RawMessage{}
	for name, v := range object(body) {
		if !slices.Contains(envelope, name) {
			m[name] = v
		}
	}
	if message != "" {
		m["message"], _ = json.Marshal(message) // a string
	}
	if b, err := json.Marshal(m); err == nil && len(m) > 0 && len(b) <= maxPrompt {
		return b
	}
	if message == "" || len(message) > maxPrompt/8 { // escaped, a character may take six
		return nil
	}
	b, err := json.Marshal(map[string]string{"message": message})
	if err != nil {
		return nil
	}
	return b
}

// resultBody is a result without the members of the envelope, which some agents repeat in it. What a refusal says stays as it is: it is told, not compared.
func resultBody(result json.RawMessage, ended Status) json.RawMessage {
	if ended == StatusFailed || ended == StatusRejected {
		return result
	}
	return taskBody(result, ended)
}

// taskBody is what two ends are compared by (contract H4): the payload without the envelope's members. A 3.0 agent's status is the buy's own and stays.
func taskBody(payload json.RawMessage, ended Status) json.RawMessage {
	m, names := object(payload), envelope
	if businessStatus(m, ended) {
		names = without(names, "status")
	}
	return strip(payload, m, names)
}

// businessStatus reports whether the status in a payload is the media buy's and not the task's (contract A7). Equal to the task's it says nothing.
func businessStatus(m map[string]json.RawMessage, ended Status) bool {
	status, _ := text(m["status"])
	id, _ := text(m["media_buy_id"])
	ambiguous := Status(status).Valid()
	return id != "" && mediaBuyStatus(status) && Status(status) != ended && !hasAny(m, "media_buy_status") &&
		(!ambiguous || !hasAny(m, "adcp_error", "errors", "reason")) // a rejected task says why
}

// strip removes members from a JSON object, of which m are the members. Whatever has none of them stays byte for byte.
func strip(raw json.RawMessage, m map[string]json.RawMessage, names []string) json.RawMessage {
	if !hasAny(m, names...) {
		return raw
	}
	for _, n := range names {
		delete(m, n)
	}
	b, err := json.Marshal(m)
	if err != nil {
		return nil
	}
	return b
}

// firstError finds the error of a failed payload, in itself or in its result (contract D2, D23), and no deeper: each level costs a reading of all below it.
func firstError(payload json.RawMessage) *Error {
	m := object(payload)
	for _, level := range []map[string]json.RawMessage{m, object(m["result"])} {
		candidates := []json.RawMessage{level["adcp_error"], level["error"], head(list(level["errors"], 1))}
		if code := level["code"]; len(code) > 0 { // the payload is the error
			candidates = append(candidates, payload)
		}
		for _, c := range candidates {
			if e, ok := DecodeError(c); ok {
				return &e
			}
		}
		payload = level["result"]
	}
	return nil
}
