package operation

import "time"

// Next is what the workflow does next; the values are those that template/operation.asl.json routes by.
type Next string

// What the workflow can do.
const (
	NextAwait  Next = "await"   // arm the task token; poll when the delay is over
	NextWait   Next = "wait"    // wait the delay, then poll
	NextRetry  Next = "retry"   // wait the delay, then send the same bytes again
	NextPoll   Next = "poll"    // poll at once
	NextSettle Next = "settle"  // the end has come
	NextGiveUp Next = "give_up" // the give-up horizon has passed
)

// Step is a function's answer to the workflow: ids and numbers, never payloads.
type Decision struct {
	Tenant      string `json:"tenant"`
	OperationID string `json:"operation_id"`
	Version     int64  `json:"version"`
	Next        Next   `json:"next"`
	// Delay is in whole seconds, at least 1: AwaitUpdate's timeout, or a wait.
	Delay int `json:"delay"`
}

// grace is how long after an expected sign of life the sweeper starts to worry.
const reconcileGrace = 3 * time.Minute

// patience is how many times in a row something may go without an answer before a human is told.
const attentionAfter = 5

// Means is what an agent offers for following an operation up.
type AgentSupport struct {
	// Pollable: the agent has a tool that tells a task's status.
	Pollable bool
	// Replay is how long the agent replays an idempotency key, 0 if it does not: then nothing that may have been carried out is sent again.
	ReplayWindow time.Duration
}

// Plan decides what comes next for an operation at rest, raises the attention that is due, and sets when the sweeper looks. It is called before
// the operation is stored, so that the decision and its reason are one write.
func (op *Operation) Plan(now time.Time, jitter float64, m AgentSupport) Decision {
	s := Decision{Tenant: op.Tenant, OperationID: op.ID, Version: op.Version}
	var delay time.Duration
	switch {
	case op.State.Terminal():
		s.Next, delay = NextSettle, 0
		if !op.PublishedAt.IsZero() {
			op.DueAt = time.Time{}
			return s.in(0)
		}
	case !now.Before(op.FollowUntil):
		op.flag(GaveUp, now, "polling has ended; a webhook or a redrive can still end the operation")
		op.DueAt = time.Time{}
		s.Next = NextGiveUp
		return s.in(0)
	case op.State == Requested:
		s.Next, delay = NextRetry, 0
	case (op.State == CallingAdCP || op.PendingInput() != 0) && op.mayRetry(now, m):
		s.Next, delay = NextRetry, op.retryDelay(now, jitter, m)
		if op.call(op.PendingInput()).Attempts >= attentionAfter && op.Attention == nil {
			detail := ""
			if op.Error != nil {
				detail = "the agent answered " + op.Error.Code
			}
			op.flag(AgentUnreached, now, detail)
		}
	default:
		since := op.CreatedAt
		if !op.RedrivenAt.IsZero() {
			since = op.RedrivenAt
		}
		delay = op.Target.Poll.Delay(op.Attempts.Polls, now.Sub(since), op.Deadline.Sub(op.CreatedAt), jitter)
		s.Next = NextAwait
		if op.State == CallingAdCP || op.PendingInput() != 0 {
			op.flag(OutcomeUnclear, now, "the agent may have carried the request out, and can't be asked again safely")
		}
		if op.Webhook.Mode == WebhookNone {
			if !op.NeedsInput() { // then a resume has somebody to wake
				s.Next = NextWait
			}
			if !m.Pollable && !op.NeedsInput() { // then it is for us to say something
				op.flag(NoWayToFollowUp, now, "the agent has no polling tool and no webhook is registered")
			}
		}
	}
	if !op.State.Terminal() && !now.Before(op.Deadline) && (op.Attention == nil || op.Attention.Reason == InputNeeded || op.Attention.Reason == AuthNeeded) {
		op.flag(DeadlinePassed, now, "not finished in time; it is followed on, more slowly")
	}
	if wait := op.NotBefore.Sub(now); wait > delay {
		delay = wait
	}
	op.DueAt = now.Add(delay + reconcileGrace)
	return s.in(delay)
}

// mayRedial: what certainly was not carried out may be sent again; what may have been, only to an agent that replays the key, and only while it
// does (contract C17, C19).
func (op *Operation) mayRetry(now time.Time, m AgentSupport) bool {
	if op.leased(now, m) {
		return true // when the lease is over it is decided
	}
	d := op.call(op.PendingInput())
	return !d.Unclear && !d.InFlight || now.Before(d.FirstAt.Add(m.ReplayWindow-replayMargin))
}

// leased reports whether another dispatcher may be calling right now. An agent that replays the key makes that harmless.
func (op *Operation) leased(now time.Time, m AgentSupport) bool {
	d := op.call(op.PendingInput())
	return d.InFlight && now.Before(d.LeaseUntil) && m.ReplayWindow == 0
}

// replayMargin is kept from the end of an agent's replay window: clocks differ and calls take time.
const replayMargin = 10 * time.Minute

func (op *Operation) retryDelay(now time.Time, jitter float64, m AgentSupport) time.Duration {
	call := op.call(op.PendingInput())
	if call.Attempts == 0 {
		return 0
	}
	d := RetryDelay(call.Attempts, jitter)
	if op.leased(now, m) {
		d = max(d, call.LeaseUntil.Sub(now))
	}
	return d
}

func (s Decision) in(d time.Duration) Decision {
	s.Delay = max(1, int((d+time.Second-1)/time.Second))
	return s
}
