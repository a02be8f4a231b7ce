package orchestrator

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/store"
)

// reconcileAfter is how long after its creation an operation must have shown a sign of life.
const reconcileAfter = time.Minute

// ReconcileStore is what Reconcile needs of the store.
type ReconcileStore interface {
	operations
	// Due returns operations whose DueAt is before now, at most limit of them, the longest due first.
	// It may lag behind the last writes.
	Due(ctx context.Context, now time.Time, limit int) ([]operation.Ref, error)
}

// Reconcile finds operations that nothing moves any more, and continues them: those whose execution
// never started or is over, and those whose signal was lost.
type Reconcile struct {
	Store    ReconcileStore
	Workflow Executions
	Deps     Deps
}

// ReconcileSummary counts what a run did.
type ReconcileSummary struct {
	Looked    int `json:"looked"`
	Started   int `json:"started"`
	Restarted int `json:"restarted"`
	Alive     int `json:"alive"`
	Failed    int `json:"failed"`
}

// reconcileBatch bounds one run; what is left is still due at the next.
const reconcileBatch = 200

// Run looks at the operations that are due, once. A fault of one operation does not keep the others
// from being looked at.
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
			slog.ErrorContext(ctx, "operation not reconciled", "operation_id", ref.OperationID, "tenant", ref.Tenant,
				"error", err)
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
	result, err := ensureExecution(ctx, r.Store, r.Workflow, op,
		func(op *operation.Operation) operation.Event { return op.Restart(now) })
	if err != nil {
		return ignoreStale(err)
	}
	switch result {
	case ExecutionRestarted:
		s.Restarted++
		return nil
	case ExecutionStarted:
		s.Started++
	case ExecutionAlive:
		s.Alive++
		if next := nextIfDue(op); next != "" { // the signal was lost
			if err := wakeNow(ctx, r.Workflow, op, next); err != nil {
				return err
			}
		}
	}
	op.ReconcileLater(now)
	return ignoreStale(r.Store.Commit(ctx, operation.Change{Op: op}))
}

// nextIfDue is what a waiting execution has to do at once, "" if it may wait on.
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
