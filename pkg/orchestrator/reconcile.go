package orchestrator

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"adcp-orchestrator/pkg/breaker"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/store"
)

// reconcileAfter is how long after its creation an operation must have shown a sign of life.
const reconcileAfter = time.Minute

// ReconcileStore is what Reconcile needs of the store.
type ReconcileStore interface {
	operations
	// Due returns operations that stand in the reconciler's index before now: at most limit of them, a
	// fair share of each tenant's, the longest due first. It may lag behind the last writes.
	Due(ctx context.Context, now time.Time, limit int) (operation.DueList, error)
	// MoveDue moves an operation in the index and changes nothing else of it. It returns
	// store.ErrStale if the operation is not stored as it was read.
	MoveDue(ctx context.Context, op operation.Operation, at time.Time) error
	// PutOff moves an operation in the index after a look that failed: by operation.PutOff of how many
	// have failed in a row. It works for an operation that can't be written.
	PutOff(ctx context.Context, r operation.Ref, now time.Time) error
}

// Reconcile finds operations that nothing moves any more, and continues them: those whose execution
// never started or is over, and those whose signal was lost.
type Reconcile struct {
	Store    ReconcileStore
	Workflow Executions
	Deps     Deps
	// Breaker knows the gates whose lines are to be looked at; nil for none.
	Breaker *breaker.Breaker
	// Pace spaces the calls of the workflow service; nil does not.
	Pace *Pace
	// Queue is the queue of starts; nil for none. NewOwner names a run that drains it. Kick lets the
	// next Drain run soon.
	Queue    StartQueueStore
	NewOwner func() string
	Kick     func(ctx context.Context) error
	// Parallel is how many operations are looked at at once. Below 2 they are looked at one after the
	// other, in the caller's goroutine.
	Parallel int
	// Record, if set, gets the summary of each run.
	Record func(ReconcileSummary)
}

// ReconcileSummary says what a run did, and what it left.
type ReconcileSummary struct {
	Looked    int `json:"looked"`
	Started   int `json:"started"`
	Restarted int `json:"restarted"`
	Alive     int `json:"alive"`
	Failed    int `json:"failed"`
	Admitted  int `json:"admitted"` // from lines
	// OldestDueSeconds is how long the operation that waited longest was due.
	OldestDueSeconds int64 `json:"oldest_due_seconds"`
	// Backlog is how many operations that are due the run has not looked at.
	Backlog int `json:"backlog"`
	// Drained is how many queued operations were started, and QueueSeconds how long the first of them
	// had waited.
	Drained      int   `json:"drained"`
	QueueSeconds int64 `json:"queue_seconds"`
}

// The metrics that alarms watch.
const (
	MetricReconcileFailed    = "ReconcileFailed"
	MetricReconcileOldestDue = "ReconcileOldestDueSeconds"
	MetricStartQueue         = "StartQueueSeconds"
)

// Metrics returns the summary as values of metrics by their names.
func (s ReconcileSummary) Metrics() map[string]int64 {
	return map[string]int64{
		"ReconcileLooked":        int64(s.Looked),
		"ReconcileStarted":       int64(s.Started),
		"ReconcileRestarted":     int64(s.Restarted),
		"ReconcileAlive":         int64(s.Alive),
		MetricReconcileFailed:    int64(s.Failed),
		MetricReconcileOldestDue: s.OldestDueSeconds,
		"ReconcileBacklog":       int64(s.Backlog),
		"ReconcileAdmitted":      int64(s.Admitted),
		"StartQueueDrained":      int64(s.Drained),
		MetricStartQueue:         s.QueueSeconds,
	}
}

const (
	// reconcileBatch is how many operations one round looks at. Then the index is read again: another
	// tenant's operation waits for one round at most.
	reconcileBatch = 2000
	// reconcileMargin is how long before the end of its time a run begins no further look, and
	// abandonMargin when it abandons those that it has begun: they stay due.
	reconcileMargin = 10 * time.Second
	abandonMargin   = 4 * time.Second
)

// Run looks at the operations that are due, round after round, until none is left or the time of
// ctx is nearly over. Before each round it starts the first operations of the queue of starts. A
// fault of one operation does not keep the others from being looked at. Run returns an error if it
// can't find out what is due, and if every look has failed: then the fault is no operation's.
func (r Reconcile) Run(ctx context.Context) (ReconcileSummary, error) {
	return r.run(ctx, (*reconcileRun).rounds)
}

func (r Reconcile) run(ctx context.Context, do func(*reconcileRun, context.Context) error) (ReconcileSummary, error) {
	run := &reconcileRun{Reconcile: r, seen: map[operation.Ref]bool{}, queued: map[operation.Ref]bool{}}
	run.Workflow = pacedExecutions{r.Workflow, r.Pace}
	if r.NewOwner != nil {
		run.owner = r.NewOwner()
	}
	work, cancel := run.begin(ctx)
	defer cancel()
	err := do(run, work)
	s := run.summary
	if err == nil && s.Failed > 0 && s.Failed == s.Looked {
		err = fmt.Errorf("reconcile: all of %d looks failed", s.Looked)
	}
	slog.InfoContext(ctx, "reconciled", "looked", s.Looked, "started", s.Started, "restarted", s.Restarted,
		"alive", s.Alive, "failed", s.Failed, "oldest_due_seconds", s.OldestDueSeconds, "backlog", s.Backlog,
		"drained", s.Drained, "queue_seconds", s.QueueSeconds)
	if r.Record != nil {
		r.Record(s)
	}
	return s, err
}

// reconcileOne looks at one operation. The result is empty if there was nothing to do. The
// operation is returned as it was read.
func (r Reconcile) reconcileOne(ctx context.Context, ref operation.Ref) (
	op operation.Operation, result RedriveResult, err error) {
	op, err = r.Store.Get(ctx, ref.Tenant, ref.OperationID)
	if errors.Is(err, store.ErrNotFound) {
		return op, "", nil
	}
	now := r.Deps.Now().UTC()
	switch {
	case err != nil || op.LooksAt().IsZero() || now.Before(op.IndexedAt): // the index lags
		return op, "", err
	case now.Before(op.LooksAt()): // it stood early in the index
		return op, "", ignoreStale(r.Store.MoveDue(ctx, op, op.LooksAt()))
	}
	result, err = ensureExecution(ctx, r.Store, r.Workflow, op,
		func(op *operation.Operation) operation.Event { return op.Restart(now) })
	if err != nil || result == ExecutionRestarted {
		return op, result, ignoreStale(err)
	}
	if next := nextIfDue(op, now); next != "" && result != ExecutionRestarted { // the signal was lost
		if err := wakeNow(ctx, r.Workflow, op, next); err != nil {
			return op, "", err
		}
	}
	return op, result, ignoreStale(r.Store.MoveDue(ctx, op, operation.AliveUntil(now)))
}

// nextIfDue is what a waiting execution has to do at once, "" if it may wait on.
func nextIfDue(op operation.Operation, now time.Time) operation.Next {
	switch {
	case op.State.Terminal():
		return operation.NextSettle
	case op.Braked():
		return ""
	case op.Signal != "":
		return op.Signal
	case op.PendingInput() != 0:
		return operation.NextPoll
	case op.HasSlot(now) && op.NeedsCall():
		return operation.NextRetry
	case op.HasSlot(now):
		return operation.NextPoll
	}
	return ""
}

// ignoreStale: an operation that changes is alive.
func ignoreStale(err error) error {
	if errors.Is(err, store.ErrStale) {
		return nil
	}
	return err
}
