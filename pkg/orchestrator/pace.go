package orchestrator

import (
	"context"
	"errors"
	"sync"
	"time"
)

// Pace spaces the calls of a service whose quota is shared with others, and differs between
// regions: StartExecution has 300 calls a second, with a bucket of 1,300, in some, 150 and 800 in
// the others. It grows faster while nothing is throttled, and halves its rate when something is.
type Pace struct {
	now func() time.Time

	mu                sync.Mutex
	rate, tokens      float64 // calls per second, calls that may be made at once
	filledAt, slowsAt time.Time
}

const (
	minRate  = 5   // calls per second
	maxRate  = 250 // leaves the submissions some of the larger quota
	rateGain = 10  // calls per second, in each second
	maxBurst = 100 // calls
)

// NewPace returns a pace that begins at a rate which every region allows.
func NewPace(now func() time.Time) *Pace {
	return &Pace{now: now, rate: 100, tokens: maxBurst, filledAt: now()}
}

// do makes a call when its turn comes, and again while it is throttled. It returns the error of ctx
// if its time is over first.
func (p *Pace) do(ctx context.Context, call func() error) error {
	if p == nil {
		return call()
	}
	for {
		if err := p.wait(ctx); err != nil {
			return err
		}
		err := call()
		if !errors.Is(err, ErrThrottled) {
			return err
		}
		p.throttled()
	}
}

// wait takes a token, or waits for one.
func (p *Pace) wait(ctx context.Context) error {
	for {
		d := p.take()
		if d <= 0 {
			return ctx.Err()
		}
		timer := time.NewTimer(d)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		}
	}
}

// take takes a token, or returns how long it takes until there is one.
func (p *Pace) take() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.now()
	seconds := max(0, now.Sub(p.filledAt).Seconds())
	p.filledAt = now
	p.tokens = min(maxBurst, p.tokens+p.rate*seconds)
	p.rate = min(maxRate, p.rate+rateGain*min(seconds, 1)) // a pause is no reason to be faster
	if p.tokens >= 1 {
		p.tokens--
		return 0
	}
	return max(1, time.Duration((1-p.tokens)/p.rate*float64(time.Second))) // a rounded-off wait is one as well
}

// throttled slows down, once for calls that were made at the same time.
func (p *Pace) throttled() {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.now()
	p.tokens = 0
	if now.Before(p.slowsAt) {
		return
	}
	p.rate, p.slowsAt = max(minRate, p.rate/2), now.Add(time.Second)
}

// pacedExecutions are executions that are started at a pace.
type pacedExecutions struct {
	Executions
	pace *Pace
}

// Start starts an execution when its turn comes.
func (p pacedExecutions) Start(ctx context.Context, tenant, id string, generation int) error {
	return p.pace.do(ctx, func() error { return p.Executions.Start(ctx, tenant, id, generation) })
}

// Ensure starts an execution when its turn comes, unless there is one.
func (p pacedExecutions) Ensure(ctx context.Context, tenant, id string, generation int) (found Execution, err error) {
	err = p.pace.do(ctx, func() (err error) {
		found, err = p.Executions.Ensure(ctx, tenant, id, generation)
		return err
	})
	return found, err
}

// Wake wakes an execution when its turn comes.
func (p pacedExecutions) Wake(ctx context.Context, token string, w Wakeup) error {
	return p.pace.do(ctx, func() error { return p.Executions.Wake(ctx, token, w) })
}
