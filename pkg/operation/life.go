package operation

import (
	"time"

	"adcp-orchestrator/pkg/adcp"
)

// leaseFor is how long a dispatcher may take for one call: the dispatch function's own time-out and some.
const callLease = 5*time.Minute + 30*time.Second

// BeginDial records that the agent is about to be called: stored before the first byte leaves. ok is false while another dispatcher may still be
// calling, or when there is nothing to call for.
func (op *Operation) StartAttempt(now time.Time, m AgentSupport) (e Event, ok bool) {
	if !op.NeedsCall() || op.leased(now, m) {
		return Event{}, false
	}
	from, d := op.State, op.call(op.PendingInput())
	if d.InFlight { // a dispatcher died between its call and its write
		d.Unclear = true
	}
	if d.FirstAt.IsZero() {
		d.FirstAt = now
	}
	d.Attempts++
	d.InFlight = true
	d.LeaseUntil = now.Add(callLease)
	op.DueAt = d.LeaseUntil.Add(reconcileGrace)
	detail := ""
	if op.PendingInput() == 0 {
		op.State = CallingAdCP
	} else {
		op.InputRequest.Input.State, detail = InputSending, "with the resume"
	}
	op.BumpVersion(now)
	return op.event(EventCalling, ByOrchestrator, from, now, detail), true
}

// EndDial records a call that ended without an AdCP answer that settles it: the request's, or the resume's of a pause. It is no observation: the state stays
// (contract A28).
func (op *Operation) FailAttempt(now time.Time, resume int, outcome adcp.Outcome, retryAfter time.Duration, detail string) Event {
	d := op.call(resume)
	d.InFlight = false
	d.LeaseUntil = time.Time{}
	if outcome == adcp.Ambiguous {
		d.Unclear = true
	}
	if !d.Unclear {
		op.clearInputCrossed(resume, InputStale)
	}
	if outcome == adcp.Refused && d.Attempts >= 2 && (op.State == CallingAdCP || resume != 0 && op.PendingInput() == resume) {
		op.flag(AgentRefuses, now, detail)
	}
	op.hold(now, retryAfter)
	op.BumpVersion(now)
	return op.event(EventNoAnswer, ByAnswer, op.State, now, detail)
}

// hold keeps the agent from being called for a time, and reports whether that changes anything. Nothing makes it shorter (contract D8).
func (op *Operation) hold(now time.Time, d time.Duration) bool {
	until := now.Add(d)
	if d <= 0 || !until.After(op.NotBefore) {
		return false
	}
	op.NotBefore = until
	return true
}

// MissDial records that the agent could not be called: no attempt was made that may have been carried out, whatever became of the questions before it.
// ok is false if there is nothing to record: the operation does not wait to be called, or an earlier attempt's outcome is not stored yet and the agent
// did not ask for time.
func (op *Operation) SkipAttempt(now time.Time, outcome adcp.Outcome, retryAfter time.Duration, detail string) (e Event, ok bool) {
	if !op.NeedsCall() {
		return Event{}, false
	}
	from, d := op.State, op.call(op.PendingInput())
	if d.InFlight { // a dispatcher that died, or one that is calling: its attempt stays as it is
		if !op.hold(now, retryAfter) {
			return Event{}, false
		}
		op.BumpVersion(now)
		return op.event(EventNoAnswer, ByAnswer, from, now, detail), true
	}
	if outcome == adcp.Ambiguous {
		outcome = adcp.Unsent
	}
	if op.PendingInput() == 0 {
		op.State = CallingAdCP
	}
	d.Attempts++
	e = op.FailAttempt(now, op.PendingInput(), outcome, retryAfter, detail)
	e.From = from
	return e, true
}

// MissPoll records a poll that told nothing. The state stays: a poll's failure is never the operation's (contract A28).
func (op *Operation) FailPoll(now time.Time, retryAfter time.Duration, reason Reason, detail string) Event {
	op.Attempts.Polls++
	op.Attempts.PollErrors++
	op.hold(now, retryAfter)
	if op.Attempts.PollErrors >= attentionAfter && (op.Attention == nil || op.Attention.Reason != OutcomeUnclear) { // which says more, and stands until it is cleared up
		op.flag(reason, now, detail)
	}
	op.BumpVersion(now)
	return op.event(EventNoAnswer, ByPoll, op.State, now, detail)
}

// MissResult records a poll that says completed without what a success has: another may bring it, and so may a webhook (contract E3, H6). ok is false when
// the answer is to be applied: it has its result, or the agent's record of the task has said so for long enough to be believed without.
func (op *Operation) AwaitResult(now time.Time, a adcp.Answer) (e Event, ok bool) {
	if !a.ResultMissing || a.TaskID != op.TaskID || a.TaskType != "" && a.TaskType != string(op.Type) {
		return Event{}, false
	}
	if op.Attention != nil && op.Attention.Reason == ResultMissing {
		return Event{}, false
	}
	op.ADCPStatus = a.Status
	return op.FailPoll(now, 0, ResultMissing, "completed without its result"), true
}

// What a sender of webhooks can make one operation do: store that many deliveries, and bring that many polls forward. A test counts both into the
// workflow's history of a year.
const (
	MaxDeliveries = 200
	MaxEarlyPolls = 20
)

// Overrun reports whether a delivery is one too many (contract F83). One that would end the operation never is.
func (op *Operation) TooManyDeliveries(a adcp.Answer) bool {
	return op.Attempts.Webhooks >= MaxDeliveries && (op.State.Terminal() || !a.Status.Terminal())
}

// Ring notes that an authentic delivery could not be applied but is a reason to poll at once. ok is false when rings have brought enough polls
// forward, or the agent asked for time: a sender of hints can't cost more than a few polls.
func (op *Operation) PollSoon(now time.Time) bool {
	if op.State.Terminal() || op.Attempts.EarlyPolls >= MaxEarlyPolls || now.Before(op.NotBefore) {
		return false
	}
	op.Attempts.EarlyPolls++
	return true
}

// Restart begins the next generation of the workflow execution.
func (op *Operation) Restart(now time.Time) Event {
	op.Generation++
	op.TaskToken = ""
	op.DueAt = now.Add(reconcileGrace)
	op.BumpVersion(now)
	return op.event(EventRestarted, ByOrchestrator, op.State, now, "")
}

// Redrive begins the next generation because a human wants it: the back-off starts anew, and so does what polling was given up after.
func (op *Operation) Redrive(now time.Time) Event {
	op.Attempts.Polls, op.Attempts.PollErrors, op.Attempts.EarlyPolls, op.RedrivenAt = 0, 0, 0, now
	if !now.Before(op.FollowUntil) {
		op.FollowUntil = now.Add(FollowFor)
	}
	if op.Attention != nil && op.Attention.Reason == GaveUp {
		op.Attention = nil
	}
	e := op.Restart(now)
	e.Channel = ByAPI
	return e
}

// Defer puts the sweeper's next look off: the execution is alive. It is no change of the operation and has no event.
func (op *Operation) ReconcileLater(now time.Time) {
	op.DueAt = now.Add(15 * time.Minute)
	op.Version++
}

// Flag raises attention for what a use case found, as part of the change that it belongs to.
func (op *Operation) Flag(r Reason, now time.Time, detail string) { op.flag(r, now, detail) }

func (op *Operation) event(k EventKind, c Channel, from State, now time.Time, detail string) Event {
	return Event{Seq: op.Version, At: now, Kind: k, Channel: c, From: from, To: op.State, Detail: detail}
}

// Note records something that changed nothing but is worth telling.
func (op *Operation) Note(now time.Time, c Channel, detail string) Event {
	op.BumpVersion(now)
	return op.event(EventIgnored, c, op.State, now, detail)
}

// soon is how long a signal may take before the sweeper looks after an operation that has ended.
const reconcileSoon = 2 * time.Minute

// Hasten brings the sweeper's look forward for an operation that has ended and is not settled: should the signal be lost, or the execution be over
// for long, it need not wait for a backup poll.
func (op *Operation) ReconcileSoon(now time.Time) {
	if op.Unpublished() {
		op.dueSoon(now)
	}
}

// dueSoon has the sweeper look soon, or earlier if it would anyway.
func (op *Operation) dueSoon(now time.Time) {
	if op.DueAt.IsZero() || op.DueAt.After(now.Add(reconcileSoon)) {
		op.DueAt = now.Add(reconcileSoon)
	}
}
