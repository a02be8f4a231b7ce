package circuit

import (
	"math"
	"time"
)

// The first and the longest wait after the agent limited us without naming a time (contract D10).
const minBackOff, maxBackOff = 2 * time.Second, time.Minute

// Succeeded returns the state after an answer. Only a probe's answer closes an open circuit, unless
// it was open because calls hang. A probe whose lease is over counts like any other.
func (p Policy) Succeeded(s State, t Ticket) State {
	if s.Closed() || t.Probe || s.Silent {
		s.Failures, s.Opens, s.OpenUntil, s.ProbeUntil, s.RateLimits = 0, 0, time.Time{}, time.Time{}, 0
		s.Silent = false
	}
	return s
}

// Silenced returns the state after the calls in flight were found to hang.
func (p Policy) Silenced(s State, now time.Time, jitter float64) State {
	if !s.Closed() {
		return s
	}
	s.Silent = true
	return p.open(s, now, jitter)
}

func (p Policy) open(s State, now time.Time, jitter float64) State {
	s.Opens++
	s.OpenUntil, s.ProbeUntil = now.Add(p.openFor(s.Opens, jitter)), time.Time{}
	return s
}

// Failed returns the state after a call that the agent did not answer. after is how long the agent
// asked us to wait, or 0. denied means that the agent refused our credential: it would refuse every
// call, so the circuit opens at once (contract E12).
func (p Policy) Failed(s State, t Ticket, now time.Time, jitter float64, after time.Duration, denied bool) State {
	if after > 0 {
		s = p.backOff(s, now.Add(after))
	}
	switch {
	case t.Number != s.Probes: // a later probe has newer information
		return s
	case !s.Closed() && !t.Probe: // the call was under way when the circuit opened
		return s
	case s.Closed():
		s.Failures++
		if s.Failures < p.Failures && !denied {
			return s
		}
	}
	return p.open(s, now, jitter)
}

// Limited returns the state after the agent answered that we call too often (contract D8). The
// agent did answer, so this is a success for the circuit; but all calls of the agent back off.
// after is how long the agent asked us to wait. If it is 0, the wait grows as in contract D10.
func (p Policy) Limited(s State, t Ticket, now time.Time, jitter float64, after time.Duration) State {
	limits := s.RateLimits
	s = p.Succeeded(s, t)
	s.RateLimits = limits
	if after <= 0 {
		if now.Before(s.BackOffUntil) { // this call was under way when another one was limited
			return s
		}
		after = withJitter(min(minBackOff<<min(s.RateLimits, 10), maxBackOff), jitter)
		s.RateLimits++
	}
	return p.backOff(s, now.Add(after))
}

// Released returns the state after a call that said nothing about the agent. If it was a probe,
// another probe may be sent.
func (p Policy) Released(s State, t Ticket) State {
	if t.Probe && t.Number == s.Probes {
		s.ProbeUntil = time.Time{}
	}
	return s
}

// backOff blocks all calls before until. The slots begin there: a client that was just limited must
// not begin with a burst.
func (p Policy) backOff(s State, until time.Time) State {
	if until.After(s.BackOffUntil) {
		s.BackOffUntil = until
	}
	return s
}

// openFor is how long the circuit stays open the n-th time.
func (p Policy) openFor(n int, jitter float64) time.Duration {
	d := p.MaxOpen
	if f := float64(p.MinOpen) * math.Pow(2, float64(min(n-1, 60))); f < float64(d) {
		d = time.Duration(f)
	}
	return withJitter(d, jitter)
}
