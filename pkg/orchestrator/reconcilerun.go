package orchestrator

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"adcp-orchestrator/pkg/operation"
)

// reconcileRun is one run of Reconcile.
type reconcileRun struct {
	Reconcile
	until time.Time // no look begins from then on; zero for no limit
	// seen are the operations that the run has looked at. The index lags, and shows them again.
	seen map[operation.Ref]bool
	// queued are the operations of the queue of starts that the run has started. The run has the
	// queue's lease if leased, as owner.
	queued   map[operation.Ref]bool
	owner    string
	leased   bool
	refusals int // of the lease, in a row
	// queueFault is the last error of reading the queue.
	queueFault error

	mu      sync.Mutex
	summary ReconcileSummary
}

// begin sets the run's time by the deadline of ctx.
func (run *reconcileRun) begin(ctx context.Context) (context.Context, context.CancelFunc) {
	deadline, ok := ctx.Deadline()
	if !ok {
		return ctx, func() {}
	}
	run.until = deadline.Add(-reconcileMargin)
	return context.WithDeadline(ctx, deadline.Add(-abandonMargin))
}

// over reports whether the run's time is over.
func (run *reconcileRun) over() bool { return !run.until.IsZero() && !run.Deps.Now().Before(run.until) }

// rounds looks at what is due until nothing is left, or the time is over.
func (run *reconcileRun) rounds(ctx context.Context) error {
	defer run.releaseQueue(ctx)
	run.admitFromLines(ctx)
	for !run.over() {
		starts := run.drain(ctx)
		now := run.Deps.Now()
		list, err := run.Store.Due(ctx, now, reconcileBatch+len(run.seen))
		if err != nil {
			return err
		}
		if !list.OldestAt.IsZero() {
			run.dueSince(list.OldestAt, now)
		}
		known := len(run.seen)
		fresh := firstUnseen(run.seen, list.Refs, reconcileBatch)
		for _, ref := range fresh {
			run.seen[ref] = true
		}
		looked := run.each(ctx, fresh, run.look)
		run.summary.Backlog = max(0, list.Total-min(known, list.Total)-looked)
		if len(fresh) < reconcileBatch && starts < drainBatch {
			break
		}
	}
	return run.queueFault
}

// drain starts the first operations of the queue of starts, if there is one. A queue that can't be
// read does not keep the reconciler from what is due.
func (run *reconcileRun) drain(ctx context.Context) int {
	if run.Queue == nil {
		return 0
	}
	n, err := run.drainOnce(ctx)
	if err != nil {
		run.queueFault = err
	}
	return n
}

// firstUnseen returns the first of the operations that are not among those seen, each once.
func firstUnseen(seen map[operation.Ref]bool, refs []operation.Ref, limit int) (fresh []operation.Ref) {
	twice := map[operation.Ref]bool{}
	for _, ref := range refs {
		if !seen[ref] && !twice[ref] && len(fresh) < limit {
			twice[ref] = true
			fresh = append(fresh, ref)
		}
	}
	return fresh
}

// each does something with operations, some at once, until the time is over, and returns with how
// many it did.
func (run *reconcileRun) each(ctx context.Context, refs []operation.Ref,
	do func(context.Context, operation.Ref)) (n int) {
	if run.Parallel < 2 {
		for ; n < len(refs) && !run.over(); n++ {
			do(ctx, refs[n])
		}
		return n
	}
	next := make(chan operation.Ref)
	var wg sync.WaitGroup
	for range run.Parallel {
		wg.Go(func() {
			for ref := range next {
				do(ctx, ref)
			}
		})
	}
	for ; n < len(refs) && !run.over(); n++ {
		next <- refs[n]
	}
	close(next)
	wg.Wait()
	return n
}

// look looks at one operation, counts it, and puts it off if the look failed.
func (run *reconcileRun) look(ctx context.Context, ref operation.Ref) {
	op, result, err := run.reconcileOne(ctx, ref)
	if err != nil && ctx.Err() != nil { // the time is over: the operation stays due
		return
	}
	now := run.Deps.Now()
	run.count(result, err)
	if err == nil {
		return
	}
	if at := op.LooksAt(); !at.IsZero() { // in the index it may have been put off before
		run.dueSince(at, now)
	}
	run.putOff(ctx, ref, "operation not reconciled", err)
}

// putOff logs why a look has failed, and leaves the operation alone for a while.
func (run *reconcileRun) putOff(ctx context.Context, ref operation.Ref, message string, err error) {
	log := slog.With("operation_id", ref.OperationID, "tenant", ref.Tenant)
	log.ErrorContext(ctx, message, "error", err)
	if err := run.Store.PutOff(ctx, ref, run.Deps.Now()); err != nil {
		log.ErrorContext(ctx, "operation not put off", "error", err)
	}
}

func (run *reconcileRun) count(result RedriveResult, err error) {
	run.mu.Lock()
	defer run.mu.Unlock()
	s := &run.summary
	s.Looked++
	switch {
	case err != nil:
		s.Failed++
	case result == ExecutionStarted:
		s.Started++
	case result == ExecutionRestarted:
		s.Restarted++
	case result == ExecutionAlive:
		s.Alive++
	}
}

// dueSince records that an operation was due at a time.
func (run *reconcileRun) dueSince(at, now time.Time) {
	run.mu.Lock()
	defer run.mu.Unlock()
	run.summary.OldestDueSeconds = max(run.summary.OldestDueSeconds, int64(now.Sub(at)/time.Second))
}

// linesTime bounds what a run does for lines, so that its looks are not late.
const linesTime = 15 * time.Second

// admitFromLines looks at the lines of gates that are due. A fault is logged: the next run looks
// again.
func (run *reconcileRun) admitFromLines(ctx context.Context) {
	if run.Breaker == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, linesTime)
	defer cancel()
	admit := Admit{run.Store, run.Breaker, run.Workflow, run.Deps}
	admitted, err := admit.Lines(ctx)
	run.summary.Admitted = admitted
	if err != nil {
		slog.ErrorContext(ctx, "not all lines were looked at", "error", err)
	}
}
