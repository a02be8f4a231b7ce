package circuit

import "time"

// Decide reports whether the circuit lets a call through now. If the returned state differs from s,
// the call is a probe, and may be made only after that state is stored. lease is the longest time
// that the call may take. An open circuit names the time of its next probe.
func (p Policy) Decide(s State, now time.Time, lease time.Duration) (Decision, State) {
	d := Decision{Ticket: Ticket{Number: s.Probes}}
	if now.Before(s.BackOffUntil) {
		d.NotBefore, d.Reason = s.BackOffUntil, BackingOff
	}
	if s.Closed() {
		return d, s
	}
	until := s.OpenUntil
	if !now.Before(until) { // a probe is due, but another one may be under way
		until = s.ProbeUntil
	}
	if now.Before(until) {
		if until.After(d.NotBefore) {
			d.NotBefore, d.Reason = until, Open
		}
		return d, s
	}
	if d.Reason == "" {
		s.Probes++
		s.ProbeUntil = now.Add(lease)
		d.Ticket = Ticket{Probe: true, Number: s.Probes}
	}
	return d, s
}

// Hurry returns the state in which a probe is due at once, unless the agent asked for time:
// somebody says that it is back. A probe that is under way decides.
func (p Policy) Hurry(s State, now time.Time) State {
	if !s.Closed() && now.Before(s.OpenUntil) {
		s.OpenUntil = now
	}
	return s
}

// withJitter adds up to a quarter.
func withJitter(d time.Duration, jitter float64) time.Duration {
	return d + time.Duration(jitter*0.25*float64(d))
}
