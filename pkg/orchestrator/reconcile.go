package orchestrator

import (
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/store"
	"context"
	"errors"
	"log/slog"
	"time"
)

// sweepAfter is how long after its creation an operation has to have shown a sign of life.
const reconcileAfter = time.Minute

// ReconcileStore is what Reconcile needs of the store.
type ReconcileStore interface {
	operationReader
	committer
	// Due returns operations whose DueAt is before now, at most limit of them, the longest due first. It may lag behind the last writes.
	Due(ctx context.Context, now time.Time, limit int) ([]operation.Ref, error)
}

// Reconcile finds operations that nothing moves any more, and sets them going: what was stored but never started, and what lost its execution.
type Reconcile struct {
	Store    ReconcileStore
	Workflow Executions
	Deps     Deps
}

// Swept counts what a sweep did.
type ReconcileSummary struct {
	Looked    int `json:"looked"`
	Started   int `json:"started"`
	Restarted int `json:"restarted"`
	Alive     int `json:"alive"`
	Failed    int `json:"failed"`
}

// sweepBatch bounds one sweep; what is left is still due at the next.
const reconcileBatch = 200

// Run sweeps once. One operation's trouble does not keep the others from being looked at.
func (r Reconcile) Run(ctx context.Context) (ReconcileSummary, error) {
	var s ReconcileSummary
	due, err := r.Store.Due(ctx, r.Deps.Now(), reconcileBatch)
	if err != nil {
		return s, err
	}
	for _, ref := range due {
		s.Looked++
		if err := r.reconcileOne(ctx, ref, &s); err != nil {
			s.Failed++
			slog.ErrorContext(ctx, "sweep", "operation", ref.OperationID, "tenant", ref.Tenant, "error", err)
		}
	}
	return s, nil
}

func (r Reconcile) reconcileOne(ctx context.Context, ref operation.Ref, s *ReconcileSummary) error {
	op, err := r.Store.Get(ctx, ref.Tenant, ref.OperationID)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	now := r.Deps.Now().UTC()
	if err != nil || op.DueAt.IsZero() || now.Before(op.DueAt) { // the index lags
		return err
	}
	switch done, err := ensureExecution(ctx, r.Store, r.Workflow, op, func(op *operation.Operation) operation.Event { return op.Restart(now) }); {
	case err != nil:
		return ignoreStale(err)
	case done == ExecutionRestarted:
		s.Restarted++
		return nil
	case done == ExecutionStarted:
		s.Started++
	case done == ExecutionAlive:
		s.Alive++
		if next := nextIfDue(op); next != "" && op.TaskToken != "" { // the signal was lost
			if err := r.Workflow.Wake(ctx, op.TaskToken, next); err != nil {
				return err
			}
		}
	}
	op.ReconcileLater(now)
	return ignoreStale(r.Store.Commit(ctx, operation.Change{Op: op}))
}

// due is what an execution that waits is to do at once, nothing if it may wait on.
func nextIfDue(op operation.Operation) operation.Next {
	switch {
	case op.State.Terminal():
		return operation.NextSettle
	case op.PendingInput() != 0:
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
