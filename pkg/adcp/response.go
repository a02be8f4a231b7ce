package adcp

import (
	"encoding/json"
	"fmt"
	"time"
)

// Error is AdCP's error object (contract D1). Message, Suggestion and Details come from a
// counterparty: show them fenced off as foreign text, and never route on them (contract D18).
type Error struct {
	Code     string   `json:"code"`
	Message  string   `json:"message,omitempty"`
	Recovery Recovery `json:"recovery,omitempty"`
	// Assumed: Recovery is Transient only because neither the agent nor the vocabulary says anything
	// else (contract D7). It is not stored.
	Assumed    bool            `json:"-"`
	RetryAfter time.Duration   `json:"-" document:"retry_after"` // written in seconds
	Field      string          `json:"field,omitempty"`
	Suggestion string          `json:"suggestion,omitempty"`
	Issues     json.RawMessage `json:"issues,omitempty"`
	Details    json.RawMessage `json:"details,omitempty"`
	Unknown    string          `json:"-" document:"unknown"`
}

// MarshalJSON writes the error in AdCP's form, with every member that the agent sent
// (contract D19).
func (e Error) MarshalJSON() ([]byte, error) {
	type members Error
	return json.Marshal(struct {
		members
		RetryAfter int64 `json:"retry_after,omitempty"`
	}{members(e), int64(e.RetryAfter / time.Second)})
}

// UnmarshalJSON reads what MarshalJSON wrote. For an agent's error use DecodeError, which trusts
// its input less.
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

// SaysTransient reports whether the agent, or the vocabulary, calls the error transient.
func (e Error) SaysTransient() bool { return e.Recovery == Transient && !e.Assumed }

// Recovery says what may be done about an Error (contract D6).
type Recovery string

// The recoveries of contract D6.
const (
	Transient   Recovery = "transient"   // the same request may be sent again later
	Correctable Recovery = "correctable" // a person has to change the request
	Terminal    Recovery = "terminal"    // a person has to act, or to negotiate
)

// Response is an agent's answer to one call over any transport: at most one of Err and a usable
// Payload.
type Response struct {
	// Payload is the AdCP object with its envelope members as flat siblings (contract B3). Nil if the
	// answer has none.
	Payload json.RawMessage
	// Original is Payload as the agent sent it, if secrets were redacted from Payload. It is for
	// comparing ends only, and must not be kept or shown.
	Original json.RawMessage
	// Err is the failure by the detection order of contract D2, nil if the answer is not a failure.
	Err *Error
	// Continuation is where the agent waits for input, if it waits and says so in A2A's own terms.
	Continuation Continuation
	// WorkFailed: the call's own A2A task failed or was rejected. If it had waited for input, it no
	// longer does.
	WorkFailed bool
}

// Continuation identifies the A2A task and context in which the next message continues
// (contract J4). They belong to the call: TaskID is never an AdCP task's id.
type Continuation struct {
	TaskID    string `json:"task_id"`
	ContextID string `json:"context_id"`
	Unknown   string `json:"-" document:"unknown"`
}

// Known reports whether there is a continuation that this code can follow.
func (c Continuation) Known() bool { return c.TaskID != "" || c.ContextID != "" }

// ContinuationLost is the Code of a CallError whose call continued an A2A task that the agent no
// longer knows, or that it can't continue.
const ContinuationLost = "continuation_lost"

// AnswerTooLarge is the Code of a CallError whose answer was longer than what is read of one.
const AnswerTooLarge = "answer_too_large"

// CallError says that a call got no AdCP answer. It never proves that the agent did nothing
// (contract A28) unless Outcome is Unsent.
type CallError struct {
	// RPCCode is the code of the agent\'s JSON-RPC error, 0 if there was none. It proves nothing
	// (contract C30).
	RPCCode    int64
	Outcome    Outcome
	Status     int           // the HTTP status, 0 if there was none
	RetryAfter time.Duration // the delay that the agent requested (contract D8), 0 if it requested none
	// Signature is the fault of the request's signature (contract B57): a code request_..., or
	// SigningFailed. Usually "".
	Signature string
	// Authorization is why no OAuth token was got for the call (contract L27): a code of package
	// oauth. Usually "". AuthorizationWaits: that may go away by itself, no person has to act.
	Authorization      string
	AuthorizationWaits bool
	// DemandsOAuth: the agent answered 401 and named its OAuth metadata (contract L28).
	DemandsOAuth bool
	// Code is the code of the AdCP error that the agent answered, for a call that can't return an
	// adcp.Error, or ContinuationLost, or AnswerTooLarge. Usually "".
	Code  string
	Cause error // for our own logs only: it may contain addresses
}

// SigningFailed is the Signature of a CallError whose request had to be signed and could not be,
// for a reason on our side.
const SigningFailed = "signing_failed"

// Outcome says how far a call went.
type Outcome string

// How far a call without an AdCP answer went.
const (
	Unsent Outcome = "unsent" // the request never left: no connection, no credential, a blocked address
	// Refused: the agent says that its HTTP layer refused the request before AdCP saw it (401, 403,
	// 405, 406, 429, and some of 400). Contract C29 says of which agents that is believed.
	Refused Outcome = "refused"
	// Ambiguous: the request may have been carried out. The call timed out, was reset, or was
	// answered with a 5xx or unreadably (contract C19).
	Ambiguous Outcome = "ambiguous"
)

func (e *CallError) Error() string {
	if e.Status != 0 {
		return fmt.Sprintf("call %s: HTTP %d: %v", e.Outcome, e.Status, e.Cause)
	}
	return fmt.Sprintf("call %s: %v", e.Outcome, e.Cause)
}

// Unwrap returns the cause.
func (e *CallError) Unwrap() error { return e.Cause }
