package circuit

import "time"

// Policy is how an agent is treated.
type Policy struct {
	// Failures is how many calls in a row must fail before the circuit opens.
	Failures int
	// MinOpen is how long the circuit stays open the first time. Each failed probe doubles the time,
	// up to MaxOpen.
	MinOpen, MaxOpen time.Duration
	// Rate and Burst bound the calls of all processes together: at most Rate*t + Burst calls in any
	// time t.
	Rate  float64 // calls per second
	Burst float64
	// Batch is the most tokens that a process takes in one write, Life how long it may spend them.
	// Tokens spent in a window t were taken in t + Life, so the bucket's capacity is
	// Burst - Rate*Life.
	TokenBatch int
	TokenLife  time.Duration
}

// Default is well below the limits that agents may have (contract C21: 60 writes per second, bursts
// of 300; more for reads).
var Default = Policy{
	Failures:   5,
	MinOpen:    5 * time.Second,
	MaxOpen:    5 * time.Minute,
	Rate:       20,
	Burst:      100,
	TokenBatch: 20,
	TokenLife:  2 * time.Second,
}

// State is the stored document. The zero State is that of an unknown agent: closed, with a full
// bucket.
type State struct {
	// Failures counts the failed calls since the last answer, while the circuit is closed.
	Failures int `json:"failures,omitempty"`
	// Opens counts how often the circuit opened since it was last closed; 0 means closed. After
	// OpenUntil, one probe is let through.
	Opens     int       `json:"opens,omitempty"`
	OpenUntil time.Time `json:"open_until,omitzero"`
	// Probes counts all probes ever made. The last one may be under way until ProbeUntil: a process
	// that dies during a probe does not block the next one for longer.
	Probes     int64     `json:"probes,omitempty"`
	ProbeUntil time.Time `json:"probe_until,omitzero"`
	// BackOffUntil is when the agent may be called again after it asked us to wait. It never moves to
	// an earlier time (contract D8).
	BackOffUntil time.Time `json:"back_off_until,omitzero"`
	// RateLimits counts how often in a row the agent limited us without naming a time.
	RateLimits int `json:"rate_limits,omitempty"`
	// Tokens is how many tokens the bucket held at At. A zero At means a full bucket.
	Tokens   float64   `json:"tokens,omitempty"`
	TokensAt time.Time `json:"tokens_at,omitzero"`
	// Unknown holds the members of the stored document that only newer code knows.
	Unknown string `json:"-" document:"unknown"`
}

// Closed reports whether calls go through.
func (s State) Closed() bool { return s.Opens == 0 }

// Clean reports whether an answered call changes nothing. Then nothing needs to be stored.
func (s State) Clean() bool { return s.Failures == 0 && s.Opens == 0 && s.RateLimits == 0 }

// Reason is why a call has to wait.
type Reason string

// The reasons.
const (
	Open       Reason = "open"        // the agent does not answer
	BackingOff Reason = "backing_off" // the agent asked us to wait
	Limited    Reason = "limited"     // our own rate limit
)

// Ticket accompanies a call from its decision to its result.
type Ticket struct {
	// Probe is true if the call decides whether the circuit closes.
	Probe bool
	// Number is the number of the last probe when the call began. A call that began before a later
	// probe can no longer open the circuit.
	Number int64
}

// Decision is whether a call may be made.
type Decision struct {
	// Wait is 0 if the call may be made. Otherwise the caller has to wait that long, for Reason, and
	// decide again.
	Wait   time.Duration
	Reason Reason
	Ticket Ticket
	// Taken is how many tokens the state to be stored gives away. The first one pays for this call,
	// the process may spend the others for Life. Taken is 0 if an earlier token pays for the call.
	Taken int
}
