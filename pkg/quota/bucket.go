package quota

import (
	"context"
	"time"
)

// Take requests tokens of one bucket.
type Take struct {
	Tenant, Bucket string
	Now            time.Time
	// Tokens is how many, at least 1. Interval is the time in which one comes, Burst how many a full
	// bucket holds.
	Tokens   int
	Interval time.Duration
	Burst    int
	// MaxOpen, if not 0, also counts the tokens as operations that open, and bounds these. Only a
	// count that was corrected after FreshAfter is believed.
	MaxOpen    int64
	FreshAfter time.Time
	// Last is the bucket's time as the caller last saw it, or zero. It saves a write if it is right.
	Last time.Time
}

// Taken is the answer to a Take.
type Taken struct {
	// OK: the tokens were taken. Otherwise nothing has changed.
	OK bool
	// Wait is when the bucket would have the tokens, if it has not.
	Wait time.Duration
	// Full: too many operations are open.
	Full bool
	// FullAt is the bucket's time: when it would be full again.
	FullAt time.Time
}

// Bucket is what is stored of a bucket.
type Bucket struct {
	FullAt    time.Time // when it is full again; zero is full
	Open      int64     // operations that are open, as far as is known
	CountedAt time.Time // when Open was last corrected, or first counted
}

// Store keeps buckets.
type Store interface {
	// TakeTokens takes tokens or refuses them, as Take.Decide does, in one atomic step. It does not
	// compete: under load the write only adds to what is stored.
	TakeTokens(ctx context.Context, t Take) (Taken, error)
}

// Cost returns the time in which the tokens come.
func (t Take) Cost() time.Duration { return time.Duration(t.Tokens) * t.Interval }

// Latest returns the latest FullAt of a bucket that still has the tokens.
func (t Take) Latest() time.Time {
	return t.Now.Add(time.Duration(t.Burst)*t.Interval - t.Cost())
}

// RoomFor returns the largest count of open operations that leaves room for the tokens.
func (t Take) RoomFor() int64 { return t.MaxOpen - int64(t.Tokens) }

// Decide returns the bucket after a Take, and the answer.
func (t Take) Decide(b Bucket) (Bucket, Taken) {
	if t.MaxOpen > 0 && !b.CountedAt.Before(t.FreshAfter) && b.Open > t.RoomFor() { // a new bucket counts 0
		return b, Taken{Full: true, FullAt: b.FullAt}
	}
	from := b.FullAt
	if from.Before(t.Now) {
		from = t.Now
	}
	if wait := from.Sub(t.Latest()); wait > 0 {
		return b, Taken{Wait: wait, FullAt: b.FullAt}
	}
	b.FullAt = from.Add(t.Cost())
	if t.MaxOpen > 0 {
		b.Open += int64(t.Tokens)
		if b.CountedAt.IsZero() {
			b.CountedAt = t.Now
		}
	}
	return b, Taken{OK: true, FullAt: b.FullAt}
}
