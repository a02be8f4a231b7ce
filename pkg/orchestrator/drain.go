package orchestrator

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/store"
)

const (
	drainLease = "start-queue"
	// drainBatch is how many starts one round makes, and drainLeaseFor for how long it reserves them.
	drainBatch    = 200
	drainLeaseFor = 20 * time.Second
	// drainLinger is how long a drain waits for more after the last start: longer than processes wait
	// until they kick again, and than the index lags.
	drainLinger = 2 * kickEvery
	drainPause  = time.Second
	// drainRefusals is how often a drain asks for the lease that another one has. That one looks for
	// more as well.
	drainRefusals = 3
)

// Drain starts the operations in the queue of starts, in their order, until it has been empty for a
// while or the time of ctx is nearly over; then it calls for the next drain. Only one drain works
// at a time, so that starts keep their order and the quota is not wasted; two would do no harm.
func (r Reconcile) Drain(ctx context.Context) (ReconcileSummary, error) {
	return r.run(ctx, (*reconcileRun).drainAll)
}

// Handle is Drain if the run was called for that, else Run.
func (r Reconcile) Handle(ctx context.Context, drain bool) (ReconcileSummary, error) {
	if drain {
		return r.Drain(ctx)
	}
	return r.Run(ctx)
}

// drainAll drains the queue until it stays empty.
func (run *reconcileRun) drainAll(ctx context.Context) error {
	defer run.handOver(ctx)
	for busyAt := run.Deps.Now(); !run.over() && run.Deps.Now().Sub(busyAt) < drainLinger; {
		n, err := run.drainOnce(ctx)
		if err != nil {
			return err
		}
		if n > 0 {
			busyAt = run.Deps.Now()
		} else if run.refusals >= drainRefusals || pause(ctx, drainPause) != nil {
			return nil
		}
	}
	return nil
}

// drainOnce starts the first operations of the queue, and returns how many there were. There are
// none for a run that does not have the lease.
func (run *reconcileRun) drainOnce(ctx context.Context) (int, error) {
	list, err := run.Queue.Queued(ctx, drainBatch+len(run.queued))
	if err != nil {
		return 0, err
	}
	fresh := firstUnseen(run.queued, list.Refs, drainBatch)
	if len(fresh) == 0 {
		return 0, nil
	}
	now := run.Deps.Now()
	run.summary.QueueSeconds = max(run.summary.QueueSeconds, int64(now.Sub(list.OldestAt)/time.Second))
	held, err := run.Queue.Lease(ctx, drainLease, run.owner, now.Add(drainLeaseFor))
	if err != nil || !held {
		run.refusals++
		return 0, err
	}
	run.leased, run.refusals = true, 0
	n := run.each(ctx, fresh, run.startQueued)
	for _, ref := range fresh[:n] {
		run.queued[ref] = true
	}
	return n, nil
}

// handOver ends a drain. If its time was over while it had the queue, the next one goes on.
func (run *reconcileRun) handOver(ctx context.Context) {
	goOn := run.leased && run.over() && run.Kick != nil
	run.releaseQueue(ctx)
	if !goOn {
		return
	}
	if err := run.Kick(ctx); err != nil {
		slog.WarnContext(ctx, "the queue of starts is left to the next scheduled run", "error", err)
	}
}

// releaseQueue lets another run drain the queue.
func (run *reconcileRun) releaseQueue(ctx context.Context) {
	if !run.leased {
		return
	}
	run.leased = false
	if _, err := run.Queue.Lease(ctx, drainLease, run.owner, run.Deps.Now().Add(-time.Second)); err != nil {
		slog.WarnContext(ctx, "the queue's lease ends by itself", "error", err)
	}
}

// startQueued starts the execution of a queued operation, and takes it out of the queue. If it dies
// in between, starting it again is no error.
func (run *reconcileRun) startQueued(ctx context.Context, ref operation.Ref) {
	err := func() error {
		op, err := run.Store.Get(ctx, ref.Tenant, ref.OperationID)
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		now := run.Deps.Now().UTC()
		if op.State != operation.Requested { // the index lags, or the execution was faster
			if op.DueAt.IsZero() || !op.IndexedAt.IsZero() {
				return nil
			}
			return ignoreStale(run.Store.MoveDue(ctx, op, op.DueAt))
		}
		if !op.IndexedAt.IsZero() { // it has left the queue
			return nil
		}
		if err := run.Workflow.Start(ctx, op.Tenant, op.ID, op.Generation); err != nil {
			return err
		}
		return ignoreStale(run.Store.MoveDue(ctx, op, operation.AliveUntil(now)))
	}()
	if err != nil && ctx.Err() != nil { // the time is over: it stays in the queue
		return
	}
	run.countStart(err)
	if err != nil {
		run.putOff(ctx, ref, "queued operation not started", err)
	}
}

func (run *reconcileRun) countStart(err error) {
	run.mu.Lock()
	defer run.mu.Unlock()
	run.summary.Looked++
	if err != nil {
		run.summary.Failed++
		return
	}
	run.summary.Drained++
}

// pause waits, or returns the error of ctx.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
