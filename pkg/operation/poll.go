package operation

import (
	"time"

	"adcp-orchestrator/pkg/adcp"
)

// FailPoll records a poll without a usable answer. The state stays: a poll's failure is never the
// operation's (contract A28).
func (op *Operation) FailPoll(now time.Time, retryAfter time.Duration, reason Reason, detail string) Event {
	op.Polled()
	op.Attempts.PollErrors++
	op.backOff(now, retryAfter)
	// These say more than a failed poll, and stand until they are cleared up.
	stands := op.flaggedFor(OutcomeUnclear) || op.flaggedFor(NoWayToFollowUp)
	if op.Attempts.PollErrors >= attentionAfter && !stands {
		op.flag(reason, now, detail)
	}
	op.BumpVersion(now)
	return op.event(EventNoAnswer, ByPoll, op.State, now, detail)
}

// Polled counts a poll: the wait for it is over.
func (op *Operation) Polled() {
	op.Attempts.Polls++
	op.admitted()
}

// NotPolled counts a round that had nothing to ask, like a poll. A slot that has not come stays.
func (op *Operation) NotPolled(now time.Time) {
	if op.Admission.Slot.After(now) {
		op.Attempts.Polls++
		return
	}
	op.Polled()
}

// AwaitResult records a poll that says completed without what a success has: another poll may bring
// it, or a webhook (contract E3, H6). ok is false if the answer is to be applied: it has its
// result, or the agent has said the same for so long that it is believed without one.
func (op *Operation) AwaitResult(now time.Time, a adcp.Answer) (e Event, ok bool) {
	if !a.ResultMissing || a.TaskID != op.TaskID || a.TaskType != "" && a.TaskType != string(op.Type) {
		return Event{}, false
	}
	again := op.Attempts.PollErrors >= attentionAfter && op.ADCPStatus == adcp.StatusCompleted
	if again || op.flaggedFor(ResultMissing) {
		return Event{}, false
	}
	op.ADCPStatus = a.Status
	return op.FailPoll(now, 0, ResultMissing, "completed without its result"), true
}

// What a sender of webhooks can make one operation do: store that many deliveries, and bring that
// many polls forward. A test counts both into the workflow's history of a year.
const (
	MaxDeliveries = 200
	MaxEarlyPolls = 20
)

// TooManyDeliveries reports whether a delivery is over the limit (contract F83). One that ends the
// operation never is.
func (op *Operation) TooManyDeliveries(a adcp.Answer) bool {
	return op.Attempts.Webhooks >= MaxDeliveries && (op.State.Terminal() || !a.Status.Terminal())
}

// PollSoon notes that an authentic delivery could not be applied but is a reason to poll at once.
// It returns false if enough polls were brought forward, or if the agent asked for time: a sender
// of hints can't cost more than a few polls.
func (op *Operation) PollSoon(now time.Time) bool {
	if op.State.Terminal() || op.Braked() || op.Attempts.EarlyPolls >= MaxEarlyPolls || now.Before(op.NotBefore) {
		return false
	}
	op.Attempts.EarlyPolls++
	return true
}
