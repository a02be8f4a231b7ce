package metrics

import (
	"time"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/operation"
)

// Counter is a number that is summed up by the hour.
type Counter string

// The counters. Those of an end belong to the hour of the end, those of a deadline to the hour of
// the deadline, all others to the hour of the event that they were stored with.
const (
	Created   Counter = "created"
	Completed Counter = "completed"
	Failed    Counter = "failed"
	Rejected  Counter = "rejected"
	Canceled  Counter = "canceled"
	// Deadlines counts the operations whose deadline falls into the hour, Kept those among them that
	// ended before it: what is overdue is the difference.
	Deadlines Counter = "deadlines"
	Kept      Counter = "kept"
	// Answers and Errors count the calls, polls and reads of buys that ended: with a usable answer,
	// and without one. They count after the operation's end too.
	Answers Counter = "answers"
	Errors  Counter = "errors"
	// WonByAnswer, WonByPoll and WonByWebhook count the ends by the channel that brought them.
	WonByAnswer  Counter = "won_direct"
	WonByPoll    Counter = "won_poll"
	WonByWebhook Counter = "won_webhook"
	Conflicts    Counter = "conflicts"
	// Approvals counts the completed operations that were pending before, ApprovalSeconds sums up for
	// how long. How they are distributed is counted by Bucket.
	Approvals       Counter = "approvals"
	ApprovalSeconds Counter = "approval_seconds"
)

var ends = map[operation.State]Counter{operation.Completed: Completed, operation.Failed: Failed,
	operation.Rejected: Rejected, operation.Canceled: Canceled}

var winners = map[operation.Channel]Counter{operation.ByAnswer: WonByAnswer, operation.ByPoll: WonByPoll,
	operation.ByWebhook: WonByWebhook}

// The dimensions that counters are summed up by.
const (
	All     = "all"
	ByType  = "type"
	ByAgent = "agent"
)

// Fact is what one operation adds to the counters of one hour.
type Fact struct {
	Tenant, AgentID string
	Type            adcp.Task
	// OperationID tells the facts of operations apart where counters are kept in shards.
	OperationID string
	Hour        time.Time
	Add         map[Counter]int64
}

// Mark is what is counted of an operation at a time: what it is, what it has used by then, and its
// end, if the mark belongs to the event of that. It is stored with an event that consumers are
// told, and counted when they are told it; or after the end by itself, for the rest that no event
// counts. Marks may be counted in any order: each adds what those before it have not.
type Mark struct {
	AgentID   string          `json:"agent_id"`
	Type      adcp.Task       `json:"type"`
	CreatedAt time.Time       `json:"created_at"`
	Deadline  time.Time       `json:"deadline"`
	At        time.Time       `json:"at"`
	Tally     operation.Tally `json:"tally"`
	End       *End            `json:"end,omitempty"`
	// ExpiresAt is the operation's, zero if it does not expire.
	ExpiresAt time.Time `json:"expires_at,omitzero"`
	Unknown   string    `json:"-" document:"unknown"`
}

// End is how and when an operation ended.
type End struct {
	State   operation.State   `json:"state"`
	Channel operation.Channel `json:"channel"`
	At      time.Time         `json:"at"`
	// PendingSince is when the agent first had it in work, zero if it ended at once.
	PendingSince time.Time `json:"pending_since,omitzero"`
	Unknown      string    `json:"-" document:"unknown"`
}

// RestOf returns the mark of a change after the end that nobody is told of.
func RestOf(op operation.Operation) Mark {
	return Mark{AgentID: op.AgentID, Type: op.Type, CreatedAt: op.CreatedAt, Deadline: op.Deadline, At: op.UpdatedAt,
		Tally: op.Tally, ExpiresAt: op.ExpiresAt}
}

// MarkOf returns the mark of an event. op is the operation after the change.
func MarkOf(op operation.Operation, e operation.Event) Mark {
	m := RestOf(op)
	m.At = e.At
	if !e.From.Terminal() && e.To.Terminal() && op.Terminal != nil {
		m.End = &End{State: op.State, Channel: op.Terminal.Channel, At: op.Terminal.At, PendingSince: op.PendingSince}
	}
	return m
}

// Facts returns what a mark adds to the counters. before is the latest tally of the marks that were
// counted, nil if none was: then the operation itself is counted too.
func (m Mark) Facts(tenant, operationID string, before *operation.Tally) (facts []Fact) {
	at := func(t time.Time, add map[Counter]int64) {
		for c, n := range add {
			if n == 0 {
				delete(add, c)
			}
		}
		if len(add) > 0 {
			facts = append(facts, Fact{tenant, m.AgentID, m.Type, operationID, t.UTC().Truncate(time.Hour), add})
		}
	}
	used := m.Tally
	if before == nil {
		at(m.CreatedAt, map[Counter]int64{Created: 1})
		at(m.Deadline, map[Counter]int64{Deadlines: 1})
	} else {
		used = used.Since(*before)
	}
	now := map[Counter]int64{Answers: used.Answers, Errors: used.Errors, Conflicts: used.Conflicts}
	if e := m.End; e != nil {
		now[ends[e.State]] = 1
		if winner, ok := winners[e.Channel]; ok {
			now[winner] = 1
		}
		if e.State == operation.Completed && !e.PendingSince.IsZero() {
			waited := e.At.Sub(e.PendingSince)
			now[Approvals], now[ApprovalSeconds] = 1, int64(waited/time.Second)
			now[Bucket(waited)] = 1
		}
		if e.At.Before(m.Deadline) {
			at(m.Deadline, map[Counter]int64{Kept: 1})
		}
	}
	at(m.At, now)
	return facts
}
