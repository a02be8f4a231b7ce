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
	// Answers and Errors count the calls and polls that ended: with a usable answer, and without one.
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

// Fact is what one operation adds to the counters of one hour.
type Fact struct {
	Tenant, AgentID string
	Type            adcp.Task
	// OperationID tells the facts of operations apart where counters are kept in shards.
	OperationID string
	Hour        time.Time
	Add         map[Counter]int64
}

// Of returns the facts of an event: what the change is that it records, and what the operation has
// used since the tally that was counted before. op is the operation after the change.
func Of(op operation.Operation, e operation.Event, used operation.Tally) (facts []Fact) {
	at := func(t time.Time, add map[Counter]int64) {
		for c, n := range add {
			if n == 0 {
				delete(add, c)
			}
		}
		if len(add) > 0 {
			facts = append(facts, Fact{op.Tenant, op.AgentID, op.Type, op.ID, t.UTC().Truncate(time.Hour), add})
		}
	}
	now := map[Counter]int64{Answers: used.Answers, Errors: used.Errors, Conflicts: used.Conflicts}
	switch {
	case e.Kind == operation.EventCreated:
		now[Created] = 1
		at(op.Deadline, map[Counter]int64{Deadlines: 1})
	case !e.From.Terminal() && e.To.Terminal() && op.Terminal != nil:
		now[ends[op.State]] = 1
		if winner, ok := winners[op.Terminal.Channel]; ok {
			now[winner] = 1
		}
		if op.State == operation.Completed && !op.PendingSince.IsZero() {
			waited := op.Terminal.At.Sub(op.PendingSince)
			now[Approvals], now[ApprovalSeconds] = 1, int64(waited/time.Second)
			now[Bucket(waited)] = 1
		}
		if op.Terminal.At.Before(op.Deadline) {
			at(op.Deadline, map[Counter]int64{Kept: 1})
		}
	}
	at(e.At, now)
	return facts
}
