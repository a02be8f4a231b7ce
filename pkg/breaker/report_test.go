package breaker

import (
	"adcp-orchestrator/pkg/adcp"
	"testing"
	"time"
)

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
