package operation

import (
	"encoding/json"
	"time"

	"adcp-orchestrator/pkg/adcp"
)

// Pause is a point at which the agent waits for somebody on our side (contract J1). It stays when the agent has gone on: a late repetition of its resume is
// known by it.
type InputRequest struct {
	// Generation counts an operation's pauses, from 1: a resume answers one of them (contract J6).
	Generation int       `json:"generation"`
	Since      time.Time `json:"since"`
	// Asks is what the agent says that it waits for: a counterparty's words (contract J13).
	Prompt json.RawMessage `json:"prompt,omitempty"`
	// Continuation leads back to the agent's work. Without one the pause can't be resumed from here (contract J4).
	Continuation adcp.Continuation `json:"continuation,omitzero"`
	// Answered is the fingerprint of the resume that the agent answered with this pause (race R11).
	PreviousInput string `json:"previous_input,omitempty"`
	Input         Input  `json:"input,omitzero"`
}

// Resume is what a human has approved to be sent in answer to a pause: one for each (contract J6). Its frozen request is kept beside the operation.
type Input struct {
	State InputState `json:"state"`
	// Fingerprint is SHA-256 of the JCS of what was approved, By who did (contract J8).
	Fingerprint string    `json:"fingerprint"`
	OnBehalfOf  string    `json:"on_behalf_of"`
	At          time.Time `json:"at"`
	Call        Call      `json:"call"`
}

// ResumeState is how far a resume has come.
type InputState string

// How far a resume can have come.
const (
	InputAccepted InputState = "accepted" // stored; the agent has not been called with it
	InputSending  InputState = "calling"  // the agent is being called, or its answer is not known
	InputAnswered InputState = "answered"
	InputStale    InputState = "stale"   // never sent: the operation had gone on without it (race R4)
	InputUnclear  InputState = "unclear" // sent, and its answer will not be heard any more (race R4)
)

// mostPauses is how often an agent may ask: what asks more often has gone round in circles, and is answered at the agent.
const maxInputRequests = 100

// Paused reports whether the agent waits for us.
func (op *Operation) NeedsInput() bool { return op.State.NeedsInput() }

// Resuming returns the generation of the pause whose resume is to be sent, 0 if none is.
func (op *Operation) PendingInput() int {
	if r := op.InputRequest.Input; op.NeedsInput() && (r.State == InputAccepted || r.State == InputSending) {
		return op.InputRequest.Generation
	}
	return 0
}

// Resumable reports whether the pause can be answered from here, by a first answer.
func (op *Operation) Answerable() bool {
	return op.NeedsInput() && op.InputRequest.Continuation != adcp.Continuation{} && op.InputRequest.Input.State == ""
}

// lacksWayBack reports whether the pause was learnt of without a way to answer it.
func (op *Operation) unanswerable() bool {
	return op.NeedsInput() && op.InputRequest.Continuation == adcp.Continuation{} && op.InputRequest.Input.State == "" && op.InputRequest.Generation <= maxInputRequests
}

// AcceptResume takes a resume in for a pause that is Resumable. It is stored with its frozen request before the agent is called.
func (op *Operation) AcceptInput(now time.Time, fingerprint, by string) Event {
	op.InputRequest.Input = Input{State: InputAccepted, Fingerprint: fingerprint, OnBehalfOf: by, At: now}
	op.Attention = nil
	if !now.Before(op.FollowUntil) {
		op.FollowUntil = now.Add(FollowFor)
	}
	op.dueSoon(now)
	op.BumpVersion(now)
	return op.event(EventInputAnswered, ByAPI, op.State, now, "by "+by+", content "+fingerprint[:12])
}

// RefuseResume records that the agent took a resume for nothing: it still waits, and may be answered anew. lost: it does not know the work any more that
// the pause leads back to.
func (op *Operation) RejectInput(now time.Time, generation int, e *adcp.Error, lost bool, detail string) Event {
	switch d := op.call(generation); {
	case op.PendingInput() == generation && lost && d.Unclear: // it may be over because of an earlier attempt
		op.InputRequest.Input.State, d.InFlight = InputUnclear, false
		op.flag(OutcomeUnclear, now, detail)
	case op.PendingInput() == generation:
		way := op.InputRequest.Continuation
		if lost {
			way = adcp.Continuation{}
		}
		op.newInputRequest(now, op.InputRequest.Prompt, way)
		op.Error = e
		op.Attention = nil
		op.flagInputNeeded(now, detail)
	default:
		d.InFlight = false
		op.clearInputCrossed(generation, InputAnswered)
	}
	if e != nil {
		op.hold(now, e.RetryAfter)
	}
	op.BumpVersion(now)
	return op.event(EventNoAnswer, ByAnswer, op.State, now, detail)
}

// pause begins the next pause. In the same write the one before is over: there is no time at which both can be resumed, or neither (races R9, R10).
func (op *Operation) newInputRequest(now time.Time, asks json.RawMessage, c adcp.Continuation) {
	answered := ""
	if op.InputRequest.Input.State == InputSending {
		answered = op.InputRequest.Input.Fingerprint
	}
	op.InputRequest = InputRequest{Generation: op.InputRequest.Generation + 1, Since: now, Prompt: asks, Continuation: c, PreviousInput: answered}
	if op.InputRequest.Generation > maxInputRequests {
		op.InputRequest.Continuation = adcp.Continuation{}
	}
}

// stand has the operation wait for us: at a new pause, or at the last one again. News of before a pause that come after it look as if the agent had gone on. As
// long as nothing was sent in answer to it its way back is good; and as long as the answer to its resume is not known, that is to be asked for again.
func (op *Operation) requestInput(a adcp.Answer, o Observation, answered bool) {
	asks, way := a.Prompt, a.Continuation
	if last := op.InputRequest; !answered && last.Generation > 0 && way == (adcp.Continuation{}) {
		switch last.Input.State {
		case "", InputSending:
			return
		case InputStale:
			way = last.Continuation
		}
	}
	op.newInputRequest(o.At, asks, way)
}

// ask tells a human that the agent waits.
func (op *Operation) flagInputNeeded(now time.Time, detail string) {
	reason := InputNeeded
	if op.State == AuthRequired {
		reason = AuthNeeded
	}
	op.flag(reason, now, detail)
}

// goOn ends the pause, if there is one: the agent goes on or has come to an end. answered: by the resume's own answer. A resume that was not sent never
// will be; of one that may have been it is not known what it did (race R4).
func (op *Operation) endInputRequest(now time.Time, answered, ended bool) {
	r := &op.InputRequest.Input
	switch {
	case r.State != InputAccepted && r.State != InputSending:
	case answered:
		r.State, r.Call.InFlight = InputAnswered, false
	case !r.Call.InFlight && !r.Call.Unclear:
		r.State = InputStale
	case ended:
		r.State = InputUnclear
		op.flag(InputCrossed, now, "the end came while the answer to a resume was awaited")
	}
}

// uncross takes attention back that a crossing resume raised: it is known now that the resume did nothing, or the same.
func (op *Operation) clearInputCrossed(generation int, s InputState) {
	if !op.State.Terminal() || generation == 0 || generation != op.InputRequest.Generation || op.InputRequest.Input.State != InputUnclear {
		return
	}
	op.InputRequest.Input.State = s
	if op.Attention != nil && op.Attention.Reason == InputCrossed {
		op.Attention = nil
	}
}

// dial is the record of a call: the resume's of a generation, or for 0 the request's. What is recorded of a pause that is over is not kept.
func (op *Operation) call(generation int) *Call {
	switch generation {
	case 0:
		return &op.Call
	case op.InputRequest.Generation:
		return &op.InputRequest.Input.Call
	}
	return new(Call)
}

// Calls reports whether the agent is to be called: with the request, or with a resume.
func (op *Operation) NeedsCall() bool {
	return op.State == Requested || op.State == CallingAdCP || op.PendingInput() != 0
}

// MayResume reports whether there is a resume that may be sent, now or after a wait.
func (op *Operation) MaySendInput(now time.Time, m AgentSupport) bool {
	return op.PendingInput() != 0 && op.mayRetry(now, m)
}
