package endpoint

import "time"

// Result is what came of one request.
type Result struct {
	Status int   // of the answer, 0 for none
	Fault  Fault // "" if the receiver took the notice
	// RetryAfter is the time that the receiver asked for, 0 for none.
	RetryAfter time.Duration
}

// Decision is what follows from an attempt.
type Decision struct {
	State DeliveryState
	// After is the time until the next attempt, if State is Pending.
	After time.Duration
	// Disable is why the endpoint is to be disabled, "" if it is not.
	Disable Reason
}

// statusGone is 410: the receiver wants nothing any more.
const statusGone = 410

const (
	// GiveUpAfter is how long a round tries.
	GiveUpAfter = 3 * 24 * time.Hour
	// DisableAfter is how long an endpoint fails, without any success, until it is disabled.
	DisableAfter = 5 * 24 * time.Hour
	// disableTakes is how long a delivery itself has failed before it disables an endpoint: one that
	// is told something once a month must not be disabled by a single failure after an old one.
	disableTakes = time.Hour
	// maxAfter bounds the time until the next attempt: SQS hides a message for at most twelve hours
	// from when it was received.
	maxAfter = 11 * time.Hour
)

// delays are the times after the first failures; later ones are as the last.
var delays = [...]time.Duration{
	5 * time.Second, 30 * time.Second, 2 * time.Minute, 10 * time.Minute, 30 * time.Minute, time.Hour, 2 * time.Hour,
}

// Delay returns the time after the nth failure, from 1. jitter in [0, 1) adds up to a quarter: the
// messages of many operations must not come back at one moment.
func Delay(failures int, jitter float64) time.Duration {
	d := delays[min(max(failures, 1), len(delays))-1]
	return d + time.Duration(jitter*float64(d)/4)
}

// Decide decides what follows from an attempt. d is the delivery before it, failing since when the
// endpoint fails.
func Decide(r Result, d Delivery, failing, now time.Time, jitter float64) Decision {
	attempts := d.Attempts + 1
	switch {
	case r.Fault == "":
		return Decision{State: Delivered}
	case r.Status == statusGone:
		return Decision{State: Dead, Disable: Gone}
	case now.Sub(d.QueuedAt) >= disableTakes && now.Sub(failing) >= DisableAfter:
		return Decision{State: Dead, Disable: Failing}
	case now.Sub(d.QueuedAt) >= GiveUpAfter:
		return Decision{State: Dead}
	}
	return Decision{State: Pending, After: min(maxAfter, max(Delay(attempts, jitter), r.RetryAfter))}
}

// ProbeEvery is how often an attempt is made at an endpoint that has failed for probesAfter,
// whichever delivery it is of. A receiver that hangs would otherwise hold all of the function's
// concurrency, and one that comes back would be met by everything at once.
const (
	ProbeEvery  = 5 * time.Second
	probesAfter = time.Minute
)

// MaxLook is the longest time until a delivery looks again that had no turn, minLook the shortest:
// an eighth of the time that the endpoint fails.
const (
	MaxLook = 15 * time.Minute
	minLook = 30 * time.Second
)

// rationed returns for how long the endpoint fails, if its attempts are rationed.
func (e Endpoint) rationed(now time.Time) (fails time.Duration, ok bool) {
	if e.FailingSince.IsZero() {
		return 0, false
	}
	fails = now.Sub(e.failing(now))
	return fails, fails >= probesAfter
}

// look is when a delivery looks again whose endpoint is rationed.
func look(fails time.Duration, jitter float64) time.Duration {
	d := min(MaxLook, max(minLook, fails/8))
	return d + time.Duration(jitter*float64(d)/4)
}
