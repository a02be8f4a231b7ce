package orchestrator

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"adcp-orchestrator/pkg/operation"
)

// sweepAfter is how long after its creation an operation has to have shown a sign of life.
const sweepAfter = time.Minute

// ReconcileStore is what Reconcile needs of the store.
type ReconcileStore interface {
	operationReader
	committer
	// Due returns operations whose DueAt is before now, at most limit of them, the longest due first. It may lag behind the last writes.
	Due(ctx context.Context, now time.Time, limit int) ([]Ref, error)
}

// Execution is how a workflow execution stands.
type Execution string

// How an execution can stand.
const (
	ExecutionMissing Execution = "missing"
	ExecutionRunning Execution = "running"
	ExecutionOver    Execution = "over" // ended, whatever way
)

// Executions is what Reconcile needs of the workflow.
type Executions interface {
	starter
	Waker
	// Status tells how the execution of an operation's generation stands.
	Status(ctx context.Context, tenant, id string, generation int) (Execution, error)
}

// Reconcile finds operations that nothing moves any more, and sets them going: what was stored but never started, and what lost its execution.
type Reconcile struct {
	Store    ReconcileStore
	Workflow Executions
	Deps     Deps
}

// Swept counts what a sweep did.
type Swept struct {
	Looked    int `json:"looked"`
	Started   int `json:"started"`
	Restarted int `json:"restarted"`
	Alive     int `json:"alive"`
	Failed    int `json:"failed"`
}

// sweepBatch bounds one sweep; what is left is still due at the next.
const sweepBatch = 200

// Run sweeps once. One operation's trouble does not keep the others from being looked at.
func (r Reconcile) Run(ctx context.Context) (Swept, error) {
	var s Swept
	due, err := r.Store.Due(ctx, r.Deps.Now(), sweepBatch)
	if err != nil {
		return s, err
	}
	for _, ref := range due {
		s.Looked++
		if err := r.look(ctx, ref, &s); err != nil {
			s.Failed++
			slog.ErrorContext(ctx, "sweep", "operation", ref.ID, "tenant", ref.Tenant, "error", err)
		}
	}
	return s, nil
}

func (r Reconcile) look(ctx context.Context, ref Ref, s *Swept) error {
	op, err := r.Store.Get(ctx, ref.Tenant, ref.ID)
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	now := r.Deps.Now().UTC()
	if err != nil || op.DueAt.IsZero() || now.Before(op.DueAt) { // the index lags
		return err
	}
	switch done, err := revive(ctx, r.Store, r.Workflow, op, func(op *operation.Operation) operation.Event { return op.Restart(now) }); {
	case err != nil:
		return ignoreStale(err)
	case done == Restarted:
		s.Restarted++
		return nil
	case done == Started:
		s.Started++
	case done == Alive:
		s.Alive++
		if next := due(op); next != "" && op.TaskToken != "" { // the signal was lost
			if err := r.Workflow.Wake(ctx, op.TaskToken, next); err != nil {
				return err
			}
		}
	}
	op.Defer(now)
	return ignoreStale(r.Store.Commit(ctx, operation.Change{Op: op}))
}

// due is what an execution that waits is to do at once, nothing if it may wait on.
func due(op operation.Operation) operation.Next {
	switch {
	case op.State.Terminal():
		return operation.Settle
	case op.Resuming() != 0:
		return operation.PollIt
	}
	return ""
}

// ignoreStale: an operation that changes is alive.
func ignoreStale(err error) error {
	if errors.Is(err, ErrStale) {
		return nil
	}
	return err
}
