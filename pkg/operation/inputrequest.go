package operation

import (
	"encoding/json"
	"time"

	"adcp-orchestrator/pkg/adcp"
)

// InputRequest is a point at which the agent waits for somebody on our side (contract J1). It stays
// when the agent has gone on: it identifies a late repetition of its input.
type InputRequest struct {
	// Generation counts an operation's input requests, from 1: an input answers one of them (contract
	// J6).
	Generation int       `json:"generation"`
	Since      time.Time `json:"since"`
	// Prompt is what the agent says that it waits for, in its own words (contract J13).
	Prompt json.RawMessage `json:"prompt,omitempty"`
	// Continuation leads back to the agent's work. Without one the request can't be answered from here
	// (contract J4).
	Continuation adcp.Continuation `json:"continuation,omitzero"`
	// PreviousInput is the fingerprint of the input that the agent answered with this request (race
	// R11).
	PreviousInput string `json:"previous_input,omitempty"`
	Input         Input  `json:"input,omitzero"`
	Unknown       string `json:"-" document:"unknown"`
}

// Input is what a person has approved to be sent in answer to an input request: one for each
// (contract J6). Its frozen request is kept beside the operation.
type Input struct {
	State InputState `json:"state"`
	// Fingerprint is SHA-256 of the JCS of what was approved, Actor who sent it (contract J8).
	Fingerprint string `json:"fingerprint"`
	Actor       *Actor `json:"actor,omitempty"`
	// OnBehalfOf is what older code has stored instead of Actor's.
	OnBehalfOf string    `json:"on_behalf_of,omitempty"`
	At         time.Time `json:"at"`
	Call       Call      `json:"call"`
	Unknown    string    `json:"-" document:"unknown"`
}

// By returns who sent the input; nil if none was sent.
func (in Input) By() *Actor {
	if in.Actor == nil && in.OnBehalfOf != "" {
		return &Actor{Type: ActorAPIKey, OnBehalfOf: in.OnBehalfOf}
	}
	return in.Actor
}

// InputState is how far an input has come.
type InputState string

// The states of an input.
const (
	InputAccepted InputState = "accepted" // stored; the agent has not been called with it
	InputSending  InputState = "sending"  // the agent is being called, or its answer is not known
	InputAnswered InputState = "answered"
	InputStale    InputState = "stale"   // never sent: the operation had gone on without it (race R4)
	InputUnclear  InputState = "unclear" // sent, and its answer will never be known (race R4)
)

// maxInputRequests is how often an agent may ask. One that asks more often goes round in circles,
// and has to be answered at the agent.
const maxInputRequests = 100

// NeedsInput reports whether the agent waits for us.
func (op *Operation) NeedsInput() bool { return op.State.NeedsInput() }

// PendingInput returns the generation of the input request whose input is to be sent, 0 if none is.
func (op *Operation) PendingInput() int {
	in := op.InputRequest.Input
	if op.NeedsInput() && (in.State == InputAccepted || in.State == InputSending) {
		return op.InputRequest.Generation
	}
	return 0
}

// Answerable reports whether the input request can be answered from here, by a first input.
func (op *Operation) Answerable() bool {
	r := op.InputRequest
	return op.NeedsInput() && r.Continuation.Known() && r.Input.State == ""
}

// lacksContinuation reports whether the input request is known without a way to answer it.
func (op *Operation) lacksContinuation() bool {
	r := op.InputRequest
	return op.NeedsInput() && !r.Continuation.Known() && r.Input.State == "" &&
		r.Generation <= maxInputRequests
}

// MaySendInput reports whether an input may be sent, now or after a wait.
func (op *Operation) MaySendInput(now time.Time, s AgentSupport) bool {
	return op.PendingInput() != 0 && op.mayRetry(now, s)
}

// newInputRequest begins the next input request. The one before is over in the same write: at no
// time can both be answered, or neither (races R9, R10).
func (op *Operation) newInputRequest(now time.Time, prompt json.RawMessage, c adcp.Continuation) {
	previous := ""
	if op.InputRequest.Input.State == InputSending {
		previous = op.InputRequest.Input.Fingerprint
	}
	op.InputRequest = InputRequest{Generation: op.InputRequest.Generation + 1, Since: now, Prompt: prompt,
		Continuation: c, PreviousInput: previous}
	if op.InputRequest.Generation > maxInputRequests {
		op.InputRequest.Continuation = adcp.Continuation{}
	}
}

// requestInput starts an input request, or enters the last one again. A late message can make the
// agent look as if it had gone on; if no input was sent yet, the old continuation is still good. If
// an input is under way, it is kept: its answer will be asked for again.
func (op *Operation) requestInput(a adcp.Answer, o Observation, answered bool) {
	prompt, way := a.Prompt, a.Continuation
	if last := op.InputRequest; !answered && last.Generation > 0 && !way.Known() {
		switch last.Input.State {
		case "", InputSending:
			return
		case InputStale:
			way = last.Continuation
		}
	}
	op.newInputRequest(o.At, prompt, way)
}

// flagInputNeeded raises attention for an agent that waits.
func (op *Operation) flagInputNeeded(now time.Time, detail string) {
	reason := InputNeeded
	if op.State == AuthRequired {
		reason = AuthNeeded
	}
	op.flag(reason, now, detail)
}
