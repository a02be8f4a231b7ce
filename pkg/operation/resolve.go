package operation

import (
	"encoding/json"
	"slices"
	"time"

	"adcp-orchestrator/pkg/adcp"
)

// Resolution is how a person has ended an operation of which the orchestrator can't find out more.
type Resolution struct {
	State    State  `json:"state"`
	Reason   string `json:"reason"`
	Evidence string `json:"evidence,omitempty"`
	// Unverified: the agent could not be asked whether that is so.
	Unverified bool      `json:"unverified,omitempty"`
	At         time.Time `json:"at"`
	Actor      Actor     `json:"actor"`
	Unknown    string    `json:"-" document:"unknown"`
}

// resolvable are the reasons for attention with which a person may say how an operation has ended
// that the agent has accepted.
var resolvable = []Reason{GaveUp, TaskNotFound, NoWayToFollowUp, ProtocolClash, ResultMissing}

// MayResolve returns an *ActRefusedError unless a person may say how the operation has ended: only
// where the orchestrator can't find out by itself.
func (op *Operation) MayResolve(now time.Time) error {
	switch {
	case op.State.Terminal():
		return op.refuse(OperationEnded, "the operation has ended; the first end stays")
	case op.State == Requested:
		return op.refuse(NotUnclear, "the agent has not been called; cancel the operation")
	case op.State == CallingAdCP && op.Call.InFlight && now.Before(op.Call.LeaseUntil):
		return op.refuse(NotUnclear, "the agent is being called; its answer may end the operation")
	case op.State == CallingAdCP && (op.flaggedFor(OutcomeUnclear) || op.flaggedFor(GaveUp) && op.Call.Unclear):
		return nil
	case op.State == CallingAdCP:
		return op.refuse(NotUnclear, "the outcome of the call is not unclear; wait, or cancel the operation")
	case op.Attention == nil || !slices.Contains(resolvable, op.Attention.Reason):
		return op.refuse(NotUnclear, "the operation is still followed; poll it, or cancel it")
	}
	return nil
}

// Resolve ends an operation as a person says. value is the task's own body, of which a later
// observation of the same end shows the same; nil if none is known. MayResolve has to allow it.
func (op *Operation) Resolve(now time.Time, r Resolution, value json.RawMessage) Event {
	from := op.State
	op.State = r.State
	a := adcp.Answer{Status: adcp.Status(r.State), Value: value}
	e := endOf(op.Type, a)
	op.Terminal = &Terminal{Status: a.Status, Channel: ByOperator, At: now, Fingerprint: e.fingerprint,
		Members: e.members, Parts: e.partsOf()}
	op.Resolution = &r
	op.Call.InFlight = false
	op.Error, op.Attention = nil, nil
	op.endInputRequest(now, false, true)
	op.concludeCancellation(now)
	op.ReconcileSoon(now)
	op.BumpVersion(now)
	detail := "ended by a person"
	if r.Unverified {
		detail += ", without the agent's confirmation"
	}
	if r.Evidence != "" {
		detail += "; evidence was given"
	}
	return op.event(EventChanged, ByOperator, from, now, detail)
}
