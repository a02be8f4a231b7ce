package orchestrator

import (
	"cmp"
	"math"
	"strings"
	"time"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/operation"
)

// outcomeOfCall is how far a call went. An agent whose HTTP layer refuses us refuses the call,
// wherever in the handshake that happens.
func outcomeOfCall(ce *adcp.CallError) adcp.Outcome {
	if ce.Outcome == adcp.Unsent && ce.Status >= 400 && ce.Status < 500 {
		return adcp.Refused
	}
	return ce.Outcome
}

// proof is what the answers to a call prove about its request. Every answer that reports a failure
// is judged here (contract C29, C30).
type proof struct {
	// purchase: carried out twice, the request buys twice. What another task did before it failed
	// costs nothing.
	purchase bool
	// strict: the agent does not deduplicate, so whatever is wrongly taken for a refusal is bought
	// twice. Only what the protocol itself calls a refusal of the request counts as one.
	strict bool
}

// proofOf is the proof for the call of an operation's request, or of the input of a generation. An
// input continues a task of the agent's, which is there once.
func proofOf(op *operation.Operation, generation int, s operation.AgentSupport) proof {
	return proof{op.IsPurchase(), op.IsPurchase() && generation == 0 && !op.Replays(generation, s)}
}

// ofFailure reports whether a call without an AdCP answer leaves open that its request was carried
// out.
func (p proof) ofFailure(ce *adcp.CallError) adcp.Outcome {
	if p.strict && ce.Outcome == adcp.Refused {
		return adcp.Ambiguous
	}
	return outcomeOfCall(ce)
}

// ofError reports whether an AdCP error leaves open that the request was carried out.
func (p proof) ofError(e *adcp.Error) adcp.Outcome {
	policy, _ := adcp.PolicyOf(e.Code)
	transient := policy.Recovery == adcp.Transient || e.Recovery == adcp.Transient
	if p.strict && transient && policy.Reaction != adcp.AskPerson && policy.Reaction != adcp.RenewCredential {
		return adcp.Ambiguous
	}
	return outcomeOfError(e, p.purchase)
}

// outcomeOfError is what an AdCP error proves by its code.
func outcomeOfError(e *adcp.Error, purchase bool) adcp.Outcome {
	p, _ := adcp.PolicyOf(e.Code)
	switch {
	case p.Reaction == adcp.AskByKey:
		return adcp.Ambiguous
	case p.Reaction == adcp.RenewCredential:
		return adcp.Refused
	case purchase && p.Effect != adcp.NotDone, p.Effect == adcp.Done:
		return adcp.Ambiguous
	}
	return adcp.Unsent
}

// reactionTo is what to do about an AdCP error. An agent may say that its refusal is transient; it
// can't make anything else out of a code that the protocol defines.
func reactionTo(op operation.Operation, e *adcp.Error) adcp.Reaction {
	p, known := adcp.PolicyOf(e.Code)
	switch {
	case p.Reaction == adcp.End && e.Recovery == adcp.Transient:
		return adcp.Resend
	case !known && e.Recovery != adcp.Transient && !op.IsPurchase():
		return adcp.End
	case p.Reaction == adcp.Rebuild && op.Type.ChangesBuy():
		return adcp.End // contract C25: the revision is outdated, the same bytes can never succeed
	}
	return p.Reaction
}

// errorLimit bounds how often a request is sent again after an error (contract D27).
func (p proof) errorLimit(op operation.Operation, e *adcp.Error) operation.ErrorLimit {
	switch reactionTo(op, e) {
	case adcp.RenewCredential:
		if p.strict {
			return operation.ErrorLimit{Count: 1, For: math.MaxInt64}
		}
		return operation.ErrorLimit{Count: math.MaxInt, For: math.MaxInt64} // the breaker bounds these calls
	case adcp.AskByKey:
		if e.Code == "IDEMPOTENCY_IN_FLIGHT" { // the replay window bounds these
			return operation.ErrorLimit{Count: math.MaxInt, For: math.MaxInt64}
		}
		return operation.ErrorLimit{Count: 3, For: time.Hour}
	case adcp.End, adcp.Resend: // End here: after an attempt whose outcome is unknown it ends nothing
		p, _ := adcp.PolicyOf(e.Code)
		switch {
		case e.Code == "GOVERNANCE_UNAVAILABLE":
			return operation.ErrorLimit{Count: 10, For: time.Hour}
		case e.Code == "SERVICE_UNAVAILABLE", p.Effect == adcp.NotDone:
			return operation.ErrorLimit{Count: 20, For: 24 * time.Hour}
		}
		return operation.ErrorLimit{Count: 3, For: time.Hour}
	}
	return operation.ErrorLimit{}
}

// failureIn returns the error by which the answer to a call fails, nil if it does not. A purchase
// that failed without a code has one that says nothing: to say less must not prove more (contract
// C31).
func failureIn(op *operation.Operation, a adcp.Answer) *adcp.Error {
	if a.Err != nil || a.Status != adcp.StatusFailed || !op.IsPurchase() {
		return a.Err
	}
	return cmp.Or(a.Reason(), &adcp.Error{Code: adcp.Unspecified, Recovery: adcp.Terminal})
}

// endsOperation reports whether an AdCP error that answers the request ends the operation. It does
// not if another channel has already reported on the task, or if the error does not prove that
// nothing was done (contract C29). After an attempt whose outcome is unknown, it does only if the
// agent has looked at the request itself: agents keep what they carried out for the key and forget
// errors (contract C11), so an attempt that bought would have been replayed.
func endsOperation(op operation.Operation, e *adcp.Error) bool {
	if op.State != operation.CallingAdCP || reactionTo(op, e) != adcp.End {
		return false
	}
	return !op.Call.Unclear || isFinal(e) && !isAccessError(e.Code)
}

// isFinal reports whether the protocol itself says that the same request can't succeed later. Of an
// unknown code nothing is concluded (contract D7).
func isFinal(e *adcp.Error) bool {
	p, known := adcp.PolicyOf(e.Code)
	return known && p.Reaction == adcp.End
}

// isAccessError reports whether an error is about who asks: agents may answer it before they look
// for the key.
func isAccessError(code string) bool {
	for _, p := range []string{"AUTH", "ACCOUNT_", "AGENT_", "PERMISSION_", "SCOPE_", "READ_ONLY_SCOPE",
		"CREDENTIAL_", "CONFIGURATION_", "VERSION_"} {
		if strings.HasPrefix(code, p) {
			return true
		}
	}
	return false
}

// refusesCredential reports whether an error is about our credential: AdCP's way to say HTTP 401.
// It does not answer the request, which is sent again when the credential has been renewed: such
// errors pause the agent and end nothing (contract D12, E12).
func refusesCredential(e *adcp.Error) bool {
	p, _ := adcp.PolicyOf(e.Code)
	return p.Reaction == adcp.RenewCredential
}

// inputEndsOperation reports whether an AdCP error that answers an input ends the operation.
// workFailed says that the work itself has failed, by AdCP's own status or by that of the waiting
// A2A task. Any other error is about the input, and the input request stands: somebody may have
// answered the agent by another way meanwhile.
func inputEndsOperation(op operation.Operation, generation int, e *adcp.Error, workFailed bool) bool {
	if !workFailed || op.PendingInput() != generation || e.SaysTransient() ||
		outcomeOfError(e, op.IsPurchase()) != adcp.Unsent || isAccessError(e.Code) {
		return false
	}
	return !op.InputRequest.Input.Call.Unclear || isFinal(e)
}

// recordInputError records an AdCP error that answers an input and does not end the operation. A
// transient error is retried; an error about the input opens the next input request.
func recordInputError(op *operation.Operation, generation int, e *adcp.Error, now time.Time) operation.Event {
	detail := e.Describe()
	p := proof{purchase: op.IsPurchase()}
	outcome := p.ofError(e)
	certain := op.PendingInput() != generation || !op.InputRequest.Input.Call.Unclear
	if outcome == adcp.Unsent && e.Recovery != adcp.Transient && certain {
		return op.RejectInput(now, generation, e, false, detail)
	}
	event := op.FailAttempt(now, generation, outcome, e.RetryAfter, detail)
	event.AgentMessage = adcp.Words(e.Message)
	op.NoteAnswer(generation, detail)
	op.CountError(now, generation, p.errorLimit(*op, e))
	if op.PendingInput() == generation {
		op.Error = e
		if refusesCredential(e) {
			op.Flag(operation.AgentRefuses, now, detail)
		} else if !e.SaysTransient() {
			op.Flag(operation.OutcomeUnclear, now, detail+" to an input whose outcome is not known")
		}
	}
	return event
}

// flagUnresolved raises attention for an error that did not end the operation.
func flagUnresolved(op *operation.Operation, e *adcp.Error, offer adcp.IdempotencyOffer, now time.Time) {
	reaction := reactionTo(*op, e)
	switch {
	case reaction == adcp.RenewCredential:
		op.Flag(operation.AgentRefuses, now, e.Describe())
	case reaction == adcp.LookUp:
		op.Flag(operation.OutcomeUnclear, now, e.Describe()+
			": it has carried the request out and no longer has the answer; look for the result there")
	case reaction == adcp.AskPerson:
		op.Flag(operation.AgentAnswersError, now, e.Describe()+
			"; a redrive sends the request again")
	case e.Code == "IDEMPOTENCY_IN_FLIGHT":
		// contract C14: the agent still works on an earlier attempt. The same key is safe to send again
		// at any time, but beyond the agent's own bound somebody should know.
		bound := offer.InFlightMax
		if bound == 0 {
			bound = max(offer.ReplayTTL, time.Hour) / 10
		}
		if now.Sub(op.Call.FirstAt) >= bound {
			op.Flag(operation.OutcomeUnclear, now,
				"the agent has worked on the first attempt for longer than it should take")
		}
	case op.Call.Unclear && !e.SaysTransient():
		op.Flag(operation.OutcomeUnclear, now,
			e.Describe()+", and may have carried the request out")
	}
}
