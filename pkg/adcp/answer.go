package adcp

import (
	"encoding/json"
	"slices"
)

// Answer is what an agent says about a task, in one form for a direct answer, a poll and a webhook.
type Answer struct {
	Status    Status
	TaskID    string
	TaskType  string
	ContextID string
	Message   string
	// Replayed: the agent repeated its earlier answer to the same idempotency key. That is a snapshot
	// of the past, not news (contract C12, C13).
	Replayed bool
	// Value is the task's own body, without envelope members. Two terminal answers are compared by it
	// (contract H4).
	Value json.RawMessage
	// Original is Value as the agent sent it, if secrets were redacted from Value. It is for comparing
	// ends only, and must not be kept or shown.
	Original json.RawMessage
	// Snapshot: Value shows the current state of what the task created, and is not the task's own
	// body. It can't be compared with another end (contract H5).
	Snapshot bool
	// ResultMissing: the agent reports completed, but without what a success of such a task has. A
	// later answer may have it (contract E3, F30).
	ResultMissing bool
	// Err is set for failed and rejected if the agent gave a reason.
	Err *Error
	// Progress is for display only (contract E15).
	Progress json.RawMessage
	// Prompt is the input that the agent requests, in its own words (contract J1, J13): at most
	// 16 KiB; a larger one is reduced to its message.
	Prompt json.RawMessage
	// Continuation is where the agent waits for the input. Only a direct answer has one.
	Continuation Continuation
}

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

// ReadDirect reads the answer to the task's own call, in the order of contract A6: submitted,
// failure, success. ok is false when the payload says nothing reliable; the outcome of the call is
// then unclear, which is not a failure.
func ReadDirect(task Task, r Response) (a Answer, ok bool) {
	if r.Err != nil {
		return Answer{Status: StatusFailed, Err: r.Err}, true
	}
	var f answerFields
	if len(r.Payload) == 0 || json.Unmarshal(r.Payload, &f) != nil {
		return Answer{}, false
	}
	a = Answer{
		TaskID:    f.TaskID,
		ContextID: f.ContextID,
		Message:   f.Message,
		Replayed:  f.Replayed,
		Progress:  f.Progress,
	}
	mediaBuy := task == CreateMediaBuy || task == UpdateMediaBuy
	switch status := Status(f.Status); {
	case status.Valid() && !status.Terminal():
		a.Status = status
		if a.needsInput() {
			a.Prompt, a.Continuation = promptOf(r.Payload, f.Message), r.Continuation
		}
		return a, status != StatusSubmitted || a.TaskID != "" // submitted names no work without it (contract A8)
	case f.Status == "": // an MCP answer with neither a status nor an error is completed (contract A5)
		a.Status = StatusCompleted
	case mediaBuy && f.MediaBuyID != "" && mediaBuyStatus(f.Status) && !status.Terminal():
		// The buy's status stands where the task's belongs (contract A7). The buy's body proves that
		// the task is done. rejected and canceled may belong to either, and mean in both cases that
		// no buy is live.
		a.Status = StatusCompleted
	case status.Terminal():
		a.Status = status
	default:
		return Answer{}, false
	}
	if mediaBuy && a.Status == StatusCompleted && f.MediaBuyID == "" {
		return Answer{}, false // where money moves, the absence of an error is no success
	}
	a.Value, a.Original = taskBody(r.Payload, a.Status), taskBody(r.Original, a.Status)
	if a.Status == StatusFailed || a.Status == StatusRejected {
		a.Err = firstError(r.Payload)
	}
	return a, true
}

// ReadPoll reads a polling tool's answer about a task (contract E4, E5). ok is false when the
// answer has no status, and when it reports an end without naming the task: that status may be the
// poll's own, and the poll may have failed.
func ReadPoll(task Task, r Response) (a Answer, ok bool) {
	var f answerFields
	if r.Err != nil || len(r.Payload) == 0 || json.Unmarshal(r.Payload, &f) != nil || !Status(f.Status).Valid() {
		return Answer{}, false
	}
	a = Answer{
		Status:    Status(f.Status),
		TaskID:    f.TaskID,
		TaskType:  f.TaskType,
		ContextID: f.ContextID,
		Message:   f.Message,
		Progress:  f.Progress,
	}
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
			a.Original = resultBody(object(r.Original)["result"], a.Status)
		}
		if a.Status == StatusFailed || a.Status == StatusRejected {
			a.Err = firstError(r.Payload)
		}
	}
	return a, true
}

// ReadWebhook reads a webhook's payload as an answer (contract F23). A completed webhook whose
// result is not a success goes into Progress, for display only; the agent has to be polled
// (contract F30).
func ReadWebhook(w Webhook) Answer {
	a := Answer{
		Status:    w.Status,
		TaskID:    w.TaskID,
		TaskType:  w.TaskType,
		ContextID: w.ContextID,
		Message:   w.Message,
	}
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
	return NewSecrets(w.Token).answer(a)
}

// maxPrompt bounds the prompt that is kept, in bytes.
const maxPrompt = 16 << 10

func (a Answer) needsInput() bool {
	return a.Status == StatusInputRequired || a.Status == StatusAuthRequired
}

// promptOf returns the input that an agent requests: the task's body and the message. It is nil if
// the agent says nothing.
func promptOf(body json.RawMessage, message string) json.RawMessage {
	m := map[string]json.RawMessage{}
	for name, v := range object(body) {
		if !slices.Contains(envelopeMembers, name) {
			m[name] = v
		}
	}
	if message != "" {
		m["message"], _ = json.Marshal(message) // a string always marshals
	}
	if b, err := json.Marshal(m); err == nil && len(m) > 0 && len(b) <= maxPrompt {
		return b
	}
	if message == "" || len(message) > maxPrompt/8 { // escaped, a character may take six bytes
		return nil
	}
	b, err := json.Marshal(map[string]string{"message": message})
	if err != nil {
		return nil
	}
	return b
}

// resultBody returns a result without the envelope members that some agents repeat in it. A refusal
// stays whole, because it is shown to people and not compared.
func resultBody(result json.RawMessage, end Status) json.RawMessage {
	if end == StatusFailed || end == StatusRejected {
		return result
	}
	return taskBody(result, end)
}

// taskBody returns the payload without the envelope members, by which two ends are compared
// (contract H4). The status in a 3.0 agent's payload is the buy's own and stays.
func taskBody(payload json.RawMessage, end Status) json.RawMessage {
	m, names := object(payload), strippedMembers
	if businessStatus(m, end) {
		names = without(names, "status")
	}
	return strip(payload, m, names)
}

// businessStatus reports whether the status in a payload belongs to the media buy and not to the
// task (contract A7). A status equal to the task's says nothing.
func businessStatus(m map[string]json.RawMessage, end Status) bool {
	status, _ := text(m["status"])
	id, _ := text(m["media_buy_id"])
	ambiguous := Status(status).Valid()
	return id != "" && mediaBuyStatus(status) && Status(status) != end && !hasAny(m, "media_buy_status") &&
		(!ambiguous || !hasAny(m, "adcp_error", "errors", "reason")) // a rejected task gives its reason
}
