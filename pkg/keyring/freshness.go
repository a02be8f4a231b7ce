package keyring

import "time"

// The times of contract F54 and F.5 step 7.
const (
	freshFor        = 5 * time.Minute  // keys are used without a fetch
	usableFor       = 30 * time.Minute // keys are used although fetches fail
	failureCooldown = 30 * time.Second // no fetch after one that failed
	missCooldown    = 30 * time.Second // between two refetches for unknown keys
	pendingRetry    = 5 * time.Minute  // until a person may have confirmed a pending change
	clockSkew       = time.Minute      // how far another function's clock may be ahead of ours
)

// recent reports whether at lies within the last d. A time beyond now+clockSkew does not count: a
// clock that is far ahead must not keep anything fresh for ever.
func recent(at time.Time, d time.Duration, now time.Time) bool {
	return !at.IsZero() && now.Before(at.Add(d)) && !now.Add(clockSkew).Before(at)
}

// remaining returns how long at stays recent: d at most, and at least a second, so that no sender
// repeats a delivery at once.
func remaining(at time.Time, d time.Duration, now time.Time) time.Duration {
	return min(max(at.Add(d).Sub(now), time.Second), d)
}
