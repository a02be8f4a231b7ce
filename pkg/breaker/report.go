package breaker

import (
	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/circuit"
	"context"
	"errors"
	"net/http"
	"time"
)

// Kind is what a call told of the agent.
type CallResult string

// The kinds of outcomes.
const (
	ResultAnswered    CallResult = "answered" // in AdCP's terms, or that this very request is at fault
	ResultRateLimited CallResult = "limited"  // we call too often
	ResultDenied      CallResult = "denied"   // our credential is refused
	ResultNoAnswer    CallResult = "unheard"  // no answer
	ResultUnknown     CallResult = "untold"   // nothing of the agent: the fault is ours
)

// Outcome is what a call told of the agent, and for how long it asked to be left alone.
type Report struct {
	Result     CallResult
	RetryAfter time.Duration
}

// OutcomeOf reads an outcome out of what Caller returned. Any answer in AdCP's terms is one, an error included, but for errors that are about the agent
// as a whole: RATE_LIMITED (contract D8) and a refused credential (contract D12, E12).
func ReportOf(r adcp.Response, err error) Report {
	var ce *adcp.CallError
	switch {
	case err == nil && r.Err == nil:
		return Report{Result: ResultAnswered}
	case err == nil:
		return reportOfCode(r.Err.Code, r.Err.RetryAfter)
	case errors.Is(err, context.Canceled) || !errors.As(err, &ce) || ce.Signature == adcp.SigningFailed: // a key of ours that can't sign is no agent that is down
		return Report{Result: ResultUnknown}
	case ce.Code != "":
		return reportOfCode(ce.Code, ce.RetryAfter)
	}
	switch s := ce.Status; s {
	case http.StatusTooManyRequests:
		return Report{Result: ResultRateLimited, RetryAfter: ce.RetryAfter}
	case http.StatusUnauthorized:
		return Report{Result: ResultDenied, RetryAfter: ce.RetryAfter}
	case http.StatusForbidden, http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusNotAcceptable, http.StatusRequestTimeout:
		// Not the request: whoever is there does not speak AdCP with us.
		return Report{Result: ResultNoAnswer, RetryAfter: ce.RetryAfter}
	default:
		if s >= 400 && s < 500 {
			return Report{Result: ResultAnswered}
		}
		return Report{Result: ResultNoAnswer, RetryAfter: ce.RetryAfter}
	}
}

// outcomeOfCode reads an outcome out of an AdCP error.
func reportOfCode(code string, after time.Duration) Report {
	switch code {
	case "RATE_LIMITED":
		return Report{Result: ResultRateLimited, RetryAfter: after}
	case "AUTH_MISSING", "AUTH_REQUIRED", "AUTH_INVALID":
		return Report{Result: ResultDenied}
	}
	return Report{Result: ResultAnswered}
}

func (o Report) apply(p circuit.Policy, s circuit.State, t circuit.Ticket, now time.Time, jitter float64) circuit.State {
	switch o.Result {
	case ResultAnswered:
		return p.Succeeded(s, t)
	case ResultRateLimited:
		return p.Limited(s, t, now, jitter, o.RetryAfter)
	case ResultDenied, ResultNoAnswer:
		return p.Failed(s, t, now, jitter, o.RetryAfter, o.Result == ResultDenied)
	}
	return p.Released(s, t)
}
