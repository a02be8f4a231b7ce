package operation

import (
	"cmp"
	"time"

	"adcp-orchestrator/pkg/adcp"
)

// Next is what the workflow does next: template/operation.asl.json branches on these values.
type Next string

// What the workflow can do next.
const (
	NextAwait  Next = "await"   // arm the task token; poll when the delay is over
	NextWait   Next = "wait"    // wait the delay, then poll
	NextRetry  Next = "retry"   // wait the delay, then send the same bytes again
	NextPoll   Next = "poll"    // poll at once
	NextSettle Next = "settle"  // publish the end
	NextGiveUp Next = "give_up" // polling has ended
)

// Decision is a function's answer to the workflow: ids and numbers, never payloads.
type Decision struct {
	Tenant      string `json:"tenant"`
	OperationID string `json:"operation_id"`
	Version     int64  `json:"version"`
	Next        Next   `json:"next"`
	// Delay is in whole seconds, at least 1: AwaitUpdate's timeout, or a wait.
	Delay int `json:"delay"`
}

// attentionAfter is how many times in a row a call or a poll may fail before attention is raised.
const attentionAfter = 5

// AgentSupport is what an agent offers for following an operation.
type AgentSupport struct {
	// Pollable: the agent has a tool that returns a task's status.
	Pollable bool
	// ReplayWindow is how long the agent replays an idempotency key, 0 if it does not: then nothing
	// that may have been carried out is sent again.
	ReplayWindow time.Duration
	// Searchable: the agent lists what the operation's task makes, so that a look-up can show that it
	// made nothing (contract G17).
	Searchable bool
	// PollEvery is how long a round of polls of all open operations takes at the agent's rate: no
	// operation is polled more often.
	PollEvery time.Duration
}

// Plan decides what comes next for an operation, raises the attention that is due, and sets when
// the reconciler looks. It is called before the operation is stored, so that the decision and its
// reason are one write.
func (op *Operation) Plan(now time.Time, jitter float64, s AgentSupport) Decision {
	var next Next
	var delay time.Duration
	op.Signal = "" // whoever plans has taken it up
	switch {
	case op.State.Terminal():
		next = NextSettle
		if !op.PublishedAt.IsZero() {
			if !op.ExpiryPending && !op.CancelDue() {
				op.DueAt = time.Time{}
			}
			if op.SnapshotDue(now) {
				next = NextPoll
				op.beginRead(now)
			}
			return op.decide(next, 0)
		}
	case op.Braked(): // only a webhook or a person goes on; the deadline passes all the same
		next, delay = NextAwait, maxDelay
	case op.cancelsUnsent():
		op.DueAt = now.Add(reconcileGrace)
		return op.decide(NextRetry, 0)
	case !now.Before(op.FollowUntil):
		op.flag(GaveUp, now, "polling has ended; a webhook or a redrive can still end the operation")
		op.DueAt = time.Time{}
		return op.decide(NextGiveUp, 0)
	case op.State == Requested:
		if next = NextRetry; op.WaitsFor != "" {
			delay = op.pollDelay(now, jitter, s)
		}
	case op.lacksAnswer(s) && op.mayRetry(now, s):
		next, delay = NextRetry, op.retryDelay(now, jitter, s)
		op.flagUnreached(now)
	default:
		next, delay = op.planPoll(now, jitter, s)
	}
	if !op.State.Terminal() && !op.Braked() && op.waitsForAdmission(now) {
		delay = op.admissionDelay(now)
	}
	if !op.State.Terminal() && !now.Before(op.Deadline) && op.Attention == nil {
		op.flag(DeadlinePassed, now, "not finished in time; it is still followed, more slowly")
	}
	if wait := op.NotBefore.Sub(now); wait > delay {
		delay = wait
	}
	if left := op.NotAfter.Sub(now); next == NextRetry && !op.NotAfter.IsZero() && delay > left {
		delay = max(left, 0) // it ends then
	}
	op.DueAt = now.Add(delay + reconcileGrace)
	return op.decide(next, delay)
}

// planPoll decides between waiting for a webhook and waiting for the next poll, and says why
// nothing else can be done.
func (op *Operation) planPoll(now time.Time, jitter float64, s AgentSupport) (Next, time.Duration) {
	delay := op.pollDelay(now, jitter, s)
	if op.lacksAnswer(s) {
		op.flagNotSent(now, s)
	}
	noPoll := !s.Pollable || op.TaskID == ""
	if noPoll && op.Attempts.ResultsMissing >= attentionAfter && op.mayFlagResultMissing() {
		op.flag(ResultMissing, now, "the agent says completed by webhook, without the result, and can't be polled")
	}
	if op.Webhook.Mode != WebhookNone || op.NeedsInput() { // an input wakes the execution as a webhook does
		return NextAwait, delay
	}
	if !s.Pollable && !op.flaggedFor(OutcomeUnclear) { // which says more; the two must not take turns
		op.flag(NoWayToFollowUp, now, "the agent has no polling tool and no webhook is configured")
	}
	return NextWait, delay
}

// pollDelay is the time before the next poll.
func (op *Operation) pollDelay(now time.Time, jitter float64, s AgentSupport) time.Duration {
	if op.HasSlot(now) {
		return 0
	}
	since := op.CreatedAt
	if !op.RedrivenAt.IsZero() {
		since = op.RedrivenAt
	}
	d := op.Target.Poll.Delay(op.Attempts.Polls, now.Sub(since), op.Deadline.Sub(op.CreatedAt), jitter)
	return max(d, s.PollEvery)
}

// mayFlagResultMissing reports whether no attention stands that says more than a missing result.
func (op *Operation) mayFlagResultMissing() bool {
	return !op.flaggedByUs() || op.Attention.Reason == DeadlinePassed
}

// lacksAnswer reports whether only a call can show what became of the request, or of an input. An
// answer that named a task of unknown status is an answer: the task is polled (contract A20).
func (op *Operation) lacksAnswer(s AgentSupport) bool {
	polled := op.ADCPStatus == adcp.StatusUnknown && op.TaskID != "" && s.Pollable
	return op.State == CallingAdCP && !polled || op.PendingInput() != 0
}

// flagUnreached raises attention for a call that failed many times, if nothing else has.
func (op *Operation) flagUnreached(now time.Time) {
	if op.call(op.PendingInput()).Attempts < attentionAfter || op.Attention != nil {
		return
	}
	if answered := op.call(op.PendingInput()).Answered; answered != "" {
		op.flag(AgentAnswersError, now, answered)
		return
	}
	op.flag(AgentUnreached, now, "")
}

// flagNotSent says why a request that needs a call is not sent. While a look-up may still allow the
// next attempt there is nothing to say.
func (op *Operation) flagNotSent(now time.Time, s AgentSupport) {
	c := op.call(op.PendingInput())
	switch {
	case op.NeedsCleanLookUp() && s.Searchable:
	case c.Unclear || c.InFlight || !c.Stopped:
		detail := "the agent may have carried the request out, and can't be called again safely"
		if c.Named != "" {
			detail += "; its answer named " + c.Named
		}
		if !c.LookUpAfter.IsZero() && s.Searchable {
			detail += "; a redrive sends the request again if nothing of it is found there"
		}
		op.flag(OutcomeUnclear, now, detail)
	default:
		op.flag(AgentAnswersError, now, cmp.Or(c.Answered, "the agent answers with an error")+
			"; a redrive sends the request again")
	}
}

// flaggedByUs reports whether attention stands that a passed deadline must not hide. What the agent
// asks for is less urgent than its deadline.
func (op *Operation) flaggedByUs() bool {
	return op.Attention != nil && op.Attention.Reason != InputNeeded && op.Attention.Reason != AuthNeeded
}

// retryDelay is the time before the next attempt of the call that is due: none before the first,
// and none shorter than another dispatcher's lease. It counts from the end of the last attempt: who
// looks meanwhile does not put it off.
func (op *Operation) retryDelay(now time.Time, jitter float64, s AgentSupport) time.Duration {
	c := op.call(op.PendingInput())
	if c.Attempts == 0 {
		return 0
	}
	d := RetryDelay(c.Attempts, jitter)
	switch {
	case op.HasSlot(now):
		d = 0
	case !c.EndedAt.IsZero():
		d = max(0, d-now.Sub(c.EndedAt))
	}
	if op.leased(now, s) {
		d = max(d, c.LeaseUntil.Sub(now))
	}
	return d
}

func (op *Operation) decide(next Next, d time.Duration) Decision {
	return Decision{Tenant: op.Tenant, OperationID: op.ID, Version: op.Version, Next: next,
		Delay: max(1, int((d+time.Second-1)/time.Second))}
}
