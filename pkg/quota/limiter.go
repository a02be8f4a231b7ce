package quota

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// Limiter takes tokens for this process. A process that needs many takes several with one write,
// and uses them within tokenLife; what is left then is lost, so no limit is ever exceeded. After a
// refusal it refuses by itself for a moment, so that a flood costs no writes.
type Limiter struct {
	store Store
	now   func() time.Time

	mu     sync.Mutex
	locals map[localKey]*local
	// downUntil: the store has failed, and is left alone.
	downUntil time.Time
}

type localKey struct{ tenant, bucket string }

// local is what this process holds and knows of one bucket.
type local struct {
	tokens, batch int
	tokensUntil   time.Time     // after this the tokens are void
	fullAt        time.Time     // the bucket's time, as last seen
	blockedUntil  time.Time     // until then the process refuses by itself
	refusedUntil  time.Time     // when the store would have had the tokens
	block         time.Duration // how long the last refusal blocked; 0 after a success
	full          bool          // the refusal was for the open operations
}

const (
	tokenLife = time.Second
	maxBatch  = 32
	// minBlock and maxBlock bound what a flood costs: the first refusal in a row blocks for minBlock,
	// each further one twice as long. So a thousand processes write to one empty bucket a thousand
	// times a second, which is what one item of a table takes.
	minBlock = 200 * time.Millisecond
	maxBlock = time.Second
	// fullBlock is how long a process believes that too many operations are open.
	fullBlock = 5 * time.Second
	// storeTimeout is how long a request waits for its token, and downTime how long a process goes
	// without the store after that.
	storeTimeout = 300 * time.Millisecond
	downTime     = time.Second
	// maxLocals bounds the memory of a process.
	maxLocals = 10_000
)

// NewLimiter returns a Limiter. Many goroutines call now.
func NewLimiter(s Store, now func() time.Time) *Limiter {
	return &Limiter{store: s, now: now, locals: map[localKey]*local{}}
}

// refusal says why a token was refused, and when the next one may be had.
type refusal struct {
	wait time.Duration
	full bool
}

// take takes one token. maxOpen is for the bucket that counts operations, else 0. ok is false if it
// was refused.
func (l *Limiter) take(ctx context.Context, tenant, bucket string, r Rate, maxOpen int) (refused refusal, ok bool) {
	k := localKey{tenant, bucket}
	now := l.now()
	l.mu.Lock()
	b := l.local(k)
	switch {
	case now.Before(b.blockedUntil):
		defer l.mu.Unlock()
		return refusal{b.refusedUntil.Sub(now), b.full}, false
	case b.tokens > 0 && now.Before(b.tokensUntil):
		defer l.mu.Unlock()
		b.tokens--
		return refusal{}, true
	case now.Before(l.downUntil):
		defer l.mu.Unlock()
		return refusal{}, true
	}
	t := Take{Tenant: tenant, Bucket: bucket, Now: now, Interval: r.interval(), Burst: r.Burst, Last: b.fullAt,
		MaxOpen: int64(maxOpen), FreshAfter: now.Add(-countLife), Tokens: b.nextBatch(now, r.Burst, maxOpen)}
	l.mu.Unlock()
	taken, err := l.request(ctx, t)
	if err == nil && !taken.OK && t.Tokens > 1 { // what is left will do
		left := t.Tokens - ceil(taken.Wait, t.Interval)
		if taken.Full {
			left = 1
		}
		t.Tokens, t.Last = max(1, left), taken.FullAt
		taken, err = l.request(ctx, t)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil { // correctness does not depend on limits: let through
		slog.WarnContext(ctx, "the limits are not known", "tenant", tenant, "limit", bucket, "error", err)
		l.downUntil = now.Add(downTime)
		return refusal{}, true
	}
	return b.learn(t, taken)
}

func (l *Limiter) request(ctx context.Context, t Take) (Taken, error) {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	return l.store.TakeTokens(ctx, t)
}

// nextBatch doubles the batch of a process that used up the last one in its life. Tokens that are
// not used count as open operations until the next recount, so few of them are taken at once.
func (b *local) nextBatch(now time.Time, burst, maxOpen int) int {
	if now.Before(b.tokensUntil) {
		b.batch = min(2*b.batch, maxBatch, max(1, burst/8))
		if maxOpen > 0 {
			b.batch = min(b.batch, max(1, maxOpen/100))
		}
	} else {
		b.batch = 1
	}
	return b.batch
}

// learn notes the store's answer to a Take.
func (b *local) learn(t Take, taken Taken) (refusal, bool) {
	b.fullAt = taken.FullAt
	if taken.OK {
		b.tokens, b.tokensUntil, b.block = t.Tokens-1, t.Now.Add(tokenLife), 0
		return refusal{}, true
	}
	b.block = min(max(2*b.block, minBlock), maxBlock)
	wait, block := taken.Wait, max(taken.Wait, b.block)
	if taken.Full {
		wait, block = recountEvery, fullBlock
	}
	b.full, b.blockedUntil, b.refusedUntil = taken.Full, t.Now.Add(block), t.Now.Add(max(wait, block))
	return refusal{max(wait, block), taken.Full}, false
}

// local returns the process's state of a bucket. The caller holds the lock.
func (l *Limiter) local(k localKey) *local {
	b := l.locals[k]
	if b == nil {
		if len(l.locals) >= maxLocals {
			clear(l.locals) // the tokens are lost; the store knows everything else
		}
		b = &local{}
		l.locals[k] = b
	}
	return b
}

// ceil returns a/b, rounded up.
func ceil(a, b time.Duration) int { return int((a + b - 1) / b) }
