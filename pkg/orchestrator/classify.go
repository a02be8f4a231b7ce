package orchestrator

import (
	"encoding/json"
	"strings"
	"time"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/operation"
)

// refusal is how far a call went. That an agent's HTTP layer refuses us is one matter, wherever in the handshake it does.
func outcomeOfCall(ce *adcp.CallError) adcp.Outcome {
	if ce.Outcome == adcp.Unsent && ce.Status >= 400 && ce.Status < 500 {
		return adcp.Refused
	}
	return ce.Outcome
}

// settles says whether an AdCP error that answers a call ends the operation. It does not if the agent has been heard of the task by another way in the
// meantime, if it is transient, or if it is about keys (contract C14 to C16). After an attempt whose outcome is unknown it does only if the agent has looked at
// the request itself: agents keep what they carried out for the key and forget errors (contract C11), so an attempt that bought would have been replayed.
func endsOperation(op operation.Operation, e *adcp.Error) bool {
	if op.State != operation.CallingAdCP || e.Recovery == adcp.Transient || strings.HasPrefix(e.Code, "IDEMPOTENCY_") || refusesCredential(e) {
		return false
	}
	if !op.Call.Unclear {
		return true
	}
	// contract D7: of a code that is not known nothing is concluded, and the protocol's word on a known one counts for more than the agent's.
	recovery, known := adcp.RecoveryOf(e.Code)
	return known && recovery != adcp.Transient && !isAccessError(e.Code)
}

// atTheDoor reports whether an error is about who asks: agents may answer it before they look for the key.
func isAccessError(code string) bool {
	for _, p := range []string{"AUTH", "ACCOUNT_", "AGENT_", "PERMISSION_", "SCOPE_", "READ_ONLY_SCOPE", "CREDENTIAL_", "CONFIGURATION_", "VERSION_"} {
		if strings.HasPrefix(code, p) {
			return true
		}
	}
	return false
}

// refusesUs reports whether an error is about our credential: AdCP's way of saying HTTP 401. It is no answer to the request, which goes out again when the
// credential has been renewed: auth errors pause the agent, and end nothing (contract D12, E12).
func refusesCredential(e *adcp.Error) bool {
	return e.Code == "AUTH_MISSING" || e.Code == "AUTH_REQUIRED" || e.Code == "AUTH_INVALID"
}

// outcomeOf says whether an AdCP error leaves open that the request was carried out. That the key is known means that something was.
func outcomeOfError(e *adcp.Error) adcp.Outcome {
	switch {
	case strings.HasPrefix(e.Code, "IDEMPOTENCY_"):
		return adcp.Ambiguous
	case refusesCredential(e):
		return adcp.Refused
	}
	return adcp.Unsent
}

// endsResumed says whether an AdCP error that answers a resume ends the operation: over says that the work itself has failed, by AdCP's own status or by that of
// the A2A task that waited. Any other error is about the answer, and the pause still stands: whoever asks may have been answered by another way meanwhile.
func inputEndsOperation(op operation.Operation, generation int, e *adcp.Error, over bool) bool {
	if !over || op.PendingInput() != generation || e.Recovery == adcp.Transient || outcomeOfError(e) != adcp.Unsent || isAccessError(e.Code) {
		return false
	}
	recovery, known := adcp.RecoveryOf(e.Code)
	return !op.InputRequest.Input.Call.Unclear || known && recovery != adcp.Transient
}

// unresumed records an AdCP error that answers a resume and does not end the operation: what may pass is sent again, what is about the resume asks anew.
func recordInputError(op *operation.Operation, generation int, e *adcp.Error, now time.Time) operation.Event {
	detail := "the agent answered " + e.Code
	outcome := outcomeOfError(e)
	d := op.InputRequest.Input.Call
	if outcome == adcp.Unsent && e.Recovery != adcp.Transient && (op.PendingInput() != generation || !d.Unclear) {
		return op.RejectInput(now, generation, e, false, detail)
	}
	event := op.FailAttempt(now, generation, outcome, e.RetryAfter, detail)
	if op.PendingInput() == generation {
		op.Error = e
		if refusesCredential(e) {
			op.Flag(operation.AgentRefuses, now, detail)
		} else if e.Recovery != adcp.Transient {
			op.Flag(operation.OutcomeUnclear, now, detail+" to a resume whose outcome is not known")
		}
	}
	return event
}

// puzzle raises the attention that an error is worth which does not settle an operation.
func flagUnresolved(op *operation.Operation, e *adcp.Error, offer adcp.IdempotencyOffer, now time.Time) {
	switch {
	case refusesCredential(e):
		op.Flag(operation.AgentRefuses, now, "the agent answered "+e.Code)
	case e.Code == "IDEMPOTENCY_IN_FLIGHT":
		// contract C14: the agent still works on an earlier attempt. Asking again with the same key is safe at any time, but after its own bound somebody should know.
		budget := offer.InFlightMax
		if budget == 0 {
			budget = max(offer.ReplayTTL, time.Hour) / 10
		}
		if now.Sub(op.Call.FirstAt) >= budget {
			op.Flag(operation.OutcomeUnclear, now, "the agent has worked on the first attempt for longer than it should take")
		}
	case e.Recovery != adcp.Transient:
		op.Flag(operation.OutcomeUnclear, now, "the agent answered "+e.Code+" after an attempt whose outcome is not known")
	}
}

// respeak has the next attempt speak the best release that an agent names in a VERSION_UNSUPPORTED: once (contract B31). The agent has refused the request for
// its version, so nothing was carried out of it; where an earlier attempt may have been, other bytes under its key would prove nothing.
func renegotiate(op *operation.Operation, e *adcp.Error) bool {
	if e.Code != "VERSION_UNSUPPORTED" || op.State != operation.CallingAdCP || op.Call.Unclear || op.Call.ADCPVersion != "" {
		return false
	}
	v, shared := adcp.Negotiate(e.SupportedVersions())
	if !shared || v == adcp.Version {
		return false
	}
	op.Call.ADCPVersion = v
	return true
}

// inVersion is a frozen request in another release. Members are written in the order of their names, as they were when it was frozen.
func withVersion(request json.RawMessage, version string) (json.RawMessage, error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(request, &members); err != nil {
		return nil, err
	}
	members["adcp_version"] = json.RawMessage(`"` + version + `"`)
	return json.Marshal(members)
}
