package circuit

import (
	"math"
	"time"
)

// retrySpread is the time over which waiting calls come back when the bucket is empty. There is no
// queue, so they must not come back all at once.
const retrySpread = 5 * time.Second

// Decide reports whether a process that holds so many unspent tokens may make a call. If the
// returned state differs from s, the decision is valid only after that state is stored. lease is
// the longest time that the call may take. jitter in [0,1) makes waits longer, never shorter
// (contract D9).
func (p Policy) Decide(s State, now time.Time, jitter float64, tokens int, lease time.Duration) (Decision, State) {
	if d, ok := p.Blocked(s, now, jitter); ok {
		return d, s
	}
	if !s.Closed() {
		tokens = 0 // a probe has to be stored in any case
	}
	d := Decision{Ticket: Ticket{Number: s.Probes}}
	if tokens > 0 {
		return d, s
	}
	level := p.level(s, now)
	if level < 1 {
		rest := time.Duration(math.Ceil((1 - level) / p.Rate * float64(time.Second)))
		return Decision{Wait: rest + time.Duration(jitter*float64(retrySpread)), Reason: Limited}, s
	}
	// Take at most a quarter of the bucket: a full bucket can spare tokens that a process may not
	// spend, and a nearly empty one leaves some for other processes.
	d.Taken = max(1, min(p.TokenBatch, int(level/4)))
	if !s.Closed() {
		d.Taken = 1
		s.Probes++
		s.ProbeUntil = now.Add(lease)
		d.Ticket = Ticket{Probe: true, Number: s.Probes}
	}
	s.Tokens = level - float64(d.Taken)
	// The processes' clocks differ. If At moved backwards, the same time would fill the bucket twice.
	if now.After(s.TokensAt) {
		s.TokensAt = now
	}
	return d, s
}

// Blocked reports whether the agent may not be called now, even with a token, and how long to wait.
func (p Policy) Blocked(s State, now time.Time, jitter float64) (Decision, bool) {
	rest, reason := s.BackOffUntil.Sub(now), BackingOff
	if !s.Closed() {
		open := s.OpenUntil.Sub(now)
		if open <= 0 { // a probe is due, but another one may be under way
			open = min(s.ProbeUntil.Sub(now), p.MinOpen)
		}
		if open > rest {
			rest, reason = open, Open
		}
	}
	if rest <= 0 {
		return Decision{}, false
	}
	return Decision{Wait: withJitter(rest, jitter), Reason: reason}, true
}

// level is how many tokens the bucket holds now.
func (p Policy) level(s State, now time.Time) float64 {
	capacity := p.Burst - p.Rate*p.TokenLife.Seconds()
	if s.TokensAt.IsZero() {
		return capacity
	}
	return min(capacity, s.Tokens+p.Rate*max(0, now.Sub(s.TokensAt).Seconds()))
}

// withJitter adds up to a quarter.
func withJitter(d time.Duration, jitter float64) time.Duration {
	return d + time.Duration(jitter*0.25*float64(d))
}
