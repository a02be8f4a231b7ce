package operation

import (
	"slices"
	"time"
)

// Party is who an operation waits for.
type Party string

// Who an operation can wait for.
const (
	WaitsForPerson       Party = "person"
	WaitsForAgent        Party = "agent"
	WaitsForOrchestrator Party = "orchestrator"
	WaitsForNobody       Party = "nobody"
)

// needsPerson are the reasons for attention with which nothing goes on, or not safely, before a
// person has acted.
var needsPerson = []Reason{OutcomeUnclear, GaveUp, RootSecretGone, NoWayToFollowUp, AgentRefuses, ProtocolClash,
	TaskNotFound, NotCanceled, InputCrossed, ResultTooLarge}

// WaitingOn answers who has to do something before the operation goes on.
func (op *Operation) WaitingOn() Party {
	flagged := op.Attention != nil && (slices.Contains(needsPerson, op.Attention.Reason) ||
		op.Attention.Reason == AgentAnswersError && op.Call.Stopped)
	switch {
	case op.State.Terminal() && (op.Unpublished() || op.CancelDue()):
		return WaitsForOrchestrator
	case op.Braked(), flagged:
		return WaitsForPerson
	case op.State.Terminal():
		return WaitsForNobody
	case op.NeedsInput() && op.PendingInput() == 0:
		return WaitsForPerson
	case op.WaitsFor != "", op.callDue():
		return WaitsForOrchestrator
	}
	return WaitsForAgent
}

// callDue reports whether a call is to be made, and none is under way.
func (op *Operation) callDue() bool { return op.NeedsCall() && !op.call(op.PendingInput()).InFlight }

// Action is what the orchestrator does next.
type Action string

// What the orchestrator can do next.
const (
	ActionCall        Action = "call"         // call the agent with the request, or with an input
	ActionAwaitAnswer Action = "await_answer" // a call is under way; at is when it is given up
	ActionTakeTurn    Action = "take_turn"    // look whether the operation that it waits for has ended
	ActionPoll        Action = "poll"         // ask the agent, or look for what it has done
	ActionPublish     Action = "publish"
	ActionCancelBuy   Action = "cancel_buy" // make the operation that cancels the buy
)

// Step is what the orchestrator does next, and when at the latest unless something happens before.
type Step struct {
	Action Action    `json:"action"`
	At     time.Time `json:"at"`
}

// NextStep returns what the orchestrator does next of its own accord, nil if that is nothing: the
// operation is over, paused, or not followed any more.
func (op *Operation) NextStep() *Step {
	at := later(op.DueAt.Add(-reconcileGrace), op.UpdatedAt)
	soon := later(later(at, op.NotBefore), op.Admission.Slot)
	var action Action
	switch {
	case op.Unpublished():
		return &Step{ActionPublish, op.UpdatedAt}
	case op.CancelDue():
		return &Step{ActionCancelBuy, at}
	case op.State.Terminal(), op.Braked(), op.flaggedFor(GaveUp):
		return nil
	case op.WaitsFor != "":
		action = ActionTakeTurn
	case op.NeedsCall() && !op.callDue():
		if until := op.call(op.PendingInput()).LeaseUntil; until.After(op.UpdatedAt) && op.Signal == "" {
			return &Step{ActionAwaitAnswer, until}
		}
		action = ActionPoll
	case op.callDue() && !op.flaggedFor(OutcomeUnclear) && !op.call(op.PendingInput()).Stopped && op.Signal != NextPoll:
		action = ActionCall
	default:
		action = ActionPoll
	}
	return &Step{action, soon}
}
