package operation

import (
	"testing"
	"time"

	"adcp-orchestrator/pkg/adcp"
)

func TestAttempt(t *testing.T) {
	t.Parallel()
	op := newOperation(Requested)
	e, ok := op.StartAttempt(noon, AgentSupport{})
	if !ok || op.State != CallingAdCP || !op.Call.InFlight || e.From != Requested || op.Version != 6 {
		t.Fatalf("got %+v, %+v", op, e)
	}
	if _, ok := op.StartAttempt(noon.Add(time.Minute), AgentSupport{}); ok {
		t.Error("a second dispatcher began during the lease")
	}
	afterDeath := op
	if _, ok := afterDeath.StartAttempt(noon.Add(callLease), AgentSupport{}); !ok || !afterDeath.Call.Unclear {
		t.Error("the outcome is not unclear after a dispatcher's death")
	}
	unsent := op
	unsent.FailAttempt(noon, 0, adcp.Unsent, time.Minute, "")
	if unsent.Call.InFlight || unsent.Call.Unclear || !unsent.NotBefore.Equal(noon.Add(time.Minute)) ||
		unsent.State != CallingAdCP {
		t.Errorf("got %+v", unsent)
	}
	op.FailAttempt(noon, 0, adcp.Ambiguous, 0, "")
	if !op.Call.Unclear || op.State != CallingAdCP {
		t.Errorf("got %+v", op)
	}
	answered := newOperation(Submitted)
	if _, ok := answered.StartAttempt(noon, fullSupport); ok {
		t.Error("an answered operation was called again")
	}
}

func TestSkippedAttemptIsNeverUnclear(t *testing.T) {
	t.Parallel()
	op := newOperation(Requested)
	e, ok := op.SkipAttempt(noon, adcp.Ambiguous, time.Minute, "x")
	if !ok || op.Call.Unclear || op.State != CallingAdCP || !op.NotBefore.Equal(noon.Add(time.Minute)) ||
		e.From != Requested {
		t.Errorf("a failure before the call made its outcome unclear: %+v, %+v", op, e)
	}
}

// contract D8: a retry_after counts even while a call is in flight, and the call stays as it is.
func TestSkippedAttemptKeepsTheCallInFlight(t *testing.T) {
	t.Parallel()
	op := newOperation(CallingAdCP)
	op.Call.InFlight, op.Call.Attempts = true, 1
	if _, ok := op.SkipAttempt(noon, adcp.Unsent, 0, ""); ok {
		t.Error("an event was recorded, and nothing had changed")
	}
	_, ok := op.SkipAttempt(noon, adcp.Unsent, time.Minute, "x")
	if !ok || !op.NotBefore.Equal(noon.Add(time.Minute)) || !op.Call.InFlight || op.Call.Attempts != 1 {
		t.Errorf("the retry_after or the call is lost: %+v", op)
	}
	if _, ok := op.SkipAttempt(noon, adcp.Unsent, time.Second, "x"); ok {
		t.Error("an event was recorded for a shorter wait")
	}
	submitted, _, _ := Apply(op, Observation{Channel: ByWebhook, At: noon,
		Answer: adcp.Answer{Status: adcp.StatusSubmitted, TaskID: "task_1"}})
	if submitted.State != Submitted || !submitted.NotBefore.Equal(noon.Add(time.Minute)) {
		t.Errorf("a webhook cut a retry_after short: %+v", submitted)
	}
}
