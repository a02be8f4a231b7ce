package breaker_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/breaker"
)

func TestReportOf(t *testing.T) {
	t.Parallel()
	answer := func(code string, after time.Duration) breaker.Report {
		return breaker.ReportOf(adcp.Response{Err: &adcp.Error{Code: code, RetryAfter: after}}, nil)
	}
	failed := func(o adcp.Outcome, status int, after time.Duration, cause error) breaker.Report {
		e := &adcp.CallError{Outcome: o, Status: status, RetryAfter: after, Cause: cause}
		return breaker.ReportOf(adcp.Response{}, fmt.Errorf("wrapped: %w", e))
	}
	refused := func(status int, after time.Duration) breaker.Report {
		return failed(adcp.Refused, status, after, errors.New("broken"))
	}
	ambiguous := func(status int, after time.Duration) breaker.Report {
		return failed(adcp.Ambiguous, status, after, errors.New("broken"))
	}
	report := func(result breaker.CallResult, after time.Duration) breaker.Report {
		return breaker.Report{Result: result, RetryAfter: after}
	}
	withStatus := func(status int, r breaker.Report) breaker.Report {
		r.Status = status
		return r
	}
	const (
		answered    = breaker.ResultAnswered
		rateLimited = breaker.ResultRateLimited
		denied      = breaker.ResultDenied
		noAnswer    = breaker.ResultNoAnswer
		unknown     = breaker.ResultUnknown
	)
	noToken := func(waits bool) breaker.Report {
		return breaker.ReportOf(adcp.Response{}, &adcp.CallError{Outcome: adcp.Unsent, RetryAfter: time.Minute,
			Authorization: "oauth_client_refused", AuthorizationWaits: waits})
	}
	payload := adcp.Response{Payload: json.RawMessage(`{}`)}
	for name, tc := range map[string]struct{ got, want breaker.Report }{
		"an answer":             {breaker.ReportOf(payload, nil), report(answered, 0)},
		"a business error":      {answer("BUDGET_TOO_LOW", 0), report(answered, 0)},
		"busy, in AdCP's terms": {answer("SERVICE_UNAVAILABLE", time.Minute), report(answered, 0)},
		"no permission":         {answer("PERMISSION_DENIED", 0), report(answered, 0)},
		"limited":               {answer("RATE_LIMITED", time.Minute), report(rateLimited, time.Minute)},
		"a bad credential":      {answer("AUTH_INVALID", 0), report(denied, 0)},
		"no credential":         {answer("AUTH_REQUIRED", 0), report(denied, 0)},
		"HTTP 401":              {refused(http.StatusUnauthorized, 0), withStatus(401, report(denied, 0))},
		"HTTP 429": {
			refused(http.StatusTooManyRequests, time.Second),
			withStatus(429, report(rateLimited, time.Second)),
		},
		"HTTP 403": {refused(http.StatusForbidden, 0), withStatus(403, report(noAnswer, 0))},
		"HTTP 400": {ambiguous(http.StatusBadRequest, 0), withStatus(400, report(answered, 0))},
		"HTTP 503": {
			ambiguous(http.StatusServiceUnavailable, time.Minute),
			withStatus(503, report(noAnswer, time.Minute)),
		},
		"no connection": {failed(adcp.Unsent, 0, 0, errors.New("broken")), report(noAnswer, 0)},
		"a timeout": {
			failed(adcp.Ambiguous, 200, 0, context.DeadlineExceeded),
			withStatus(200, report(noAnswer, 0)),
		},
		"we canceled":         {failed(adcp.Ambiguous, 0, 0, context.Canceled), report(unknown, 0)},
		"no token, mend it":   {noToken(false), report(denied, time.Minute)},
		"no token at present": {noToken(true), report(noAnswer, time.Minute)},
		"our own fault":       {breaker.ReportOf(adcp.Response{}, errors.New("broken")), report(unknown, 0)},
	} {
		if tc.got != tc.want {
			t.Errorf("%s: got %+v, want %+v", name, tc.got, tc.want)
		}
	}
}

// If our key cannot sign, that says nothing about the agent: its circuit stays as it is.
func TestFailedSigningSaysNothingAboutTheAgent(t *testing.T) {
	t.Parallel()
	for _, e := range []adcp.CallError{
		{Outcome: adcp.Unsent, Signature: adcp.SigningFailed},
		{Outcome: adcp.Refused, Status: 401, Signature: adcp.SigningFailed},
	} {
		if got := breaker.ReportOf(adcp.Response{}, &e); got.Result != breaker.ResultUnknown {
			t.Errorf("%+v: %+v", e, got)
		}
	}
}

// An AdCP error counts the same whether a call returned it, or a discovery, which returns it as a
// CallError (contract D8, D12).
func TestCodeOfDiscoveryCounts(t *testing.T) {
	t.Parallel()
	for code, want := range map[string]breaker.CallResult{
		"RATE_LIMITED":  breaker.ResultRateLimited,
		"AUTH_REQUIRED": breaker.ResultDenied,
		"X_ODD":         breaker.ResultAnswered,
	} {
		e := &adcp.CallError{Outcome: adcp.Refused, Code: code, RetryAfter: time.Minute}
		if got := breaker.ReportOf(adcp.Response{}, e); got.Result != want {
			t.Errorf("%s: %+v", code, got)
		}
	}
}
