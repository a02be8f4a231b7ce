package orchestrator

import (
	"encoding/json"
	"testing"
	"time"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/adcp/adcptest"
	"adcp-orchestrator/pkg/operation"
)

// recoveryVector is one of AdCP's vectors of what a buyer does about an error. Its schema_valid and
// producer_conformant are about the agent's answer, which is read all the same (contract D17).
type recoveryVector struct {
	ID    string          `json:"id"`
	Error json.RawMessage `json:"error"`
	State struct {
		Attempted int `json:"retries_attempted"`
	} `json:"retry_state"`
	Expected struct {
		Known     bool          `json:"code_known"`
		Recovery  adcp.Recovery `json:"effective_recovery"`
		Action    string        `json:"action"`
		Automatic bool          `json:"automatic_retry"`
		Schedule  *struct {
			Minimum int `json:"minimum_delay_seconds"`
		} `json:"schedule"`
		Budget struct {
			Consumed bool `json:"consumed"`
		} `json:"retry_budget"`
	} `json:"expected"`
}

// contract D6 to D8, D10, D11. The task is one that does no harm twice: what an error proves of a
// purchase is our own, stricter rule (contract C29).
func TestVectorErrorRecovery(t *testing.T) {
	t.Parallel()
	var file struct {
		Vectors []recoveryVector `json:"vectors"`
	}
	b := adcptest.Bundle(t, "_compliance/3.2.4/test-vectors/error-recovery/vectors.json")
	if err := json.Unmarshal(b, &file); err != nil || len(file.Vectors) < 15 {
		t.Fatalf("%d vectors, %v", len(file.Vectors), err)
	}
	for _, v := range file.Vectors {
		t.Run(v.ID, func(t *testing.T) {
			t.Parallel()
			e, ok := adcp.DecodeError(v.Error)
			if !ok {
				t.Fatal("the error can't be read")
			}
			if _, known := adcp.PolicyOf(e.Code); known != v.Expected.Known || e.Recovery != v.Expected.Recovery {
				t.Errorf("known is %v, recovery %s", known, e.Recovery)
			}
			action, delay := actionOn(e, v.State.Attempted)
			if action != v.Expected.Action {
				t.Errorf("the action is %s, want %s", action, v.Expected.Action)
			}
			if retries := action == "retry"; retries != v.Expected.Automatic || retries != v.Expected.Budget.Consumed {
				t.Errorf("it is sent again: %v, want %+v", retries, v.Expected)
			}
			if s := v.Expected.Schedule; s != nil && s.Minimum > 0 && delay < time.Duration(s.Minimum)*time.Second {
				t.Errorf("it is sent again after %s, want %d s", delay, s.Minimum)
			}
		})
	}
}

// actionOn lets an agent answer an operation's request with the error, after it has answered so a
// number of times, and returns what happens then, and when.
func actionOn(e adcp.Error, before int) (action string, delay time.Duration) {
	start := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	op := operation.Operation{Type: adcp.GetProducts, State: operation.CallingAdCP}
	if endsOperation(op, &e) {
		if e.Recovery == adcp.Correctable {
			return "correct_request", 0
		}
		return "escalate", 0
	}
	now := start
	for range before + 1 {
		now = now.Add(time.Second)
		callEnd{}.recordError(&op, &e, now)
	}
	switch {
	case reactionTo(op, &e) != adcp.Resend:
		return "escalate", 0
	case op.Call.Stopped:
		return "stop_retrying", 0
	}
	return "retry", op.NotBefore.Sub(now)
}
