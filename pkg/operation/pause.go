package operation

import "time"

// Brake is who lets no call leave, and why.
type Brake struct {
	Reason  string    `json:"reason"`
	At      time.Time `json:"at"`
	Actor   Actor     `json:"actor"`
	Unknown string    `json:"-" document:"unknown"`
}

// Braked reports whether a person lets no call leave. Webhooks are taken all the same, and what has
// ended is not held any more.
func (op *Operation) Braked() bool { return op.Paused != nil && !op.State.Terminal() }

// Pause lets no call leave from now on: neither the request nor an input nor a poll. A call that is
// under way is ended by its answer. changed is false if the operation is paused already. It returns
// an *ActRefusedError.
func (op *Operation) Pause(now time.Time, who Actor, reason string) (e Event, changed bool, err error) {
	switch {
	case op.State.Terminal():
		return e, false, op.refuse(OperationEnded, "the operation has ended, and makes no calls")
	case op.Paused != nil:
		return e, false, nil
	}
	op.Paused = &Brake{Reason: reason, At: now, Actor: who}
	op.Signal = ""
	op.admitted()
	op.BumpVersion(now)
	return op.event(EventPaused, ByAPI, op.State, now, ""), true, nil
}

// Release ends a pause: what was due is done at once, and polling ends later by the time of the
// pause. changed is false if there is none. It returns an *ActRefusedError.
func (op *Operation) Release(now time.Time) (e Event, changed bool, err error) {
	switch {
	case op.State.Terminal():
		return e, false, op.refuse(OperationEnded, "the operation has ended, and makes no calls")
	case op.Paused == nil:
		return e, false, nil
	}
	op.FollowUntil = op.FollowUntil.Add(now.Sub(op.Paused.At))
	op.Paused = nil
	next := NextPoll
	if op.NeedsCall() {
		next = NextRetry
	}
	op.signal(now, next)
	op.BumpVersion(now)
	return op.event(EventResumed, ByAPI, op.State, now, ""), true, nil
}
