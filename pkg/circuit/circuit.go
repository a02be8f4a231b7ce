package circuit

import "time"

// Policy is how an agent is treated.
type Policy struct {
	// Failures is how many calls in a row must fail before the circuit opens.
	Failures int
	// MinOpen is how long the circuit stays open the first time. Each failed probe doubles the time,
	// up to MaxOpen.
	MinOpen, MaxOpen time.Duration
	// Rate and Burst bound the calls of all processes together: at most Rate*t + Burst calls get slots
	// in any time t.
	Rate  float64 // calls per second
	Burst float64
	// InFlight bounds the calls that are under way at one time.
	InFlight int
	// SilentAfter is how long a call may hang before it counts as unanswered while it still hangs; 0
	// means that it never does.
	SilentAfter time.Duration
}

// Default is well below the limits that agents may have (contract C21: 60 writes per second, bursts
// of 300; more for reads).
var Default = Policy{
	Failures:    5,
	MinOpen:     5 * time.Second,
	MaxOpen:     5 * time.Minute,
	Rate:        20,
	Burst:       40, // not above InFlight: whoever finds no place goes into the line, and all others behind
	InFlight:    50,
	SilentAfter: 30 * time.Second,
}

// State is the stored document. The zero State is that of an unknown agent: closed.
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
	// Silent: the circuit was opened because calls hang, not because they failed. Any answer closes
	// it.
	Silent bool `json:"silent,omitempty"`
	// LastFailure is the last call that changed the state because it failed: what people are shown. It
	// decides nothing.
	LastFailure Failure `json:"last_failure,omitzero"`
	// Unknown holds the members of the stored document that only newer code knows.
	Unknown string `json:"-" document:"unknown"`
}

// Failure is how a call failed.
type Failure struct {
	At time.Time `json:"at,omitzero"`
	// Result is "no_answer", "denied" or "rate_limited".
	Result string `json:"result,omitempty"`
	// Status is the HTTP status, 0 if there was none.
	Status  int    `json:"status,omitempty"`
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
	Paused     Reason = "paused"      // an operator's brake is on
	Full       Reason = "full"        // as many calls are in flight as may be
)

// Ticket accompanies a call from its decision to its result.
type Ticket struct {
	// Probe is true if the call decides whether the circuit closes.
	Probe bool
	// Number is the number of the last probe when the call began. A call that began before a later
	// probe can no longer open the circuit.
	Number int64
}

// Decision is what the circuit says about a call.
type Decision struct {
	// NotBefore is when the call may be made, for Reason; zero if it may be made now.
	NotBefore time.Time
	Reason    Reason
	Ticket    Ticket
}
