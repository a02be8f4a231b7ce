package notice

import "strings"

// Type is what a consumer is told. On the wire it has a version.
type Type string

// The types.
const (
	Submitted       Type = "operation.submitted" // the agent has accepted the task
	Working         Type = "operation.working"   // the agent works on it
	InputRequired   Type = "operation.input_required"
	AuthRequired    Type = "operation.auth_required"
	InputAnswered   Type = "operation.input_answered"
	CancelRequested Type = "operation.cancel_requested"
	Completed       Type = "operation.completed"
	Failed          Type = "operation.failed"
	Rejected        Type = "operation.rejected"
	Canceled        Type = "operation.canceled"
	Overdue         Type = "operation.overdue"         // the deadline has passed; the operation is followed on
	OutcomeUnclear  Type = "operation.outcome_unclear" // the agent may have done it; it is not sent again
	Conflict        Type = "operation.conflict"        // the agent contradicts itself or what is known
	Attention       Type = "operation.attention"       // a person should look, for any other reason

	WebhookQuarantined Type = "webhook.quarantined"
	CircuitOpened      Type = "agent.circuit_opened"
	CircuitClosed      Type = "agent.circuit_closed"
	KeysChanged        Type = "agent.keys_changed"
	EndpointDisabled   Type = "endpoint.disabled"
	Test               Type = "test"
)

// Types returns every type.
func Types() []Type {
	return []Type{Submitted, Working, InputRequired, AuthRequired, InputAnswered, CancelRequested, Completed, Failed,
		Rejected, Canceled, Overdue, OutcomeUnclear, Conflict, Attention, WebhookQuarantined, CircuitOpened,
		CircuitClosed, KeysChanged, EndpointDisabled, Test}
}

// version is that of the envelope and of the data of all types.
const version = ".v1"

// Versioned is the type as it stands in envelopes.
func (t Type) Versioned() string { return string(t) + version }

// ParseType reads a type with or without its version. ok is false for any other text.
func ParseType(s string) (t Type, ok bool) {
	s = strings.TrimSuffix(s, version)
	for _, t := range Types() {
		if string(t) == s {
			return t, true
		}
	}
	return "", false
}
