package adcp

import (
	"encoding/json"
	"slices"
	"strings"
)

// MaxID is the length in bytes of the longest id that is taken from an agent: a task's, a
// context's, a media buy's. Real ones have less than a tenth of it. A longer one could make an
// operation too large to be stored.
const MaxID = 512

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
	// MediaBuyID is the buy that the agent names in an answer to a task about one buy. An answer that
	// can't be read has it too, so that a person can look for the buy.
	MediaBuyID string
	// Provisional: the buy exists and the agent has not committed itself to it, so the task is not
	// done. Status is submitted, whatever the agent calls it (contract A9, A31).
	Provisional bool
	// EndOfBuy: Status is that of the buy, whose task is completed (contract A31).
	EndOfBuy bool
	// ResultMissing: the agent reports completed, but without what a success of such a task has. A
	// later answer may have it (contract E3, F30).
	ResultMissing bool
	// Err is set for failed and rejected if the agent gave its reason as an error object, Words if it
	// gave it only in words. Reason returns either.
	Err   *Error
	Words string
	// Progress is for display only (contract E15).
	Progress json.RawMessage
	// Prompt is the input that the agent requests, in its own words (contract J1, J13): at most
	// 16 KiB; a larger one is reduced to its message.
	Prompt json.RawMessage
	// Continuation is where the agent waits for the input. Only a direct answer has one.
	Continuation Continuation
}

// envelope holds the members of an answer that are read. Each is read apart, by its exact name: one
// that has another type, or another case, must not make the others unreadable.
type envelope struct {
	members map[string]json.RawMessage
	faults  []string // the names of those that are not strings
	status  Status
	Answer
}

// readEnvelope reads an answer. ok is false if it is no object, or if its status can't be read.
func readEnvelope(task Task, payload json.RawMessage) (e envelope, ok bool) {
	e.members = object(payload)
	e.faults = readTexts(e.members, []member{
		{"status", (*string)(&e.status)},
		{"task_id", &e.TaskID},
		{"task_type", &e.TaskType},
		{"context_id", &e.ContextID},
		{"message", &e.Message},
	})
	e.Replayed, e.Progress = isTrue(e.members["replayed"]), e.members["progress"]
	e.MediaBuyID = mediaBuyID(task, e.members)
	if len(e.TaskID) > MaxID {
		e.TaskID, e.faults = "", append(e.faults, "task_id")
	}
	e.ContextID = boundedID(e.ContextID)
	return e, e.members != nil && !slices.Contains(e.faults, "status")
}

// boundedID returns an id, "" if it is too long to be kept.
func boundedID(id string) string {
	if len(id) > MaxID {
		return ""
	}
	return id
}

// mediaBuyID returns the buy that an object names, "" if the task is not about one buy. Some agents
// write their database's number: it names the buy too, and a person can look for it.
func mediaBuyID(task Task, m map[string]json.RawMessage) string {
	if !task.AboutBuy() {
		return ""
	}
	raw := m["media_buy_id"]
	id, ok := text(raw)
	if !ok && len(raw) > 0 && strings.Trim(string(raw), "0123456789") == "" {
		id = string(raw)
	}
	return boundedID(id)
}

// ReadDirect reads the answer to the task's own call, in the order of contract A6: submitted,
// failure, success. A success is proven by what a success of the task has; that an answer reports
// no error proves nothing.
//
// ok is false when the payload says nothing reliable; the outcome of the call is then unclear,
// which is not a failure. Of such an Answer only TaskID and MediaBuyID are set, for people.
func ReadDirect(task Task, r Response) (a Answer, ok bool) {
	if r.Err != nil {
		return Answer{Status: StatusFailed, Err: r.Err}, true
	}
	e, ok := readEnvelope(task, r.Payload)
	a, unclear := e.Answer, Answer{TaskID: e.TaskID, MediaBuyID: e.MediaBuyID}
	a.TaskType = "" // a direct answer is about its own call
	switch {
	case !ok:
		return unclear, false
	case e.status.Valid() && !e.status.Terminal():
		a.Status = e.status
		if a.needsInput() {
			a.Prompt, a.Continuation = promptOf(r.Payload, a.Message), r.Continuation
		}
		if a.Status == StatusSubmitted && a.TaskID == "" { // submitted names no work without it (contract A8)
			return unclear, false
		}
		return a, true
	case e.status == "": // an MCP answer with neither a status nor an error is completed (contract A5)
		a.Status = StatusCompleted
	case a.MediaBuyID != "" && mediaBuyStatus(string(e.status)) && !e.status.Terminal():
		// The buy's status stands where the task's belongs (contract A7). The buy's body proves that
		// the task is done. rejected and canceled may belong to either, and mean of a new buy in both
		// cases that none is live.
		a.Status = StatusCompleted
	case e.status.Terminal():
		a.Status = e.status
	case ownStatus(task, string(e.status)): // the task's own, like a buy's: its body proves the rest
		a.Status = StatusCompleted
	default:
		return unclear, false
	}
	a.end(task, r.Payload, e.members)
	if a.ResultMissing {
		return unclear, false
	}
	a.explain(r.Payload, e.members)
	if a.Status.Terminal() {
		a.Value = taskBody(r.Payload, e.members, a.Status)
		a.Original = taskBody(r.Original, object(r.Original), a.Status)
	}
	return a, true
}

// end decides what an end that the agent reports is worth, by the task's body.
func (a *Answer) end(task Task, body json.RawMessage, m map[string]json.RawMessage) {
	if id := mediaBuyID(task, m); id != "" {
		a.MediaBuyID = id
	}
	changed := changesBuy(task, m)
	if changed && buyEnded(task, a.Status, m) {
		a.Status = StatusCompleted
	}
	switch {
	case a.Status != StatusCompleted:
	case !hasResult(task, m):
		a.ResultMissing = true
	case task.MakesBuy() && !changed:
		a.endByBuy(m)
	}
}

// Named describes what an answer names, for people: "media buy mb_1" or "task task_1", "" if it
// names nothing. An id that is not plain is left out, because an agent could write a sentence with
// it.
func (a Answer) Named() string {
	var all []string
	if plainID(a.MediaBuyID) {
		all = append(all, "media buy "+a.MediaBuyID)
	}
	if plainID(a.TaskID) {
		all = append(all, "task "+a.TaskID)
	}
	return strings.Join(all, ", ")
}

// plainID reports whether an id can stand in a sentence: ^[A-Za-z0-9_.:-]{1,64}$.
func plainID(id string) bool {
	return id != "" && len(id) <= 64 && strings.IndexFunc(id, func(r rune) bool { return !idRune(r) }) < 0
}

// ReadPoll reads a polling tool's answer about a task (contract E4, E5). ok is false when the
// answer has no status, when its task_id can't be an id, and when it reports an end without naming
// the task: that status may be the poll's own, and the poll may have failed.
func ReadPoll(task Task, r Response) (a Answer, ok bool) {
	if r.Err != nil {
		return Answer{}, false
	}
	e, ok := readEnvelope(task, r.Payload)
	if !ok || !e.status.Valid() || slices.Contains(e.faults, "task_id") || e.status.Terminal() && e.TaskID == "" {
		return Answer{}, false
	}
	a = e.Answer
	a.Status, a.Replayed = e.status, false
	result, m := unwrapBody(task, e.members["result"])
	if a.needsInput() {
		a.Prompt = promptOf(result, a.Message)
	}
	if !a.Status.Terminal() {
		return a, true
	}
	a.end(task, result, m)
	a.explain(r.Payload, e.members)
	if a.Status.Terminal() && len(result) > 0 && string(result) != "null" {
		a.Value = resultBody(result, m, a.Status)
		original, om := unwrapBody(task, object(r.Original)["result"])
		a.Original = resultBody(original, om, a.Status)
	}
	return a, true
}

// ReadWebhook reads a webhook's payload as an answer about a task (contract F23). A completed
// webhook whose result is not a success goes into Progress, for display only; the agent has to be
// polled (contract F30).
func ReadWebhook(task Task, w Webhook) Answer {
	a := Answer{
		Status:    w.Status,
		TaskID:    w.TaskID,
		TaskType:  w.TaskType,
		ContextID: w.ContextID,
		Message:   w.Message,
	}
	result, m := unwrapBody(task, w.Result)
	if a.Status.Terminal() {
		a.end(task, result, m)
	}
	switch {
	case a.ResultMissing, !a.Status.Terminal():
		a.ResultMissing = false // another delivery may have it, or a poll
		if len(result) > 0 {
			a.Progress = result
		}
		if a.needsInput() {
			a.Prompt = promptOf(result, w.Message)
		}
	default:
		a.explain(result, m)
		a.Value = resultBody(result, m, a.Status)
	}
	return NewSecrets(w.Token).answer(a)
}

// resultBody returns a result without the envelope members that some agents repeat in it. A refusal
// stays whole, because it is shown to people and not compared.
func resultBody(result json.RawMessage, m map[string]json.RawMessage, end Status) json.RawMessage {
	if end == StatusFailed || end == StatusRejected {
		return result
	}
	return taskBody(result, m, end)
}

// taskBody returns the payload without the envelope members, by which two ends are compared
// (contract H4). The status in a 3.0 agent's payload is the buy's own and stays. m are the
// payload's members; they are used up.
func taskBody(payload json.RawMessage, m map[string]json.RawMessage, end Status) json.RawMessage {
	names := strippedMembers
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
	if id == "" && status != "" && !ambiguous { // no task's status: it is the verdict of a 3.0 agent, or the like
		return true
	}
	refused := hasAny(m, "adcp_error") || !saysNothing(m["errors"])
	if hasAny(m, "reason") { // a rejected task gives its reason, and so does a canceled buy
		refused = refused || Status(status) != StatusCanceled ||
			!hasAny(m, "revision", "affected_packages", "affected_package_ids")
	}
	return id != "" && mediaBuyStatus(status) && Status(status) != end && !hasAny(m, "media_buy_status") &&
		(!ambiguous || !refused)
}
