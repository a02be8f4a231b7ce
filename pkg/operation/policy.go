package operation

import (
	"math"
	"time"
)

// WebhookMode is how an agent's webhooks are authenticated: fixed by the registration, never guessed from a delivery (contract F33).
type WebhookMode string

// The modes (contract F4, F64, F71).
const (
	WebhookRFC9421 WebhookMode = "rfc9421"     // the agent signs with its published key: the protocol's default
	WebhookHMAC    WebhookMode = "hmac-sha256" // legacy: a shared secret
	WebhookBearer  WebhookMode = "bearer"      // legacy: a token that says nothing of the body
	WebhookNone    WebhookMode = "none"        // nothing is registered: the operation is polled
)

// Shared reports whether the mode authenticates by a credential that we give to the agent.
func (m WebhookMode) Shared() bool { return m == WebhookHMAC || m == WebhookBearer }

// WebhookFormat is the form that an agent's webhooks have: registered like the mode, never guessed (contract F27).
type WebhookFormat string

// The formats of contract F7. An empty one is MCP's: push_notification_config in a task's arguments asks for it whatever the transport.
const (
	FormatMCP WebhookFormat = "mcp"
	FormatA2A WebhookFormat = "a2a" // for agents that send A2A's own payloads all the same
)

// PollPolicy is how an agent is polled. Zero values take the defaults. The bounds keep any operation below the 25,000 events of a Step
// Functions execution for a year; a test computes it from the state machine's definition.
type PollPolicy struct {
	IntervalSeconds int     `json:"interval_seconds"`  // the first backup poll after the answer
	BackoffRate     float64 `json:"backoff_rate"`      // growth of the delay from poll to poll
	MaxDelaySeconds int     `json:"max_delay_seconds"` // longest delay before the deadline
}

// The bounds and defaults of a PollPolicy. The default first poll is the backup start of contract E9 and N.
const (
	MinInterval, DefaultInterval, MaxInterval          = 1, 120, 3600
	MinBackoffRate, DefaultBackoffRate, MaxBackoffRate = 1.2, 1.5, 4.0
	MinMaxDelay, DefaultMaxDelay, MaxMaxDelay          = 600, 900, 21600
)

// slowest is the longest delay between polls after the deadline.
const maxDelay = 12 * time.Hour

// GiveUpAfter is how long an operation is polled at all. Webhooks end it later than that just as well.
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

// Delay returns how long to wait before poll number polls+1 of an operation of that age. Before the deadline it grows by Factor to the cap,
// after it with the operation's age to twelve hours. jitter in [0,1) adds up to a quarter, never less (contract D9).
func (p PollPolicy) Delay(polls int, age, deadline time.Duration, jitter float64) time.Duration {
	p = p.WithDefaults()
	grown := float64(p.IntervalSeconds) * math.Pow(p.BackoffRate, float64(min(polls, 200)))
	d := time.Duration(min(grown, float64(p.MaxDelaySeconds)) * float64(time.Second))
	if age >= deadline {
		d = min(max(d, age/8), maxDelay)
	}
	d += time.Duration(jitter * 0.25 * float64(d))
	if age < deadline && age+d > deadline {
		d = max(deadline-age, time.Duration(p.IntervalSeconds)*time.Second) // look once just when the deadline passes
	}
	return d
}

// Retry is the back-off of contract D10 before attempt n+1 of something that had no answer: from 2 s, doubled, to a cap that keeps a year of
// attempts below the history's limit. The first three follow the contract's 60 s cap.
func RetryDelay(n int, jitter float64) time.Duration {
	d := time.Duration(2*math.Pow(2, float64(min(n, 30)-1))) * time.Second
	if n < 1 {
		d = 2 * time.Second
	}
	d = min(d, maxDelay)
	return d + time.Duration(jitter*0.25*float64(d))
}
