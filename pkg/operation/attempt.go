package operation

import (
	"time"

	"adcp-orchestrator/pkg/adcp"
)

// callLease is how long a dispatcher may take for one call: the dispatch function's timeout and a
// margin.
const callLease = 5*time.Minute + 30*time.Second

// StartAttempt records that the agent is about to be called. It is stored before the first byte
// leaves. ok is false while another dispatcher may still be calling, or if there is no call to
// make.
func (op *Operation) StartAttempt(now time.Time, s AgentSupport) (e Event, ok bool) {
	if !op.NeedsCall() || op.Stale(now) || op.Held() || op.leased(now, s) {
		return Event{}, false
	}
	from, c := op.State, op.call(op.PendingInput())
	if c.InFlight { // a dispatcher died between its call and its write
		c.Unclear = true
	}
	if c.FirstAt.IsZero() {
		c.FirstAt, c.ReplaySeconds = now, int64(s.ReplayWindow/time.Second)
	}
	c.Attempts++
	c.InFlight = true
	op.admitted()
	c.LeaseUntil = now.Add(callLease)
	op.DueAt = c.LeaseUntil.Add(reconcileGrace)
	detail := ""
	if op.PendingInput() == 0 {
		op.State = CallingAdCP
	} else {
		op.InputRequest.Input.State, detail = InputSending, "with the input"
	}
	op.BumpVersion(now)
	return op.event(EventCalling, ByOrchestrator, from, now, detail), true
}

// FailAttempt records a call that ended without an AdCP answer which settles it: the call of the
// request, or of the input of that generation. It is no observation: the state stays (contract
// A28).
func (op *Operation) FailAttempt(now time.Time, generation int, outcome adcp.Outcome, retryAfter time.Duration,
	detail string) Event {
	c := op.call(generation)
	c.InFlight, c.Answered, c.EndedAt = false, "", now
	c.LeaseUntil = time.Time{}
	op.admitted()
	if outcome == adcp.Ambiguous {
		c.Unclear = true
	}
	if !c.Unclear {
		op.clearInputCrossed(generation, InputStale)
	}
	waits := op.State == CallingAdCP || generation != 0 && op.PendingInput() == generation
	if outcome == adcp.Refused && c.Attempts >= 2 && waits {
		op.flag(AgentRefuses, now, detail)
	}
	op.backOff(now, retryAfter)
	op.BumpVersion(now)
	return op.event(EventNoAnswer, ByAnswer, op.State, now, detail)
}

// Overtaken records a call or a poll without a usable answer whose operation has ended meanwhile.
// It counts, and the time that the agent asked for holds for the reads of its buy (contract D8).
func (op *Operation) Overtaken(now time.Time, c Channel, retryAfter time.Duration, detail string) Event {
	if c == ByPoll {
		op.Polled()
	}
	op.backOff(now, retryAfter)
	op.BumpVersion(now)
	return op.event(EventNoAnswer, c, op.State, now, detail)
}

// Unreadable records an answer to a call that could not be read, as FailAttempt does, and what the
// answer named all the same.
func (op *Operation) Unreadable(now time.Time, generation int, a adcp.Answer) Event {
	detail := "the agent's answer could not be read"
	if named := a.Named(); named != "" {
		op.call(generation).Named = named
		detail += "; it names " + named
	}
	return op.FailAttempt(now, generation, adcp.Ambiguous, 0, detail)
}

// BackOff forbids calls for a time that the agent asked for beside an answer that is applied
// (contract D8).
func (op *Operation) BackOff(now time.Time, d time.Duration) { op.backOff(now, d) }

// backOff forbids calls for a time, and reports whether that changes anything. Nothing makes it
// shorter (contract D8).
func (op *Operation) backOff(now time.Time, d time.Duration) bool {
	until := now.Add(d)
	if d <= 0 || !until.After(op.NotBefore) {
		return false
	}
	op.NotBefore = until
	return true
}

// SkipAttempt records that the agent could not be called: no attempt was made that may have been
// carried out, whatever happened to the questions before it. ok is false if there is nothing to
// record: no call is due, or the outcome of an earlier attempt is not stored yet and the agent did
// not ask for time.
func (op *Operation) SkipAttempt(now time.Time, outcome adcp.Outcome, retryAfter time.Duration, detail string) (
	e Event, ok bool) {
	if !op.NeedsCall() {
		return Event{}, false
	}
	from, c := op.State, op.call(op.PendingInput())
	if c.InFlight { // a dispatcher died, or is calling: its attempt stays as it is
		if !op.backOff(now, retryAfter) {
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
	c.Attempts++
	e = op.FailAttempt(now, op.PendingInput(), outcome, retryAfter, detail)
	e.From = from
	return e, true
}

// NeedsCall reports whether the agent has to be called: with the request, or with an input. It must
// not be while the operation waits for another one's end.
func (op *Operation) NeedsCall() bool {
	return op.State == Requested && op.WaitsFor == "" || op.State == CallingAdCP || op.PendingInput() != 0
}

// call is the state of a call: that of an input by its generation, or for 0 that of the request. Of
// an input request that is over nothing is kept.
func (op *Operation) call(generation int) *Call {
	switch generation {
	case 0:
		return &op.Call
	case op.InputRequest.Generation:
		return &op.InputRequest.Input.Call
	}
	return new(Call)
}

// mayRetry reports whether the request may be sent again. What certainly was not carried out may
// be; what may have been, only to an agent that replays the key, and only while it does (contract
// C17, C19). A task that buys nothing may be repeated in any case.
func (op *Operation) mayRetry(now time.Time, s AgentSupport) bool {
	c := op.call(op.PendingInput())
	switch {
	case c.Stopped && !op.Stale(now):
		return false
	case op.leased(now, s): // decided when the lease is over
		return true
	case !c.Unclear && !c.InFlight: // a stale request is retried once more, to end there
		return true
	case op.Stale(now):
		return false
	case !op.IsPurchase():
		return true
	}
	return now.Before(c.FirstAt.Add(c.replayWindow(s) - replayMargin))
}

// leased reports whether another dispatcher may be calling right now. An agent that replays the key
// makes that harmless.
func (op *Operation) leased(now time.Time, s AgentSupport) bool {
	c := op.call(op.PendingInput())
	return c.InFlight && now.Before(c.LeaseUntil) && c.replayWindow(s) == 0
}

// IsPurchase reports whether the operation's task, carried out twice, buys twice. An unknown task
// may.
func (op *Operation) IsPurchase() bool {
	traits, known := adcp.TraitsOf(op.Type)
	return traits.Purchase || !known
}

// replayWindow is how long the agent replays the key of a call: as it said before the first
// attempt, or less if it says less now.
func (c *Call) replayWindow(s AgentSupport) time.Duration {
	if c.FirstAt.IsZero() {
		return s.ReplayWindow
	}
	return min(time.Duration(c.ReplaySeconds)*time.Second, s.ReplayWindow)
}

// replayMargin is kept from the end of an agent's replay window: clocks differ, and calls take
// time.
const replayMargin = 10 * time.Minute
