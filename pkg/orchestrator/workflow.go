package orchestrator

import (
	"adcp-orchestrator/pkg/operation"
	"context"
)

// starter starts workflow executions.
type starter interface {
	// Start starts the execution of an operation's generation. Starting one that was started before is no error.
	Start(ctx context.Context, tenant, id string, generation int) error
}

// Waker ends an execution's wait.
type Waker interface {
	// Wake tells the execution that armed the token where to go next. An execution that waits no more is no error.
	Wake(ctx context.Context, token string, next operation.Next) error
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
