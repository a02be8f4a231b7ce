package operation

import "time"

const (
	// reconcileGrace is how long after an expected sign of life the reconciler looks.
	reconcileGrace = 3 * time.Minute
	// reconcileSoon is how long a signal may take before the reconciler looks at an operation that has
	// ended.
	reconcileSoon = 2 * time.Minute
	// reconcileLater is how long the reconciler leaves an operation alone whose execution is alive.
	reconcileLater = 15 * time.Minute
)

// Restart begins the next generation of the workflow execution.
func (op *Operation) Restart(now time.Time) Event {
	op.Generation++
	op.TaskToken = ""
	op.DueAt = now.Add(reconcileGrace)
	op.BumpVersion(now)
	return op.event(EventRestarted, ByOrchestrator, op.State, now, "")
}

// Redrive begins the next generation because a person wants it: the back-off begins anew, and so
// does the time after which polling ends.
func (op *Operation) Redrive(now time.Time) Event {
	op.resume(now)
	e := op.Restart(now)
	e.Channel = ByAPI
	return e
}

// Resume lets an operation go on that has stopped to poll or to send, because a person wants it. ok
// is false if it has not.
func (op *Operation) Resume(now time.Time) (e Event, ok bool) {
	if !op.Call.Stopped && !op.InputRequest.Input.Call.Stopped && now.Before(op.FollowUntil) {
		return Event{}, false
	}
	op.resume(now)
	op.DueAt = now.Add(reconcileGrace)
	op.BumpVersion(now)
	return op.event(EventRestarted, ByAPI, op.State, now, "polled and sent again"), true
}

func (op *Operation) resume(now time.Time) {
	op.Attempts.Polls, op.Attempts.PollErrors, op.Attempts.EarlyPolls, op.RedrivenAt = 0, 0, 0, now
	op.Call.resumeSending()
	op.InputRequest.Input.Call.resumeSending()
	op.followOn(now)
	if op.flaggedFor(GaveUp) || op.flaggedFor(AgentAnswersError) {
		op.Attention = nil
	}
}

// followOn polls for another FollowFor if polling has ended.
func (op *Operation) followOn(now time.Time) {
	if !now.Before(op.FollowUntil) {
		op.FollowUntil = now.Add(FollowFor)
	}
}

// ReconcileLater puts the reconciler's next look off: the execution is alive. It is no change of
// the operation and has no event.
func (op *Operation) ReconcileLater(now time.Time) {
	op.DueAt = now.Add(reconcileLater)
	op.Version++
}

// ReconcileSoon brings the reconciler's look forward for an operation that has ended and is not
// published. If the signal is lost, or the execution is over, the end need not wait for a backup
// poll.
func (op *Operation) ReconcileSoon(now time.Time) {
	if op.Unpublished() {
		op.dueSoon(now)
	}
}

// dueSoon makes the reconciler look soon, or earlier if it would anyway.
func (op *Operation) dueSoon(now time.Time) {
	if op.DueAt.IsZero() || op.DueAt.After(now.Add(reconcileSoon)) {
		op.DueAt = now.Add(reconcileSoon)
	}
}
