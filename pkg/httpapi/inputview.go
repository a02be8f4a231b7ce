package httpapi

import (
	"encoding/json"
	"time"

	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/orchestrator"
)

// inputRequest is where the agent last waited for us. Reason, Message and Details are the agent's
// own words: show them as such (contract J13).
type inputRequest struct {
	Generation int                        `json:"generation"`
	Since      time.Time                  `json:"since"`
	Reason     string                     `json:"reason,omitempty"`
	Message    string                     `json:"message,omitempty"`
	Details    map[string]json.RawMessage `json:"details,omitempty"`
	// Answerable: POST …/input can answer it. Else WhyNot is the code that it would answer with.
	Answerable bool                      `json:"answerable"`
	WhyNot     orchestrator.InputRefusal `json:"why_not,omitempty"`
	Answer     *inputAnswer              `json:"answer,omitempty"`
}

// inputAnswer is the input that was taken for an input request, and how far it has come.
type inputAnswer struct {
	State operation.InputState `json:"state"`
	// Actor is who sent the input.
	Actor *operation.Actor `json:"actor,omitempty"`
	At    time.Time        `json:"at"`
	// ContentSHA256 is the digest of what was approved.
	ContentSHA256 string `json:"content_sha256"`
	Calls         int    `json:"calls"`
}

func viewInputRequest(op operation.Operation) *inputRequest {
	r := op.InputRequest
	if r.Generation == 0 {
		return nil
	}
	v := &inputRequest{Generation: r.Generation, Since: r.Since, Answerable: op.Answerable()}
	if !v.Answerable {
		v.WhyNot = orchestrator.WhyNotAnswerable(op)
	}
	_ = json.Unmarshal(r.Prompt, &v.Details) // an object, or nothing
	v.Reason, v.Message = take(v.Details, "reason"), take(v.Details, "message")
	if in := r.Input; in.State != "" {
		v.Answer = &inputAnswer{State: in.State, Actor: in.By(), At: in.At,
			ContentSHA256: in.Fingerprint, Calls: in.Call.Attempts}
	}
	return v
}

// take removes a member that is a string and returns it. A member of another type stays where it
// is.
func take(members map[string]json.RawMessage, name string) (s string) {
	if raw, ok := members[name]; ok && json.Unmarshal(raw, &s) == nil {
		delete(members, name)
	}
	return s
}
