package operation

import (
	"slices"
	"time"
)

// HoldsNaturalKey reports whether the operation keeps others from its natural keys. An open one
// does, and so does a completed purchase: it is not made twice. One that waited for its turn and
// ended without it does too: behind it stands what waits for the same operation.
func (op *Operation) HoldsNaturalKey() bool {
	if len(op.NaturalKeys()) == 0 {
		return false
	}
	return !op.State.Terminal() || op.WaitsFor != "" || op.Type.MakesBuy() && op.State == Completed
}

// NaturalKeys are the hashes of the natural keys that the operation took when it was created. It
// holds all of them or none.
func (op *Operation) NaturalKeys() []string {
	return slices.DeleteFunc([]string{op.NaturalKey, op.OrderKey}, func(key string) bool { return key == "" })
}

// TakeTurn lets an operation call the agent that has waited for another one's end. The poll delays
// and the time after which polling ends begin now: the agent hears of the operation only from here
// on.
func (op *Operation) TakeTurn(now time.Time) Event {
	first := op.WaitsFor
	op.WaitsFor = ""
	op.Attempts.Polls = 0
	op.FollowUntil = now.Add(FollowFor)
	op.BumpVersion(now)
	return op.event(EventTurn, ByOrchestrator, op.State, now, first+" has ended")
}

// AwaitTurn counts a look at the operation that this one waits for, so that the delays between
// looks grow like those between polls. It is no change that belongs on the timeline.
func (op *Operation) AwaitTurn(now time.Time) {
	op.Attempts.Polls++
	op.BumpVersion(now)
}
