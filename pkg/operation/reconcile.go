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
	// indexGrace is how much earlier than DueAt an operation may stand in the reconciler's index. It
	// is longer than the lease of a call and the grace after it.
	indexGrace = 10 * time.Minute
)

// Restart begins the next generation of the workflow execution. For an operation that is settled,
// and only has its buy read or its expiry stored, that is no event.
func (op *Operation) Restart(now time.Time) Event {
	op.Generation++
	op.TaskToken = ""
	if op.beginRead(now); !op.AwaitsSnapshot() || op.ExpiryPending || op.CancelDue() {
		op.DueAt = now.Add(reconcileGrace)
	}
	if !op.PublishedAt.IsZero() {
		op.Version++ // no change that a client should see
		return Event{}
	}
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

// Resume lets an operation go on that waits, or has stopped to poll or to send, because a person
// wants it.
func (op *Operation) Resume(now time.Time) Event {
	op.resume(now)
	op.DueAt = now.Add(reconcileGrace)
	op.BumpVersion(now)
	return op.event(EventRestarted, ByAPI, op.State, now, "polled or sent again at once")
}

func (op *Operation) resume(now time.Time) {
	op.Attempts.Polls, op.Attempts.PollErrors, op.Attempts.EarlyPolls, op.RedrivenAt = 0, 0, 0, now
	op.Call.resumeSending()
	op.InputRequest.Input.Call.resumeSending()
	op.Hurry(now)
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

// AliveUntil is when the reconciler looks again at an operation whose execution is alive. It moves
// the operation in the index only: that is no change of the operation.
func AliveUntil(now time.Time) time.Time { return now.Add(reconcileLater) }

// PutOff is how long the reconciler leaves an operation alone after so many looks in a row that
// failed: 1 minute, doubled, at most 15 minutes. One that can't be reconciled must not stand in the
// way of the others.
func PutOff(failures int) time.Duration {
	return min(time.Minute<<min(max(failures, 1)-1, 10), reconcileLater)
}

// FailuresForgotten is how long after the last failed look the count begins anew.
const FailuresForgotten = 2*reconcileLater + time.Minute

// IndexAt is where the operation stands in the reconciler's index: at LooksAt, or where it stood
// before if that is only a little earlier. Every move costs two writes of the index, and most
// operations end before the reconciler gets to them. A look that comes too early reads DueAt and
// moves the entry.
func (op *Operation) IndexAt() time.Time {
	at := op.LooksAt()
	early := at.Sub(op.IndexedAt)
	if at.IsZero() || op.IndexedAt.IsZero() || early < 0 || early > indexGrace {
		return at
	}
	return op.IndexedAt
}

// DueMoves reports whether the time of the reconciler's look changes so much that it has to be
// stored although nothing else changes.
func (op *Operation) DueMoves(to time.Time) bool {
	at := op.LooksAt()
	return at.IsZero() != to.IsZero() || to.Sub(at) > indexGrace
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
