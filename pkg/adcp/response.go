package adcp

import (
	"encoding/json"
	"fmt"
	"time"
)

// Error is AdCP's error object (contract D1). Message, Suggestion and Details come from a counterparty: show them fenced, never route on them (contract D18).
type Error struct {
	Code       string          `json:"code"`
	Message    string          `json:"message,omitempty"`
	Recovery   Recovery        `json:"recovery,omitempty"`
	RetryAfter time.Duration   `json:"-"` // as retry_after, in seconds
	Field      string          `json:"field,omitempty"`
	Suggestion string          `json:"suggestion,omitempty"`
	Issues     json.RawMessage `json:"issues,omitempty"`
	Details    json.RawMessage `json:"details,omitempty"`
}

// MarshalJSON writes the error as AdCP has it: whoever passes one on keeps all that it says (contract D19).
func (e Error) MarshalJSON() ([]byte, error) {
	type members Error
	return json.Marshal(struct {
		members
		RetryAfter int64 `json:"retry_after,omitempty"`
	}{members(e), int64(e.RetryAfter / time.Second)})
}

// UnmarshalJSON reads what MarshalJSON has written. An agent's errors are read by DecodeError, which trusts them less.
func (e *Error) UnmarshalJSON(raw []byte) error {
	type members Error
	var m struct {
		*members
		RetryAfter int64 `json:"retry_after"`
	}
	m.members = (*members)(e)
	if err := json.Unmarshal(raw, &m); err != nil {
		return err
	}
	e.RetryAfter = time.Duration(m.RetryAfter) * time.Second
	return nil
}

// Recovery says what may be done about an Error (contract D6).
type Recovery string

// The recoveries of contract D6.
const (
	Transient   Recovery = "transient"   // the same request may be sent again later
	Correctable Recovery = "correctable" // the request has to change: for a human
	Terminal    Recovery = "terminal"    // a human or commercial matter
)

// Response is what an agent answered to one call, whatever the transport: at most one of Err and a usable Payload.
type Response struct {
	// Payload is the AdCP object with its envelope fields as flat siblings (contract B3). Nil when the answer held none.
	Payload json.RawMessage
	// Err is the failure found by the detection order of contract D2, nil if the answer is not a failure.
	Err *Error
	// Continuation is where the agent waits for us, if it does and says so in A2A's own terms.
	Continuation Continuation
	// Over: the call's own A2A task has failed or was rejected. Where it waited, nobody waits any more.
	WorkFailed bool
}

// Continuation is A2A's own task and context, which a further message goes on with (contract J4). They are the call's: an AdCP task's id is never one of them.
type Continuation struct {
	TaskID    string `json:"task_id"`
	ContextID string `json:"context_id"`
}

// ContinuationLost is a CallError's Code: the agent does not know the A2A task any more that a call went on with, or can't go on with it.
const ContinuationLost = "continuation_lost"

// CallError says that no AdCP answer was obtained. It never proves that the agent did nothing (contract A28) unless Outcome is Unsent.
type CallError struct {
	Outcome    Outcome
	Status     int           // HTTP status, 0 if there was none
	RetryAfter time.Duration // as the agent asked (contract D8), 0 if it did not
	Signature  string        // what was wrong with the request's signature (contract B57): a code request_..., or SigningFailed; mostly ""
	Code       string        // the AdCP error that the agent answered with, where a call has no place for an adcp.Error; mostly ""
	Cause      error         // for logs on our side only: may hold addresses
}

// SigningFailed says that a request which had to be signed could not be, by a fault or a lack of ours.
const SigningFailed = "signing_failed"

// Outcome tells how far a call went.
type Outcome string

// How far a call without an AdCP answer went.
const (
	Unsent    Outcome = "unsent"    // the request never left: no connection, no credential, a refused address
	Refused   Outcome = "refused"   // the agent's HTTP layer refused it before AdCP (401, 403, 404, 405, 429)
	Ambiguous Outcome = "ambiguous" // it may have been carried out: time-outs, resets, 5xx, unreadable answers (contract C19)
)

func (e *CallError) Error() string {
	if e.Status != 0 {
		return fmt.Sprintf("call %s: HTTP %d: %v", e.Outcome, e.Status, e.Cause)
	}
	return fmt.Sprintf("call %s: %v", e.Outcome, e.Cause)
}

// Unwrap returns the cause.
func (e *CallError) Unwrap() error { return e.Cause }
