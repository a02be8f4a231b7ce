package operation

import (
	"math"
	"time"
)

// PollPolicy is how an agent is polled, in the words of Step Functions' own retriers. Zero values
// take the defaults. The bounds keep every operation below the 25,000 events of an execution for a
// year; a test computes that from the state machine's definition.
type PollPolicy struct {
	IntervalSeconds int     `json:"interval_seconds"`  // before the first backup poll
	BackoffRate     float64 `json:"backoff_rate"`      // the delay's growth from poll to poll
	MaxDelaySeconds int     `json:"max_delay_seconds"` // the longest delay before the deadline
	Unknown         string  `json:"-" document:"unknown"`
}

// The bounds and defaults of a PollPolicy. The default interval is the backup start of contract E9
// and N.
const (
	MinInterval        = 1
	DefaultInterval    = 120
	MaxInterval        = 3600
	MinBackoffRate     = 1.2
	DefaultBackoffRate = 1.5
	MaxBackoffRate     = 4.0
	MinMaxDelay        = 600
	DefaultMaxDelay    = 900
	MaxMaxDelay        = 21600
)

// maxDelay is the longest delay between polls after the deadline, and between attempts.
const maxDelay = 12 * time.Hour

// FollowFor is how long an operation is polled. A webhook ends it later than that just as well.
const FollowFor = 90 * 24 * time.Hour

// WithDefaults fills in what is zero.
func (p PollPolicy) WithDefaults() PollPolicy {
	if p.IntervalSeconds == 0 {
		p.IntervalSeconds = DefaultInterval
	}
	if p.BackoffRate == 0 {
		p.BackoffRate = DefaultBackoffRate
	}
	if p.MaxDelaySeconds == 0 {
		p.MaxDelaySeconds = DefaultMaxDelay
	}
	return p
}

// Delay returns how long to wait before poll number polls+1 of an operation of that age. Before the
// deadline the delay grows by BackoffRate to MaxDelaySeconds, after it with the operation's age to
// twelve hours. jitter in [0,1) adds up to a quarter and takes nothing away (contract D9).
func (p PollPolicy) Delay(polls int, age, deadline time.Duration, jitter float64) time.Duration {
	p = p.WithDefaults()
	grown := float64(p.IntervalSeconds) * math.Pow(p.BackoffRate, float64(min(polls, 200)))
	d := time.Duration(min(grown, float64(p.MaxDelaySeconds)) * float64(time.Second))
	if age >= deadline {
		d = min(max(d, age/8), maxDelay)
	}
	d += time.Duration(jitter * 0.25 * float64(d))
	if age < deadline && age+d > deadline { // poll once just when the deadline passes
		d = max(deadline-age, time.Duration(p.IntervalSeconds)*time.Second)
	}
	return d
}

// RetryDelay is the back-off of contract D10 before attempt n+1 of a call that had no answer: from
// 2 s, doubled, to a maximum that keeps a year of attempts below the history's limit. The first
// ones obey the contract's 60 s cap. jitter is as in Delay.
func RetryDelay(n int, jitter float64) time.Duration {
	d := time.Duration(2*math.Pow(2, float64(min(n, 30)-1))) * time.Second
	if n < 1 {
		d = 2 * time.Second
	}
	d = min(d, maxDelay)
	return d + time.Duration(jitter*0.25*float64(d))
}
