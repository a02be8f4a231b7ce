package operation

import "time"

// Admission is how a call that could not be made at once waits for its turn: it has a slot, or it
// stands in the line of a gate that gives it one.
type Admission struct {
	// Slot is when the call may be made; zero if that is not known.
	Slot time.Time `json:"slot,omitzero"`
	// Unreserved is true if nothing keeps others from calling at that time: the agent's rate has to be
	// asked for then.
	Unreserved bool `json:"unreserved,omitempty"`
	// Gate is the gate in whose line the operation waits, Since when it joined. Rounds counts how
	// often it has asked since.
	Gate    string    `json:"gate,omitempty"`
	Since   time.Time `json:"since,omitzero"`
	Rounds  int       `json:"rounds,omitempty"`
	Unknown string    `json:"-" document:"unknown"`
}

// slotLife is how long a slot may be used after its time. Later, others have come since, and a new
// one is needed: many late ones would call at once.
const slotLife = 2 * time.Minute

// HasSlot reports whether the operation may call now with the slot that it was given.
func (op *Operation) HasSlot(now time.Time) bool {
	slot := op.Admission.Slot
	return !slot.IsZero() && !now.Before(slot) && now.Before(slot.Add(slotLife))
}

// AwaitSlot notes when the call may be made that the operation wants to make.
func (op *Operation) AwaitSlot(now, slot time.Time, reserved bool) {
	op.Admission.Slot, op.Admission.Unreserved = slot, !reserved
	op.BumpVersion(now)
}

// AwaitRoom notes that the operation stands in a gate's line, where the first may know when to come
// back. The gate being closed is no failure of the operation: no delay of its own grows. ok is
// false if there is nothing to tell.
func (op *Operation) AwaitRoom(now time.Time, gate string, slot time.Time, silent bool, why string) (e Event, ok bool) {
	a := &op.Admission
	joined := a.Gate != gate
	if joined {
		a.Gate, a.Since, a.Rounds = gate, now, 0
	}
	a.Slot, a.Unreserved = slot, true
	a.Rounds++
	if silent && a.Rounds > 1 && op.Attention == nil {
		op.flag(AgentUnreached, now, why)
	}
	op.BumpVersion(now)
	return op.event(EventQueued, ByOrchestrator, op.State, now, why), joined
}

// Requeue puts an operation back into the line of its agent's gate, whose call found the agent
// still away. It is part of the change that records that: a failed probe is no failure of the
// operation, and its own delays do not decide when it is called.
func (op *Operation) Requeue(now time.Time, gate string) {
	if op.State.Terminal() || !op.NeedsCall() {
		return
	}
	op.Admission.Gate, op.Admission.Since, op.Admission.Rounds = gate, now, 1
}

// GiveSlot gives an operation that waits in line a slot. ok is false if it needs none: it has one
// that can still be used, has ended, or is not followed any more.
func (op *Operation) GiveSlot(now, slot time.Time) (ok bool) {
	a := &op.Admission
	has := a.Gate == "" && !a.Slot.IsZero() && now.Before(a.Slot.Add(slotLife))
	if op.State.Terminal() || op.Braked() || has || !now.Before(op.FollowUntil) {
		return false
	}
	a.Slot, a.Unreserved, a.Gate, a.Since, a.Rounds = slot, false, "", time.Time{}, 0
	op.DueAt = slot.Add(reconcileGrace)
	op.BumpVersion(now)
	return true
}

// Hurry gives the operation a slot now, because a person wants it to act: it passes those who wait,
// and does not ask for the agent's rate, which a person does not use up. What the agent asked for
// stands.
func (op *Operation) Hurry(now time.Time) {
	op.Admission = Admission{Slot: now, Unknown: op.Admission.Unknown}
}

// admitted ends the wait: the call is made.
func (op *Operation) admitted() { op.Admission = Admission{Unknown: op.Admission.Unknown} }

// waitsForAdmission reports whether a slot or a line decides when the next call is.
func (op *Operation) waitsForAdmission(now time.Time) bool {
	return op.Admission.Gate != "" || op.Admission.Slot.After(now)
}

// admissionDelay is how long an operation waits for its slot. One that is given none meanwhile asks
// again, in case its place in line was lost: never more frequently than polls are made.
func (op *Operation) admissionDelay(now time.Time) time.Duration {
	if op.Admission.Slot.After(now) {
		return op.Admission.Slot.Sub(now)
	}
	d := min(time.Minute<<(2*min(max(op.Admission.Rounds-1, 0), 4)), 15*time.Minute)
	return min(max(d, now.Sub(op.Admission.Since)/8), maxDelay)
}
