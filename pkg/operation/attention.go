package operation

import "time"

// Attention asks a person to look. The operation itself goes on.
type Attention struct {
	Reason  Reason    `json:"reason"`
	Since   time.Time `json:"since"`
	Detail  string    `json:"detail,omitempty"`
	Unknown string    `json:"-" document:"unknown"`
}

// Reason is why a person should look.
type Reason string

// The reasons for attention.
const (
	DeadlinePassed Reason = "deadline_passed" // the agent has not finished in time; it still may
	GaveUp         Reason = "gave_up"         // polling has ended; a webhook or a redrive can still end the operation
	OutcomeUnclear Reason = "outcome_unclear" // the agent may have carried the request out; it is not sent again
	AgentRefuses   Reason = "agent_refuses"   // the agent refuses us: credential, address
	// AgentAnswersError: the agent answers each attempt with an error; detail has its code.
	AgentAnswersError Reason = "agent_answers_error"
	AgentUnreached    Reason = "agent_unreached" // the agent could not be reached for some time
	// RootSecretGone: the request can't be sent again as it was; detail says what to do.
	RootSecretGone  Reason = "root_secret_gone"
	TaskNotFound    Reason = "task_not_found"   // the agent does not know its own task (contract E7, G10)
	ProtocolClash   Reason = "protocol_clash"   // the agent contradicts itself (contract A29, H3)
	InputNeeded     Reason = "input_needed"     // the agent waits for input
	AuthNeeded      Reason = "auth_needed"      // the agent wants an authorization
	InputCrossed    Reason = "input_crossed"    // the end came while an input was under way: its effect is not known
	ResultTooLarge  Reason = "result_too_large" // the result is too large to store: read it at the agent
	ResultMissing   Reason = "result_missing"   // the agent says completed and shows no result
	NoWayToFollowUp Reason = "no_way_to_follow" // neither a webhook nor a polling tool
	NotCanceled     Reason = "not_canceled"     // it was to be canceled, and that could not be done
)

// Reasons are all reasons for attention.
func Reasons() []Reason {
	return []Reason{DeadlinePassed, GaveUp, OutcomeUnclear, AgentRefuses, AgentAnswersError, AgentUnreached,
		RootSecretGone, TaskNotFound, ProtocolClash, InputNeeded, AuthNeeded, InputCrossed, ResultTooLarge, ResultMissing,
		NoWayToFollowUp}
}

// Flag raises attention for what a use case found, as part of the change that it belongs to.
func (op *Operation) Flag(r Reason, now time.Time, detail string) { op.flag(r, now, detail) }

// FlagDetail is Flag, but its detail replaces that of the same reason, which keeps its time: what
// is known now says more.
func (op *Operation) FlagDetail(r Reason, now time.Time, detail string) {
	if !op.flaggedFor(r) {
		op.flag(r, now, detail)
	} else if op.Attention.Detail != detail {
		changed := *op.Attention
		changed.Detail = detail
		op.Attention = &changed
	}
}

// flaggedFor reports whether attention stands for a reason.
func (op *Operation) flaggedFor(r Reason) bool {
	return op.Attention != nil && op.Attention.Reason == r
}

// flag raises attention. A reason that stands already keeps its time. What needs a person does not
// expire.
func (op *Operation) flag(r Reason, now time.Time, detail string) {
	if op.flaggedFor(r) {
		return
	}
	op.Attention = &Attention{Reason: r, Since: now, Detail: detail}
	op.keepForPerson(now)
}
