package orchestrator

import (
	"context"

	"adcp-orchestrator/pkg/operation"
)

// Starter starts workflow executions.
type Starter interface {
	// Start starts the execution of an operation's generation. Starting one again is no error.
	Start(ctx context.Context, tenant, id string, generation int) error
}

// Waker ends an execution's wait.
type Waker interface {
	// Wake tells the execution that armed the token where to go next. An execution that no longer
	// waits is no error.
	Wake(ctx context.Context, token string, next operation.Next) error
}

// Execution is the state of a workflow execution.
type Execution string

// The states of an execution.
const (
	ExecutionMissing Execution = "missing"
	ExecutionRunning Execution = "running"
	ExecutionOver    Execution = "over" // ended, in whatever way
)

// Executions starts, wakes and observes workflow executions.
type Executions interface {
	Starter
	Waker
	// Status returns the state of the execution of an operation's generation.
	Status(ctx context.Context, tenant, id string, generation int) (Execution, error)
}

// wakeNow wakes an operation's execution, if it waits, to do next.
func wakeNow(ctx context.Context, w Waker, op operation.Operation, next operation.Next) error {
	if op.TaskToken == "" {
		return nil
	}
	return w.Wake(ctx, op.TaskToken, next)
}
