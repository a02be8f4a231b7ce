package operation

import (
	"cmp"
	"encoding/json"
	"fmt"
	"time"

	"adcp-orchestrator/pkg/adcp"
)

// Observation is something authentic that was seen of an operation's task, by whatever channel.
type Observation struct {
	Channel Channel
	Answer  adcp.Answer
	At      time.Time
	// InputGeneration is the generation of the input request whose input is answered directly, 0 if
	// none is.
	InputGeneration int
	// News is what a webhook says beside its task.
	News adcp.News
}

// answersInput reports whether o is the direct answer to the input of the last input request.
func (o Observation) answersInput(op *Operation) bool {
	return o.InputGeneration != 0 && o.InputGeneration == op.InputRequest.Generation
}

// Verdict is what an observation did (contract H1 to H3, F79).
type Verdict string

// The verdicts.
const (
	Advanced  Verdict = "advanced"   // the state changed
	Repeated  Verdict = "repeated"   // same state, or unknown: nothing changed
	Stale     Verdict = "stale"      // non-terminal after the end, or an older answer
	Duplicate Verdict = "duplicate"  // the end that is already known
	Conflict  Verdict = "conflict"   // another end than the known one: the first wins
	News      Verdict = "kept"       // about the buy, an account or the agent, and not about a task (contract F15)
	WrongTask Verdict = "wrong_task" // of another task than the operation's (contract A29, E6)
)

// Apply is the convergence function: direct answers, polls and webhooks all go through it. It
// returns the changed operation with its version counted up, and the event that records the change;
// news that the timeline has already told has no event of its own.
// The first authoritative end wins (contract H2), and terminal states absorb. An observation of
// another task changes nothing.
func Apply(op Operation, o Observation) (Operation, Event, Verdict) {
	before := op.State
	verdict, detail := converge(&op, o)
	if verdict == News {
		op.BumpVersion(o.At)
		e, tell := op.keepNews(o)
		e.AgentMessage = adcp.Words(o.Answer.Says())
		if e.Detail = detail; !tell {
			e = Event{}
		}
		return op, e, verdict
	}
	kind := EventSeen
	switch verdict {
	case Advanced:
		kind = EventChanged
	case Stale, Duplicate:
		kind = EventIgnored
	case Conflict, WrongTask:
		kind = EventConflict
		op.flag(ProtocolClash, o.At, detail)
		if o.InputGeneration != 0 && o.InputGeneration == op.PendingInput() {
			// The same input would be answered the same again.
			op.InputRequest.Input.State, op.InputRequest.Input.Call.InFlight = InputUnclear, false
		}
	}
	if o.Channel == ByWebhook {
		op.Attempts.Webhooks++
	}
	op.BumpVersion(o.At)
	e := op.event(kind, o.Channel, before, o.At, detail)
	e.AgentMessage = adcp.Words(o.Answer.Says())
	return op, e, verdict
}

func converge(op *Operation, o Observation) (Verdict, string) {
	a := o.Answer
	if detail, news := isNews(*op, o); news {
		return News, detail
	}
	if a.TaskType != "" && a.TaskType != string(op.Type) {
		return WrongTask, "the agent names another task type"
	}
	if a.TaskID != "" && op.TaskID != "" && a.TaskID != op.TaskID {
		if op.State.Terminal() && a.Status.Terminal() && sameEnd(*op, a) {
			// Some agents invent a task for a direct answer (contract A16).
			return Duplicate, "the known end under another task id"
		}
		return WrongTask, "the agent names another task id"
	}
	op.ADCPStatus = a.Status
	if !op.State.Terminal() {
		op.bind(a)
	}
	next, known := FromWire(a.Status)
	if !known {
		return Repeated, "the agent does not know the status"
	}
	if op.State.Terminal() {
		v, detail := afterTheEnd(*op, a)
		if v == Duplicate {
			op.clearInputCrossed(o.InputGeneration, InputAnswered)
		}
		return v, detail
	}
	if o.answersInput(op) && next.NeedsInput() && op.InputRequest.Input.State == InputSending &&
		(next == op.State || op.State.CanBecome(next)) {
		op.become(next, a, o) // race R9: the agent asks again, whatever else was observed meanwhile
		return Advanced, "asks again"
	}
	if next == op.State {
		return op.stay(a, o)
	}
	return op.move(next, a, o)
}

// bind keeps the ids that an answer names, whatever its status: they are the way back to the work.
func (op *Operation) bind(a adcp.Answer) {
	if op.TaskID == "" && a.TaskID != "" {
		op.TaskID = a.TaskID
		if !op.NeedsInput() && op.flaggedFor(OutcomeUnclear) {
			op.Attention = nil // a task that is known can be followed
		}
	}
	op.ContextID = cmp.Or(a.ContextID, op.ContextID)
	if op.Type.MakesBuy() {
		op.MediaBuyID = cmp.Or(a.MediaBuyID, op.MediaBuyID)
	}
}

// stay applies an observation of the present state. It can bring the continuation that the input
// request lacked: its webhook was faster than the answer, and had none.
func (op *Operation) stay(a adcp.Answer, o Observation) (Verdict, string) {
	direct := o.Channel == ByAnswer && o.InputGeneration == op.InputRequest.Generation-1
	if op.lacksContinuation() && direct && a.Continuation.Known() {
		op.InputRequest.Continuation = a.Continuation
		return Advanced, "can be answered"
	}
	return Repeated, progress(a)
}

// move applies an observation of another state, unless it is older than what is known.
func (op *Operation) move(next State, a adcp.Answer, o Observation) (Verdict, string) {
	if o.Channel == ByWebhook && next == Completed && len(a.Value) == 0 {
		op.Attempts.ResultsMissing++
		return Repeated, "completed without its result: to be fetched by a poll" // contract H6
	}
	answers := o.answersInput(op)
	awaited := op.State == CallingAdCP || answers && op.PendingInput() == o.InputGeneration
	if a.Replayed && !awaited && !next.Terminal() {
		return Stale, "a replayed answer is a snapshot of the past" // contract C12
	}
	if o.Channel == ByAnswer && !awaited && !next.Terminal() {
		if answers {
			op.endInputRequest(o.At, true, false)
		}
		return Stale, "overtaken by a later observation" // race R3: a webhook is newer than the call's own answer
	}
	if !op.State.CanBecome(next) {
		return WrongTask, fmt.Sprintf("%s cannot follow %s", next, op.State)
	}
	op.become(next, a, o)
	return Advanced, progress(a)
}

// become changes the state, with all that depends on it.
func (op *Operation) become(next State, a adcp.Answer, o Observation) {
	answered := o.answersInput(op)
	op.State = next
	op.Call.InFlight, op.Call.Unclear = false, false
	op.Attempts.PollErrors, op.Attempts.ResultsMissing = 0, 0
	op.Error = a.Reason()
	if op.SubmittedAt.IsZero() && next == Submitted {
		op.SubmittedAt = o.At
	}
	if op.PendingSince.IsZero() && !next.Terminal() {
		op.PendingSince = o.At
	}
	switch {
	case next.Terminal():
		op.Terminal = &Terminal{Status: a.Status, Channel: o.Channel, At: o.At}
		e := endOf(op.Type, a)
		op.Terminal.Fingerprint, op.Terminal.Members, op.Terminal.Parts = e.fingerprint, e.members, e.partsOf()
		op.Attention = nil
		op.endInputRequest(o.At, answered, true)
		if a.ResultMissing {
			op.flag(ResultMissing, o.At, "the agent says completed and shows no result")
		}
		op.concludeCancellation(o.At)
	case op.NeedsInput():
		op.requestInput(a, o, answered)
		op.Attention = nil
		op.flagInputNeeded(o.At, "")
	default:
		op.endInputRequest(o.At, answered, false)
		if op.Attention != nil && op.Attention.Reason != DeadlinePassed {
			op.Attention = nil // the agent answers again
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

// progress is what a timeline shows of an agent's progress: a percentage (contract E15), or that a
// buy is not confirmed yet (contract A9), or nothing.
func progress(a adcp.Answer) string {
	if a.Provisional {
		return "the agent has made the buy and not confirmed it"
	}
	if a.Status.Terminal() || len(a.Progress) == 0 {
		return ""
	}
	var p struct {
		Percentage *float64 `json:"percentage"`
	}
	if json.Unmarshal(a.Progress, &p) != nil || p.Percentage == nil {
		return ""
	}
	return fmt.Sprintf("%.0f %%", *p.Percentage)
}
