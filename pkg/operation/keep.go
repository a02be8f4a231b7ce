package operation

import (
	"fmt"
	"strconv"
	"time"
)

// MinKeepEnded is the shortest time that ended operations may be kept for. What may still refer to
// one has to be over by then: polling of an operation that waited for its end (FollowFor, 90 days,
// which is also how long Step Functions knows an execution and how long a quarantined delivery is
// listed), the retries of the webhook that brought the end (8 days), and the time for which an
// agent replays an idempotency key (at most 7 days, contract C17).
const MinKeepEnded = 100 * 24 * time.Hour

// KeysOutlive is how much longer than an operation its idempotency keys and its natural key are
// kept: a client that repeats a submission learns that the operation has expired, and buys nothing.
// It is the longest time for which an agent replays an idempotency key (contract C17).
const KeysOutlive = 7 * 24 * time.Hour

// ParseKeepEnded reads for how many days ended operations are kept: "0" or nothing is for ever.
func ParseKeepEnded(days string) (time.Duration, error) {
	const day = 24 * time.Hour
	if days == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(days)
	switch least := int(MinKeepEnded / day); {
	case err != nil || n < 0 || n > 36500:
		return 0, fmt.Errorf("%q is not a number of days from 0 to 36500", days)
	case n != 0 && n < least:
		return 0, fmt.Errorf("%d days are less than the %d that late webhooks, retries and redrives rely on; "+
			"0 keeps ended operations for ever", n, least)
	}
	return time.Duration(n) * day, nil
}

// KeepFor lets an operation expire a time after its end was published; zero is never. One that
// needs a person never expires, and neither does one that ended while it waited for another one's
// end: whatever stands behind it in line looks through it at that other one. The expiry is pending
// until it is stored with everything that belongs to the operation; until then the reconciler looks
// at the operation.
func (op *Operation) KeepFor(now time.Time, d time.Duration) {
	if d <= 0 || op.PublishedAt.IsZero() || op.Attention != nil || op.WaitsFor != "" {
		return
	}
	op.ExpiresAt = op.PublishedAt.Add(d + time.Second - 1).Truncate(time.Second) // DynamoDB counts whole seconds
	op.ExpiryPending = true
	op.dueSoon(now)
}

// keepForPerson takes the expiry back from an operation that needs a person after its end.
func (op *Operation) keepForPerson(now time.Time) {
	if op.ExpiresAt.IsZero() {
		return
	}
	op.ExpiresAt, op.ExpiryPending = time.Time{}, true
	op.dueSoon(now)
}

// FinishExpiry records that everything that belongs to the operation has the expiry at; zero is
// none. ok is false if that is recorded already, or if the operation has another expiry by now.
func (op *Operation) FinishExpiry(at time.Time) (ok bool) {
	if !op.ExpiryPending || !op.ExpiresAt.Equal(at) {
		return false
	}
	op.ExpiryPending = false
	if !op.CancelDue() {
		op.DueAt = time.Time{}
	}
	op.Version++
	return true
}

// Expired reports whether the operation exists no more, whatever of it is still stored.
func (op *Operation) Expired(now time.Time) bool {
	return !op.ExpiresAt.IsZero() && !now.Before(op.ExpiresAt)
}
