package operation

import (
	"encoding/json"
	"time"

	"adcp-orchestrator/pkg/adcp"
)

// Pause is a point at which the agent waits for somebody on our side (contract J1). It stays when the agent has gone on: a late repetition of its resume is
// known by it.
type Pause struct {
	// Generation counts an operation's pauses, from 1: a resume answers one of them (contract J6).
	Generation int       `json:"generation"`
	Since      time.Time `json:"since"`
	// Asks is what the agent says that it waits for: a counterparty's words (contract J13).
	Asks json.RawMessage `json:"asks,omitempty"`
	// Continuation leads back to the agent's work. Without one the pause can't be resumed from here (contract J4).
	Continuation adcp.Continuation `json:"continuation,omitzero"`
	// Answered is the fingerprint of the resume that the agent answered with this pause (race R11).
	Answered string `json:"answered,omitempty"`
	Resume   Resume `json:"resume,omitzero"`
}

// Resume is what a human has approved to be sent in answer to a pause: one for each (contract J6). Its frozen request is kept beside the operation.
type Resume struct {
	State ResumeState `json:"state"`
	// Fingerprint is SHA-256 of the JCS of what was approved, By who did (contract J8).
	Fingerprint string    `json:"fingerprint"`
	By          string    `json:"by"`
	At          time.Time `json:"at"`
	Dial        Dial      `json:"dial"`
}

// ResumeState is how far a resume has come.
type ResumeState string

// How far a resume can have come.
const (
	ResumeAccepted ResumeState = "accepted" // stored; the agent has not been called with it
	ResumeCalling  ResumeState = "calling"  // the agent is being called, or its answer is not known
	ResumeAnswered ResumeState = "answered"
	ResumeStale    ResumeState = "stale"   // never sent: the operation had gone on without it (race R4)
	ResumeUnclear  ResumeState = "unclear" // sent, and its answer will not be heard any more (race R4)
)

// mostPauses is how often an agent may ask: what asks more often has gone round in circles, and is answered at the agent.
const mostPauses = 100

// Paused reports whether the agent waits for us.
func (op *Operation) Paused() bool { return op.State.Paused() }

// Resuming returns the generation of the pause whose resume is to be sent, 0 if none is.
func (op *Operation) Resuming() int {
	if r := op.Pause.Resume; op.Paused() && (r.State == ResumeAccepted || r.State == ResumeCalling) {
		return op.Pause.Generation
	}
	return 0
}

// Resumable reports whether the pause can be answered from here, by a first answer.
func (op *Operation) Resumable() bool {
	return op.Paused() && op.Pause.Continuation != adcp.Continuation{} && op.Pause.Resume.State == ""
}

// lacksWayBack reports whether the pause was learnt of without a way to answer it.
func (op *Operation) lacksWayBack() bool {
	return op.Paused() && op.Pause.Continuation == adcp.Continuation{} && op.Pause.Resume.State == "" && op.Pause.Generation <= mostPauses
}

// AcceptResume takes a resume in for a pause that is Resumable. It is stored with its frozen request before the agent is called.
func (op *Operation) AcceptResume(now time.Time, fingerprint, by string) Event {
	op.Pause.Resume = Resume{State: ResumeAccepted, Fingerprint: fingerprint, By: by, At: now}
	op.Attention = nil
	if !now.Before(op.GiveUpAt) {
		op.GiveUpAt = now.Add(GiveUpAfter)
	}
	op.dueSoon(now)
	op.Touch(now)
	return op.event(Resumed, Console, op.State, now, "by "+by+", content "+fingerprint[:12])
}

// RefuseResume records that the agent took a resume for nothing: it still waits, and may be answered anew. lost: it does not know the work any more that
// the pause leads back to.
func (op *Operation) RefuseResume(now time.Time, generation int, e *adcp.Error, lost bool, detail string) Event {
	switch d := op.dial(generation); {
	case op.Resuming() == generation && lost && d.Unclear: // it may be over because of an earlier attempt
		op.Pause.Resume.State, d.InFlight = ResumeUnclear, false
		op.flag(OutcomeUnclear, now, detail)
	case op.Resuming() == generation:
		way := op.Pause.Continuation
		if lost {
			way = adcp.Continuation{}
		}
		op.pause(now, op.Pause.Asks, way)
		op.Error = e
		op.Attention = nil
		op.ask(now, detail)
	default:
		d.InFlight = false
		op.uncross(generation, ResumeAnswered)
	}
	if e != nil {
		op.hold(now, e.RetryAfter)
	}
	op.Touch(now)
	return op.event(Unheard, Direct, op.State, now, detail)
}

// pause begins the next pause. In the same write the one before is over: there is no time at which both can be resumed, or neither (races R9, R10).
func (op *Operation) pause(now time.Time, asks json.RawMessage, c adcp.Continuation) {
	answered := ""
	if op.Pause.Resume.State == ResumeCalling {
		answered = op.Pause.Resume.Fingerprint
	}
	op.Pause = Pause{Generation: op.Pause.Generation + 1, Since: now, Asks: asks, Continuation: c, Answered: answered}
	if op.Pause.Generation > mostPauses {
		op.Pause.Continuation = adcp.Continuation{}
	}
}

// stand has the operation wait for us: at a new pause, or at the last one again. News of before a pause that come after it look as if the agent had gone on. As
// long as nothing was sent in answer to it its way back is good; and as long as the answer to its resume is not known, that is to be asked for again.
func (op *Operation) stand(a adcp.Answer, o Observation, answered bool) {
	asks, way := a.Asks, a.Continuation
	if last := op.Pause; !answered && last.Generation > 0 && way == (adcp.Continuation{}) {
		switch last.Resume.State {
		case "", ResumeCalling:
			return
		case ResumeStale:
			way = last.Continuation
		}
	}
	op.pause(o.At, asks, way)
}

// ask tells a human that the agent waits.
func (op *Operation) ask(now time.Time, detail string) {
	reason := InputNeeded
	if op.State == AuthRequired {
		reason = AuthNeeded
	}
	op.flag(reason, now, detail)
}

// goOn ends the pause, if there is one: the agent goes on or has come to an end. answered: by the resume's own answer. A resume that was not sent never
// will be; of one that may have been it is not known what it did (race R4).
func (op *Operation) goOn(now time.Time, answered, ended bool) {
	r := &op.Pause.Resume
	switch {
	case r.State != ResumeAccepted && r.State != ResumeCalling:
	case answered:
		r.State, r.Dial.InFlight = ResumeAnswered, false
	case !r.Dial.InFlight && !r.Dial.Unclear:
		r.State = ResumeStale
	case ended:
		r.State = ResumeUnclear
		op.flag(ResumeCrossed, now, "the end came while the answer to a resume was awaited")
	}
}

// uncross takes attention back that a crossing resume raised: it is known now that the resume did nothing, or the same.
func (op *Operation) uncross(generation int, s ResumeState) {
	if !op.State.Terminal() || generation == 0 || generation != op.Pause.Generation || op.Pause.Resume.State != ResumeUnclear {
		return
	}
	op.Pause.Resume.State = s
	if op.Attention != nil && op.Attention.Reason == ResumeCrossed {
		op.Attention = nil
	}
}

// dial is the record of a call: the resume's of a generation, or for 0 the request's. What is recorded of a pause that is over is not kept.
func (op *Operation) dial(generation int) *Dial {
	switch generation {
	case 0:
		return &op.Dial
	case op.Pause.Generation:
		return &op.Pause.Resume.Dial
	}
	return new(Dial)
}

// Calls reports whether the agent is to be called: with the request, or with a resume.
func (op *Operation) Calls() bool {
	return op.State == Requested || op.State == CallingAdCP || op.Resuming() != 0
}

// MayResume reports whether there is a resume that may be sent, now or after a wait.
func (op *Operation) MayResume(now time.Time, m Means) bool {
	return op.Resuming() != 0 && op.mayRedial(now, m)
}
