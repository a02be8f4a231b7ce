package operation

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"github.com/gowebpki/jcs"

	"adcp-orchestrator/pkg/adcp"
)

// Observation is something authentic that was seen of an operation's task, by whatever channel.
type Observation struct {
	Channel Channel
	Answer  adcp.Answer
	At      time.Time
	// Resume is the generation of the pause whose resume is answered directly, 0 if none is.
	InputGeneration int
}

// answers reports whether o is the direct answer to the resume of the last pause.
func (o Observation) answers(op *Operation) bool {
	return o.InputGeneration != 0 && o.InputGeneration == op.InputRequest.Generation
}

// Verdict is what an observation did (contract H1 to H3, F79).
type Verdict string

// The verdicts.
const (
	Advanced  Verdict = "advanced"   // the state changed
	Repeated  Verdict = "repeated"   // same state, or unknown: seen, nothing changed
	Stale     Verdict = "stale"      // non-terminal after the end, or an older answer
	Duplicate Verdict = "duplicate"  // the terminal that is already known
	Conflict  Verdict = "conflict"   // another terminal than the one that is known: the first wins
	WrongTask Verdict = "wrong_task" // of another task than the operation's (contract A29, E6)
)

// Apply is the convergence function: direct answers, polls and webhooks all go through it. It returns the operation as it then is, with the
// version counted up, and the event that tells of it. The first authoritative terminal wins (contract H2); terminal states absorb; a poll or
// webhook that belongs to another task changes nothing.
func Apply(op Operation, o Observation) (Operation, Event, Verdict) {
	before := op.State
	verdict, detail := converge(&op, o)
	kind := EventSeen
	switch verdict {
	case Advanced:
		kind = EventChanged
	case Stale, Duplicate:
		kind = EventIgnored
	case Conflict, WrongTask:
		kind = EventConflict
		op.flag(ProtocolClash, o.At, detail)
		if o.InputGeneration != 0 && o.InputGeneration == op.PendingInput() { // the same again would be answered the same
			op.InputRequest.Input.State, op.InputRequest.Input.Call.InFlight = InputUnclear, false
		}
	}
	if o.Channel == ByWebhook {
		op.Attempts.Webhooks++
	}
	op.BumpVersion(o.At)
	return op, Event{Seq: op.Version, At: o.At, Kind: kind, Channel: o.Channel, From: before, To: op.State, Detail: detail}, verdict
}

func converge(op *Operation, o Observation) (Verdict, string) {
	a := o.Answer
	if a.TaskType != "" && a.TaskType != string(op.Type) {
		return WrongTask, "the agent names another task type"
	}
	if a.TaskID != "" && op.TaskID != "" && a.TaskID != op.TaskID {
		if op.State.Terminal() && a.Status.Terminal() && sameEnd(*op, a) {
			return Duplicate, "the known end under another task id" // an agent that invents a task for a direct answer (contract A16)
		}
		return WrongTask, "the agent names another task id"
	}
	op.ADCPStatus = a.Status
	next, known := FromWire(a.Status)
	if !known {
		return Repeated, "the agent does not know the status"
	}
	answers := o.answers(op)
	if op.State.Terminal() {
		v, detail := afterTheEnd(*op, a)
		if v == Duplicate {
			op.clearInputCrossed(o.InputGeneration, InputAnswered)
		}
		return v, detail
	}
	if op.TaskID == "" && a.TaskID != "" {
		op.TaskID = a.TaskID
	}
	if a.ContextID != "" {
		op.ContextID = a.ContextID
	}
	if answers && next.NeedsInput() && op.InputRequest.Input.State == InputSending && (next == op.State || op.State.CanBecome(next)) {
		op.become(next, a, o) // race R9: it asks again, whatever else was heard of it meanwhile
		return Advanced, "asks again"
	}
	if next == op.State {
		if op.unanswerable() && o.Channel == ByAnswer && o.InputGeneration == op.InputRequest.Generation-1 && a.Continuation != (adcp.Continuation{}) {
			op.InputRequest.Continuation = a.Continuation // the webhook of this pause was faster than the answer, and had none
			return Advanced, "can be resumed"
		}
		return Repeated, progress(a)
	}
	if o.Channel == ByWebhook && next == Completed && len(a.Value) == 0 {
		return Repeated, "completed without its result: to be fetched by a poll" // contract H6
	}
	awaited := op.State == CallingAdCP || answers && op.PendingInput() == o.InputGeneration
	if a.Replayed && !awaited && !next.Terminal() {
		return Stale, "a replayed answer is a snapshot of the past" // contract C12
	}
	if o.Channel == ByAnswer && !awaited && !next.Terminal() {
		if answers {
			op.endInputRequest(o.At, true, false)
		}
		return Stale, "overtaken by a later observation" // race R3: what came by webhook is newer than the call's own answer
	}
	if !op.State.CanBecome(next) {
		return WrongTask, fmt.Sprintf("%s cannot follow %s", next, op.State)
	}
	op.become(next, a, o)
	return Advanced, progress(a)
}

func (op *Operation) become(next State, a adcp.Answer, o Observation) {
	answered := o.answers(op)
	op.State = next
	op.Call.InFlight, op.Call.Unclear = false, false
	op.Attempts.PollErrors = 0
	op.Error = a.Err
	if op.SubmittedAt.IsZero() && next == Submitted {
		op.SubmittedAt = o.At
	}
	switch {
	case next.Terminal():
		op.Terminal = &Terminal{Status: a.Status, Fingerprint: Fingerprint(op.Type, a), Channel: o.Channel, At: o.At}
		op.Attention = nil
		op.endInputRequest(o.At, answered, true)
		if a.ResultMissing {
			op.flag(ResultMissing, o.At, "the agent says completed and shows no result")
		}
	case op.NeedsInput():
		op.requestInput(a, o, answered)
		op.Attention = nil
		op.flagInputNeeded(o.At, "")
	default:
		op.endInputRequest(o.At, answered, false)
		if op.Attention != nil && op.Attention.Reason != DeadlinePassed {
			op.Attention = nil // whatever it was, the agent is heard again
		}
	}
}

func afterTheEnd(op Operation, a adcp.Answer) (Verdict, string) {
	switch {
	case !a.Status.Terminal():
		return Stale, "after the end"
	case sameEnd(op, a):
		return Duplicate, "the known end"
	default:
		return Conflict, fmt.Sprintf("%s after %s: the first stays", a.Status, op.State)
	}
}

// sameEnd compares two ends (contract H4). Without a value on one side nothing proves them different (contract H5). Real agents say rejected by
// webhook and failed by poll of one task: those two are one end.
func sameEnd(op Operation, a adcp.Answer) bool {
	known, seen := op.Terminal.Status, a.Status
	refusal := func(s adcp.Status) bool { return s == adcp.StatusFailed || s == adcp.StatusRejected }
	if known != seen {
		return refusal(known) && refusal(seen)
	}
	f := Fingerprint(op.Type, a)
	return f == op.Terminal.Fingerprint || f == "" || op.Terminal.Fingerprint == "" || refusal(known)
}

// Fingerprint is the hexadecimal SHA-256 of the JCS of {task_type, status, value} (contract H4), or "" if the answer carries no
// value of its own.
func Fingerprint(task adcp.Task, a adcp.Answer) string {
	if len(a.Value) == 0 || a.Snapshot {
		return ""
	}
	raw, err := json.Marshal(struct {
		TaskType adcp.Task       `json:"task_type"`
		Status   adcp.Status     `json:"status"`
		Value    json.RawMessage `json:"value"`
	}{task, a.Status, a.Value})
	if err != nil {
		return ""
	}
	canonical, err := jcs.Transform(raw)
	if err != nil {
		return ""
	}
	sum := sha256.Sum256(canonical)
	return hex.EncodeToString(sum[:])
}

func progress(a adcp.Answer) string {
	if a.Status.Terminal() || len(a.Progress) == 0 {
		return ""
	}
	var p struct {
		Percentage  *float64 `json:"percentage"`
		CurrentStep string   `json:"current_step"`
	}
	if json.Unmarshal(a.Progress, &p) != nil || p.Percentage == nil {
		return ""
	}
	return fmt.Sprintf("%.0f %%", *p.Percentage)
}

// flag raises attention. A reason that stands already keeps its time.
func (op *Operation) flag(r Reason, now time.Time, detail string) {
	if op.Attention != nil && op.Attention.Reason == r {
		return
	}
	op.Attention = &Attention{Reason: r, Since: now, Detail: detail}
}

// Touch counts the operation's version up: each change does, once.
func (op *Operation) BumpVersion(now time.Time) {
	op.Version++
	op.UpdatedAt = now
}
