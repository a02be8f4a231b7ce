// Package circuit decides whether an agent may be called: a circuit breaker and a bucket of tokens, for one tenant and agent, shared by every process
// through one small document (contract M4, C21). It is pure: time and randomness come in as values. It knows two answers: go, or wait. An open
// circuit never fails anything (contract M4).
package circuit

import (
	"math"
	"time"
)

// Policy is how an agent is treated.
type Policy struct {
	// Failures is how many calls in a row have to fail before the circuit opens.
	Failures int
	// First is how long it stays open, Longest the most that this grows to: it doubles with each probe that fails.
	First, Longest time.Duration
	// Rate and Burst bound the calls: in any time t there are at most Rate*t + Burst of them, whoever makes them.
	Rate  float64 // a second
	Burst float64
	// Batch is the most tokens that a process takes in one write, Life how long it may spend them. As what is spent in a time t was taken in t + Life,
	// the bucket holds no more than Burst - Rate*Life.
	Batch int
	Life  time.Duration
}

// Default is well below the ceilings that agents may have (contract C21: 60 writes a second, bursts of 300; more for reads).
var Default = Policy{Failures: 5, First: 5 * time.Second, Longest: 5 * time.Minute, Rate: 20, Burst: 100, Batch: 20, Life: 2 * time.Second}

// State is the document. The zero State is that of an agent that nothing is known of: closed, with a full bucket.
type State struct {
	// Failures counts the calls that failed since one was answered, while the circuit is closed.
	Failures int `json:"failures,omitempty"`
	// Pauses counts how often it opened since it was closed; 0: it is closed. OpenUntil is when the last pause ends: then one probe is let through.
	Opens     int       `json:"opens,omitempty"`
	OpenUntil time.Time `json:"open_until,omitzero"`
	// Probes counts all probes ever. Until ProbeUntil the last one may be under way: a process that dies with one does not block for longer.
	Probes     int64     `json:"probes,omitempty"`
	ProbeUntil time.Time `json:"probe_until,omitzero"`
	// HoldUntil is when the agent may be called again after it asked for time. Nothing makes it earlier (contract D8).
	HoldUntil time.Time `json:"back_off_until,omitzero"`
	// Holds counts the times in a row that the agent limited us without saying for how long.
	RateLimits int `json:"rate_limits,omitempty"`
	// Tokens were in the bucket at At; a zero At means a full one.
	Tokens float64   `json:"tokens,omitempty"`
	At     time.Time `json:"at,omitzero"`
}

// Closed reports whether calls go through.
func (s State) Closed() bool { return s.Opens == 0 }

// Clean reports whether an answered call would change nothing: then it need not be stored.
func (s State) Clean() bool { return s.Failures == 0 && s.Opens == 0 && s.RateLimits == 0 }

// Reason is why to wait.
type Reason string

// The reasons.
const (
	Open       Reason = "open"    // the agent does not answer
	BackingOff Reason = "held"    // the agent asked for time
	Limited    Reason = "limited" // our own limit
)

// Ticket goes with a call from its decision to its outcome.
type Ticket struct {
	// Probe: the call decides whether the circuit closes.
	Probe bool
	// Number is the number of the last probe when the call began. An outcome from before the circuit was closed says nothing of what came after.
	Number int64
}

// Decision is whether a call may be made.
type Decision struct {
	// Wait is 0 if it may; else it may be asked again after that time, for Reason.
	Wait   time.Duration
	Reason Reason
	Ticket Ticket
	// Taken is how many tokens the state to be stored gives away: the first is for this call, the others may be spent until Life is over. It is 0 if the
	// call is to be paid with one that was taken before.
	Taken int
}

// Decide says whether a call may be made by a process that has so many unspent tokens. If the state that it returns is another than s, the decision
// holds only once that is stored. lease is how long the call may take at most. jitter in [0,1) makes waits longer, never shorter (contract D9).
func (p Policy) Decide(s State, now time.Time, jitter float64, tokens int, lease time.Duration) (Decision, State) {
	if d, ok := p.Blocked(s, now, jitter); ok {
		return d, s
	}
	if !s.Closed() {
		tokens = 0 // a probe is written down in any case
	}
	d := Decision{Ticket: Ticket{Number: s.Probes}}
	if tokens > 0 {
		return d, s
	}
	in := p.filled(s, now)
	if in < 1 {
		// Everybody who waits comes again within seconds, not at once: nobody keeps a queue.
		rest := time.Duration(math.Ceil((1 - in) / p.Rate * float64(time.Second)))
		return Decision{Wait: rest + time.Duration(jitter*float64(crowd)), Reason: Limited}, s
	}
	// A quarter of what is there: while there is plenty, what a process takes in vain does no harm; when it gets scarce, nobody keeps it from the others.
	d.Taken = max(1, min(p.Batch, int(in/4)))
	if !s.Closed() {
		d.Taken = 1
		s.Probes++
		s.ProbeUntil = now.Add(lease)
		d.Ticket = Ticket{Probe: true, Number: s.Probes}
	}
	s.Tokens = in - float64(d.Taken)
	if now.After(s.At) { // clocks differ: time never runs backwards here, or it would be paid for twice
		s.At = now
	}
	return d, s
}

// crowd is over how much time the calls that found no token come again.
const crowd = 5 * time.Second

// Blocked says how long to wait if the agent may not be called now whatever there is in the bucket.
func (p Policy) Blocked(s State, now time.Time, jitter float64) (Decision, bool) {
	rest, reason := s.HoldUntil.Sub(now), BackingOff
	if !s.Closed() {
		open := s.OpenUntil.Sub(now)
		if open <= 0 { // its pause is over: is a probe under way?
			open = min(s.ProbeUntil.Sub(now), p.First)
		}
		if open > rest {
			rest, reason = open, Open
		}
	}
	if rest <= 0 {
		return Decision{}, false
	}
	return Decision{Wait: longer(rest, jitter), Reason: reason}, true
}

// filled is what is in the bucket now.
func (p Policy) filled(s State, now time.Time) float64 {
	most := p.Burst - p.Rate*p.Life.Seconds()
	if s.At.IsZero() {
		return most
	}
	return min(most, s.Tokens+p.Rate*max(0, now.Sub(s.At).Seconds()))
}

// Succeeded is the state after an answer. An open circuit is closed by a probe's answer only; one whose lease was over is as good as any.
func (p Policy) Succeeded(s State, t Ticket) State {
	if s.Closed() || t.Probe {
		s.Failures, s.Opens, s.OpenUntil, s.ProbeUntil, s.RateLimits = 0, 0, time.Time{}, time.Time{}, 0
	}
	return s
}

// Failed is the state after a call that the agent did not answer, which may have asked for time at that. denied: it refuses our credential; it
// would refuse everybody's call, so the circuit opens at once (contract E12).
func (p Policy) Failed(s State, t Ticket, now time.Time, jitter float64, after time.Duration, denied bool) State {
	if after > 0 {
		s = p.backOff(s, now.Add(after))
	}
	switch {
	case t.Number != s.Probes: // it began before a probe that has told more since
		return s
	case !s.Closed() && !t.Probe: // under way when the circuit opened
		return s
	case s.Closed():
		s.Failures++
		if s.Failures < p.Failures && !denied {
			return s
		}
	}
	s.Opens++
	s.OpenUntil, s.ProbeUntil = now.Add(p.openFor(s.Opens, jitter)), time.Time{}
	return s
}

// Limited is the state after the agent answered that we call too often (contract D8): the circuit's success, and a hold for the whole agent. after is
// how long it asked for; without that, time grows as in contract D10.
func (p Policy) Limited(s State, t Ticket, now time.Time, jitter float64, after time.Duration) State {
	holds := s.RateLimits
	s = p.Succeeded(s, t)
	s.RateLimits = holds
	if after <= 0 {
		if now.Before(s.HoldUntil) { // one of those that were under way
			return s
		}
		after = longer(min(firstHold<<min(s.RateLimits, 10), longestHold), jitter)
		s.RateLimits++
	}
	return p.backOff(s, now.Add(after))
}

// contract D10
const firstHold, longestHold = 2 * time.Second, time.Minute

// hold lets nobody call before until. The bucket is empty then and fills from there on: who has just been limited does not begin with a burst.
func (p Policy) backOff(s State, until time.Time) State {
	if until.After(s.HoldUntil) {
		s.HoldUntil = until
		s.Tokens, s.At = 0, until
	}
	return s
}

// Released is the state after a call that told nothing of the agent: another probe may be sent.
func (p Policy) Released(s State, t Ticket) State {
	if t.Probe && t.Number == s.Probes {
		s.ProbeUntil = time.Time{}
	}
	return s
}

func (p Policy) openFor(n int, jitter float64) time.Duration {
	d := p.Longest
	if f := float64(p.First) * math.Pow(2, float64(min(n-1, 60))); f < float64(d) {
		d = time.Duration(f)
	}
	return longer(d, jitter)
}

// longer adds up to a quarter.
func longer(d time.Duration, jitter float64) time.Duration {
	return d + time.Duration(jitter*0.25*float64(d))
}
