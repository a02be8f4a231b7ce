package orchestrator

import (
	"cmp"
	"context"
	"errors"
	"time"

	"adcp-orchestrator/pkg/breaker"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/store"
)

// RedriveResult is what was done about an operation's execution.
type RedriveResult string

// What can be done about an execution.
const (
	ExecutionAlive     RedriveResult = "alive"     // it runs: nothing
	ExecutionStarted   RedriveResult = "started"   // it had never started
	ExecutionRestarted RedriveResult = "restarted" // it was over; the next generation runs
	ExecutionSettled   RedriveResult = "settled"   // the end is published: nothing is left to do
)

// ensureExecution makes sure that an operation has an execution. begin begins its next generation,
// which is stored first and started then. A crash in between leaves a missing generation, and
// starting one twice is no error. It returns store.ErrStale if the operation changed meanwhile:
// then it is alive, or has to be looked at again.
func ensureExecution(ctx context.Context, s committer, w Executions, op operation.Operation,
	begin func(*operation.Operation) operation.Event) (RedriveResult, error) {
	found, err := w.Ensure(ctx, op.Tenant, op.ID, op.Generation)
	if err != nil {
		return "", err
	}
	switch found {
	case ExecutionRunning:
		return ExecutionAlive, nil
	case ExecutionMissing:
		return ExecutionStarted, nil
	}
	c := operation.Change{}
	if e := begin(&op); e.Kind != "" {
		c.Events = []operation.Event{e}
	}
	c.Op = op
	if err := s.Commit(ctx, c); err != nil {
		return "", err
	}
	return ExecutionRestarted, w.Start(ctx, op.Tenant, op.ID, op.Generation)
}

// Redrive is what a person does about an operation that stands still, or that is no longer polled.
type Redrive struct {
	Store    operations
	Workflow Executions
	// Breaker is told that the agent is back.
	Breaker *breaker.Breaker
	Deps    Deps
}

// Run makes sure that the operation is followed from now on: a waiting execution calls or polls at
// once, whatever it waits for, one that never started is started, one that is over is followed by
// the next generation's. An open circuit probes at once. However often it is repeated, one
// execution runs. A pause stands. It returns store.ErrNotFound, a *VersionMismatchError, or an
// *operation.ActRefusedError if it was redriven less than a minute ago.
func (r Redrive) Run(ctx context.Context, tenant, id string, by Act) (operation.Operation, RedriveResult, error) {
	resumed := false
	for {
		op, err := r.Store.Get(ctx, tenant, id)
		if err != nil {
			return operation.Operation{}, "", err
		}
		if !op.PublishedAt.IsZero() && !op.AwaitsSnapshot() && !op.CancelDue() {
			return op, ExecutionSettled, nil
		}
		now := r.Deps.Now().UTC()
		if !resumed {
			if err := cmp.Or(by.checkVersion(op), op.MayRedrive(now)); err != nil {
				return op, "", err
			}
		}
		if op, err = r.resume(ctx, op, now, by); errors.Is(err, store.ErrStale) && ctx.Err() == nil {
			continue
		} else if err != nil {
			return op, "", err
		}
		resumed = true
		result, err := ensureExecution(ctx, r.Store, r.Workflow, op,
			func(op *operation.Operation) operation.Event { return by.signed(op.Redrive(now)) })
		if errors.Is(err, store.ErrStale) && ctx.Err() == nil {
			continue
		}
		if err != nil {
			return op, "", err
		}
		switch result {
		case ExecutionAlive, ExecutionStarted: // or it was started seconds ago, and waits already
			err = wakeNow(ctx, r.Workflow, op, r.next(op))
		case ExecutionRestarted:
			op, err = r.Store.Get(ctx, tenant, id)
		}
		return op, result, err
	}
}

// next is what a waiting execution does at once.
func (r Redrive) next(op operation.Operation) operation.Next {
	if next := nextIfDue(op, r.Deps.Now().UTC()); next != "" {
		return next
	}
	if op.NeedsCall() {
		return operation.NextRetry
	}
	return operation.NextPoll
}

// resume stores that an operation goes on that had stopped, or waits. It comes before the signal:
// an execution that is alive, or that Step Functions has forgotten, would stop or wait at once
// again.
func (r Redrive) resume(ctx context.Context, op operation.Operation, now time.Time, by Act) (
	operation.Operation, error) {
	switch {
	case op.AwaitsSnapshot():
		op.HurrySnapshot(now)
		return op, r.Store.Commit(ctx, operation.Change{Op: op})
	case op.State.Terminal():
		return op, nil
	}
	if err := r.Breaker.Hurry(ctx, op.Tenant, agentOf(op).CircuitKey()); err != nil {
		opLog(op).WarnContext(ctx, "the circuit is not hurried", "error", err)
	}
	resumed := op
	e := resumed.Resume(now)
	return resumed, r.Store.Commit(ctx, operation.Change{Op: resumed, Events: []operation.Event{by.signed(e)}})
}
