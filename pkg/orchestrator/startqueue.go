package orchestrator

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"adcp-orchestrator/pkg/operation"
)

const (
	// MaxStartDelay is the age of the oldest waiting start from which no new operation is accepted.
	// What is accepted until then starts within a minute even if three times as many submissions come
	// as Step Functions starts.
	MaxStartDelay = 15 * time.Second
	// throttledFor is how long a process that was throttled asks for the queue before it starts
	// anything, and queueKnownFor how long it trusts the answer.
	throttledFor  = time.Minute
	queueKnownFor = time.Second
	// kickEvery is how often a process calls for the queue's drain. Drains last longer (drainLinger).
	kickEvery = 5 * time.Second
)

// StartQueueStore keeps the queue of operations whose execution could not be started at once.
type StartQueueStore interface {
	// QueueStart puts an operation into the queue, if it is stored as it was read and does not stand
	// there already; else it returns store.ErrStale. The operation leaves the queue with the first
	// change of its execution, or by MoveDue.
	QueueStart(ctx context.Context, op operation.Operation, since time.Time) error
	// Queued returns the operations in the queue, the oldest first, at most limit of them. It may lag
	// behind the last writes.
	Queued(ctx context.Context, limit int) (operation.DueList, error)
	// Lease takes or extends a lease until a time, and returns false while another owner has it. A
	// time that is over gives it back.
	Lease(ctx context.Context, name, owner string, until time.Time) (bool, error)
}

// QueueFullError says that operations wait too long for their start to accept another one. Nothing
// was stored; the same request may be made again later.
type QueueFullError struct{ RetryAfter time.Duration }

func (e *QueueFullError) Error() string {
	return fmt.Sprintf("the oldest operation waits for its start for more than %s", MaxStartDelay)
}

// StartedByDrain is the Starter of functions that can't start executions: their starts are queued.
type StartedByDrain struct{}

// Start returns ErrThrottled.
func (StartedByDrain) Start(context.Context, string, string, int) error { return ErrThrottled }

// StartQueue starts executions, or queues them when Step Functions starts no more. One process
// shares one StartQueue. A process that was never throttled does not read the queue.
type StartQueue struct {
	Store StartQueueStore
	// Kick lets Reconcile.Drain run soon. It may be lost: the queue is drained every minute anyway.
	Kick func(ctx context.Context) error
	Now  func() time.Time

	mu                            sync.Mutex
	throttledAt, readAt, kickedAt time.Time
	oldestAt                      time.Time // of the queue, at readAt; zero if it was empty
}

// admit returns a *QueueFullError if the queue takes no new operation.
func (q *StartQueue) admit(ctx context.Context) error {
	if q == nil {
		return nil
	}
	oldest, now := q.oldest(ctx), q.Now()
	if !oldest.IsZero() && now.Sub(oldest) >= MaxStartDelay {
		q.kick(ctx) // nobody else may do so while all are refused
		return &QueueFullError{RetryAfter: MaxStartDelay}
	}
	return nil
}

// start starts the execution of an operation, or queues it behind those that wait. It returns an
// error if it did neither; then the reconciler starts it.
func (q *StartQueue) start(ctx context.Context, w Starter, op operation.Operation) error {
	if q == nil || q.oldest(ctx).IsZero() {
		err := w.Start(ctx, op.Tenant, op.ID, op.Generation)
		if q == nil || !errors.Is(err, ErrThrottled) {
			return err
		}
		q.mu.Lock()
		q.throttledAt = q.Now()
		q.mu.Unlock()
	}
	if err := ignoreStale(q.Store.QueueStart(ctx, op, q.Now())); err != nil {
		return fmt.Errorf("queue start: %w", err)
	}
	q.kick(ctx)
	return nil
}

// oldest returns since when the queue's first operation waits, as far as this process has reason to
// ask: zero if it was not throttled lately, or if nothing waits. A queue that can't be read refuses
// nobody.
func (q *StartQueue) oldest(ctx context.Context) time.Time {
	q.mu.Lock()
	defer q.mu.Unlock()
	now := q.Now()
	switch {
	case q.throttledAt.IsZero() || now.Sub(q.throttledAt) > throttledFor:
		return time.Time{}
	case now.Sub(q.readAt) < queueKnownFor:
		return q.oldestAt
	}
	list, err := q.Store.Queued(ctx, 1)
	if err != nil {
		return time.Time{}
	}
	q.readAt, q.oldestAt = now, list.OldestAt
	if !q.oldestAt.IsZero() {
		q.throttledAt = now
	}
	return q.oldestAt
}

// kick calls for the drain of the queue, unless this process has just done so.
func (q *StartQueue) kick(ctx context.Context) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if now := q.Now(); q.Kick != nil && now.Sub(q.kickedAt) >= kickEvery {
		if err := q.Kick(ctx); err != nil {
			slog.WarnContext(ctx, "the queue of starts is left to the next scheduled run", "error", err)
			return
		}
		q.kickedAt = now
	}
}
