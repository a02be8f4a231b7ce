package orchestrator

import (
	"testing"
	"time"

	"adcp-orchestrator/pkg/adcp"
)

// contract B57: a timeline tells what was wrong with a signature, before the status that came with it.
func TestTimelineTellsOfSignatures(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		ce   adcp.CallError
		want string
	}{
		{adcp.CallError{Outcome: adcp.Refused, Status: 401, Signature: "request_signature_key_unknown"}, "the agent refused our signature: request_signature_key_unknown"},
		{adcp.CallError{Outcome: adcp.Unsent, Signature: adcp.SigningFailed}, "not called: the request has to be signed, and could not be"},
		{adcp.CallError{Outcome: adcp.Refused, Status: 401}, "the agent answered HTTP 401 Unauthorized"},
	} {
		if got := DescribeCallError(&c.ce); got != c.want {
			t.Errorf("%+v is told as %q, want %q", c.ce, got, c.want)
		}
	}
}

// A key of ours that can't sign says nothing of the agent: its circuit stays as it is.
func TestAFailedSignatureIsNoNewsOfTheAgent(t *testing.T) {
	t.Parallel()
	for _, e := range []adcp.CallError{{Outcome: adcp.Unsent, Signature: adcp.SigningFailed}, {Outcome: adcp.Refused, Status: 401, Signature: adcp.SigningFailed}} {
		if got := ReportOf(adcp.Response{}, &e); got.Result != ResultUnknown {
			t.Errorf("%+v: %+v", e, got)
		}
	}
}

// An AdCP error counts the same whether a call returned it or a discovery, which has no place for it (contract D8, D12).
func TestACodeOfADiscoveryCounts(t *testing.T) {
	t.Parallel()
	for code, want := range map[string]CallResult{"RATE_LIMITED": ResultRateLimited, "AUTH_REQUIRED": ResultDenied, "X_ODD": ResultAnswered} {
		e := &adcp.CallError{Outcome: adcp.Refused, Code: code, RetryAfter: time.Minute}
		if got := ReportOf(adcp.Response{}, e); got.Result != want {
			t.Errorf("%s: %+v", code, got)
		}
	}
}
