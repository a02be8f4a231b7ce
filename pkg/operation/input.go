package operation

import (
	"time"

	"adcp-orchestrator/pkg/adcp"
)

// AcceptInput takes an input for an input request that is Answerable. It is stored with its frozen
// request before the agent is called.
func (op *Operation) AcceptInput(now time.Time, fingerprint string, who Actor) Event {
	op.InputRequest.Input = Input{State: InputAccepted, Fingerprint: fingerprint, Actor: &who, At: now}
	op.Attention = nil
	op.followOn(now)
	op.dueSoon(now)
	op.BumpVersion(now)
	return op.event(EventInputAnswered, ByAPI, op.State, now, "content "+fingerprint[:12])
}

// RejectInput records that the agent did not accept an input: it still waits, and may be answered
// anew. lost: the agent no longer knows the work that the input request leads back to.
func (op *Operation) RejectInput(now time.Time, generation int, e *adcp.Error, lost bool, detail string) Event {
	switch c := op.call(generation); {
	case op.PendingInput() == generation && lost && c.Unclear: // an earlier attempt may have ended the work
		op.InputRequest.Input.State, c.InFlight = InputUnclear, false
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
		c.InFlight = false
		op.clearInputCrossed(generation, InputAnswered)
	}
	if e != nil {
		op.backOff(now, e.RetryAfter)
	}
	op.BumpVersion(now)
	event := op.event(EventNoAnswer, ByAnswer, op.State, now, detail)
	if e != nil {
		event.AgentMessage = adcp.Words(e.Message)
	}
	return event
}

// endInputRequest ends the input request, if there is one: the agent goes on or has come to an end.
// answered: by the input's own answer. An input that was not sent never will be; the effect of one
// that may have been sent is not known (race R4).
func (op *Operation) endInputRequest(now time.Time, answered, ended bool) {
	in := &op.InputRequest.Input
	switch {
	case in.State != InputAccepted && in.State != InputSending:
	case answered:
		in.State, in.Call.InFlight = InputAnswered, false
	case !in.Call.InFlight && !in.Call.Unclear:
		in.State = InputStale
	case ended:
		in.State = InputUnclear
		op.flag(InputCrossed, now, "the end came while the answer to an input was awaited")
	}
}

// clearInputCrossed takes back the attention that a crossing input raised: it is known now that the
// input did nothing, or the same.
func (op *Operation) clearInputCrossed(generation int, s InputState) {
	if !op.State.Terminal() || generation == 0 || generation != op.InputRequest.Generation ||
		op.InputRequest.Input.State != InputUnclear {
		return
	}
	op.InputRequest.Input.State = s
	if op.flaggedFor(InputCrossed) {
		op.Attention = nil
	}
}
