package breaker

import (
	"context"
	"errors"
	"net/http"
	"time"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/circuit"
)

// CallResult is what a call says about the agent.
type CallResult string

// The results of calls.
const (
	// ResultAnswered is an answer in AdCP's terms, or one that blames this very request.
	ResultAnswered    CallResult = "answered"
	ResultRateLimited CallResult = "rate_limited" // we call too often
	ResultDenied      CallResult = "denied"       // the agent refuses our credential
	ResultNoAnswer    CallResult = "no_answer"
	// ResultUnknown says nothing about the agent: the fault is ours.
	ResultUnknown CallResult = "unknown"
)

// Report is the result of a call, and how long the agent asked us to wait (0: not at all).
type Report struct {
	Result     CallResult
	RetryAfter time.Duration
	// Status is the HTTP status that the call failed with, 0 if there was none.
	Status int
}

// ReportOf derives a report from what registry.Caller returned. Every answer in AdCP's terms counts
// as an answer, including errors. The exceptions are errors about the agent as a whole:
// RATE_LIMITED (contract D8) and a refused credential (contract D12, E12).
func ReportOf(r adcp.Response, err error) Report {
	report := resultOf(r, err)
	var ce *adcp.CallError
	if errors.As(err, &ce) {
		report.Status = ce.Status
	}
	return report
}

func resultOf(r adcp.Response, err error) Report {
	var ce *adcp.CallError
	switch {
	case err == nil && r.Err == nil:
		return Report{Result: ResultAnswered}
	case err == nil:
		return reportOfCode(r.Err.Code, r.Err.RetryAfter)
	case errors.Is(err, context.Canceled) || !errors.As(err, &ce):
		return Report{Result: ResultUnknown}
	case ce.Signature == adcp.SigningFailed: // our key failed, not the agent
		return Report{Result: ResultUnknown}
	case ce.Authorization != "" && !ce.AuthorizationWaits: // a person has to mend it: the probes come less often
		return Report{Result: ResultDenied, RetryAfter: ce.RetryAfter}
	case ce.Code != "":
		return reportOfCode(ce.Code, ce.RetryAfter)
	}
	switch s := ce.Status; s {
	case http.StatusTooManyRequests:
		return Report{Result: ResultRateLimited, RetryAfter: ce.RetryAfter}
	case http.StatusUnauthorized:
		return Report{Result: ResultDenied, RetryAfter: ce.RetryAfter}
	case http.StatusForbidden, http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusNotAcceptable,
		http.StatusRequestTimeout:
		// These statuses do not blame the request: the server at this address does not speak AdCP to us.
		return Report{Result: ResultNoAnswer, RetryAfter: ce.RetryAfter}
	default:
		if s >= 400 && s < 500 {
			return Report{Result: ResultAnswered}
		}
		return Report{Result: ResultNoAnswer, RetryAfter: ce.RetryAfter}
	}
}

// reportOfCode derives a report from the code of an AdCP error.
func reportOfCode(code string, after time.Duration) Report {
	switch code {
	case "RATE_LIMITED":
		return Report{Result: ResultRateLimited, RetryAfter: after}
	case "AUTH_MISSING", "AUTH_REQUIRED", "AUTH_INVALID":
		return Report{Result: ResultDenied}
	}
	return Report{Result: ResultAnswered}
}

// apply returns the state of the circuit after the report.
func (r Report) apply(
	p circuit.Policy, s circuit.State, t circuit.Ticket, now time.Time, jitter float64,
) circuit.State {
	var next circuit.State
	switch r.Result {
	case ResultAnswered:
		return p.Succeeded(s, t)
	case ResultRateLimited:
		next = p.Limited(s, t, now, jitter, r.RetryAfter)
	case ResultDenied, ResultNoAnswer:
		next = p.Failed(s, t, now, jitter, r.RetryAfter, r.Result == ResultDenied)
	default:
		return p.Released(s, t)
	}
	if next != s { // it costs no write of its own
		next.LastFailure = circuit.Failure{At: now, Result: string(r.Result), Status: r.Status}
	}
	return next
}
