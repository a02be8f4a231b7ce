package notice

import (
	"fmt"
	"slices"
	"strings"

	"adcp-orchestrator/pkg/operation"
)

// EndID is the id of the notice of an operation's end. There is one: the first end stays.
func EndID(operationID string) string { return operationID + "-ended" }

// OperationOf returns the operation that a notice's id names, "" if it names none.
func OperationOf(id string) string {
	op, _, ok := strings.Cut(id, "-")
	if !ok || !strings.HasPrefix(op, "op_") {
		return ""
	}
	return op
}

// Of returns what consumers are told of the events of one change: a notice for each event, nil for
// one that nobody is told. op is the operation after the change. Attention that another event of
// the change tells already has no notice of its own.
func Of(op operation.Operation, events []operation.Event) []*Notice {
	types := make([]Type, len(events))
	for n, e := range events {
		if e.Kind != operation.EventAttention {
			types[n] = typeOf(e)
		}
	}
	for n, e := range events {
		if e.Kind == operation.EventAttention {
			if t := typeOfReason(operation.Reason(e.Detail)); !slices.Contains(types, t) {
				types[n] = t
			}
		}
	}
	told := make([]*Notice, len(events))
	for n, e := range events {
		if types[n] != "" {
			told[n] = of(op, e, n, types[n])
		}
	}
	return told
}

// byState are the types that tell a change to a state; of some states nobody is told.
var byState = map[operation.State]Type{
	operation.Submitted:     Submitted,
	operation.Working:       Working,
	operation.InputRequired: InputRequired,
	operation.AuthRequired:  AuthRequired,
	operation.Completed:     Completed,
	operation.Failed:        Failed,
	operation.Rejected:      Rejected,
	operation.Canceled:      Canceled,
}

// byKind are the types that tell other kinds of events. A conflict is told by the attention that it
// raises: an agent may contradict itself in the same way at each poll.
var byKind = map[operation.EventKind]Type{
	operation.EventInputAnswered: InputAnswered,
	"cancel_requested":           CancelRequested,
}

func typeOf(e operation.Event) Type {
	asksAgain := e.Kind == operation.EventChanged && e.To.NeedsInput()
	if e.From != e.To || asksAgain {
		if t := byState[e.To]; t != "" {
			return t
		}
	}
	return byKind[e.Kind]
}

func typeOfReason(r operation.Reason) Type {
	switch r {
	case operation.DeadlinePassed:
		return Overdue
	case operation.OutcomeUnclear:
		return OutcomeUnclear
	case operation.ProtocolClash:
		return Conflict
	case operation.InputNeeded:
		return InputRequired
	case operation.AuthNeeded:
		return AuthRequired
	}
	return Attention
}

// of builds the notice of an event; place is its index in the change.
func of(op operation.Operation, e operation.Event, place int, t Type) *Notice {
	n := &Notice{
		ID:       fmt.Sprintf("%s-%d-%d", op.ID, e.Seq, place),
		Type:     t,
		At:       e.At,
		Sequence: fmt.Sprintf("%010d-%d", e.Seq, place),
		Facts: Facts{Tenant: op.Tenant, OperationID: op.ID, AgentID: op.AgentID, Task: op.Type, State: e.To, From: e.From,
			PONumber: op.PONumber, MediaBuyID: short(op.MediaBuyID), TaskID: short(op.TaskID), Channel: e.Channel,
			AgentMessage: cut(e.AgentMessage)},
	}
	if n.Facts.Detail = e.Detail; e.Kind == operation.EventAttention { // whose detail is the reason
		n.Facts.Detail = ""
	}
	if a := op.Attention; a != nil {
		n.Facts.Attention = &Reason{Reason: a.Reason, Since: a.Since}
		if t == Conflict { // of others the detail may quote the agent
			n.Facts.Detail = a.Detail
		}
	}
	if a := e.Actor; a != nil {
		n.Facts.Actor = &Actor{Type: a.Type, ID: a.ID, Name: a.Name, OnBehalfOf: a.OnBehalfOf}
	}
	if !op.State.Terminal() {
		n.Facts.Deadline, n.Facts.FollowUntil = op.Deadline, op.FollowUntil
		return n
	}
	if op.Error != nil {
		n.Facts.ErrorCode = op.Error.ReadableCode()
	}
	if end := op.Terminal; end != nil {
		n.Facts.EndReason = end.Reason
	}
	if e.From != e.To {
		n.ID = EndID(op.ID)
	}
	return n
}

// short leaves out an id of the agent's that is too long for one.
func short(id string) string {
	if len(id) > maxWords/2 {
		return ""
	}
	return id
}

// maxWords bounds what an agent's words take of a notice, in bytes.
const maxWords = 2 << 10

// cut shortens a text to maxWords, between two characters.
func cut(s string) string {
	if len(s) <= maxWords {
		return s
	}
	return strings.ToValidUTF8(s[:maxWords], "")
}
