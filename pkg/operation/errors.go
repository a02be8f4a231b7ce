package operation

import "time"

// ErrorLimit bounds how often a request is sent again after AdCP errors: that many times, and that
// long after the first error. The zero limit allows no repetition.
type ErrorLimit struct {
	Count int
	For   time.Duration
}

// NoteAnswer records the agent's own error that answered a call, in our words: the agent was
// reached, and attention says what it answers.
func (op *Operation) NoteAnswer(generation int, detail string) { op.call(generation).Answered = detail }

// CountError counts an AdCP error that answered a call: that of the request, or of the input of
// that generation. Beyond the limit the request is not sent again before a redrive.
func (op *Operation) CountError(now time.Time, generation int, l ErrorLimit) {
	c := op.call(generation)
	if c.ErrorsSince.IsZero() {
		c.ErrorsSince = now
	}
	c.Errors++
	c.Stopped = c.Errors > l.Count || now.Sub(c.ErrorsSince) >= l.For
}

// LookUpBeforeRetry lets the request be sent again, once, after a clean look-up has found nothing:
// the agent said that it failed for now, or that it refuses. The second such answer stops the
// request, and after a redrive a look-up has to come back clean again. It has no effect on a call
// whose agent replays the key.
func (op *Operation) LookUpBeforeRetry(now time.Time, generation int, s AgentSupport) {
	c := op.call(generation)
	if c.LookUpAfter = (time.Time{}); c.Unclear && c.replayWindow(s) == 0 {
		c.LookUpAfter = now.Add(callLease)
		c.Stopped = c.Stopped || c.Repeated
	}
}

// Replays reports whether the agent replays the key of a call: that of the request, or of the input
// of that generation.
func (op *Operation) Replays(generation int, s AgentSupport) bool {
	return op.call(generation).replayWindow(s) > 0
}

// NeedsCleanLookUp reports whether a clean look-up lets the request be sent again.
func (op *Operation) NeedsCleanLookUp() bool {
	c := op.call(op.PendingInput())
	return !c.LookUpAfter.IsZero() && !c.Stopped
}

// CleanLookUp records that everything at the agent was looked through, and nothing of the operation
// was found. ok is false if that changes nothing: only an agent that asked for a repetition gets
// one, and not before its lists have had the time of a call to show what it did.
func (op *Operation) CleanLookUp(now time.Time) (e Event, ok bool) {
	c := op.call(op.PendingInput())
	if c.LookUpAfter.IsZero() || !op.NeedsCall() || now.Before(c.LookUpAfter) {
		return Event{}, false
	}
	if c.Stopped { // a person decides first
		return Event{}, false
	}
	c.LookUpAfter, c.Unclear, c.InFlight, c.Repeated = time.Time{}, false, false, true
	if op.flaggedFor(OutcomeUnclear) {
		op.Attention = nil
	}
	op.BumpVersion(now)
	return op.event(EventSeen, ByPoll, op.State, now, "nothing of it is at the agent: it is sent again"), true
}

// resumeSending lets a request be sent again that was stopped after errors.
func (c *Call) resumeSending() {
	c.Errors, c.ErrorsSince, c.Stopped, c.Repeated = 0, time.Time{}, false, false
}
