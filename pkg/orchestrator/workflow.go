package orchestrator

import (
	"context"
	"errors"
	"time"

	"adcp-orchestrator/pkg/operation"
)

// ErrThrottled says that the workflow service takes no call at the moment. Nothing was done, and
// the call may be made again later.
var ErrThrottled = errors.New("the workflow service takes no more calls at the moment")

// Starter starts workflow executions.
type Starter interface {
	// Start starts the execution of an operation's generation. Starting one again is no error. It
	// returns ErrThrottled.
	Start(ctx context.Context, tenant, id string, generation int) error
}

// Waker ends an execution's wait.
type Waker interface {
	// Wake tells the execution that armed the token what to do next. An execution that no longer waits
	// is no error.
	Wake(ctx context.Context, token string, w Wakeup) error
}

// Wakeup is what a waiting execution is told.
type Wakeup struct {
	Next operation.Next `json:"next"`
	// Delay is how many seconds it waits before it does that, 0 for none. Version is the operation's
	// present one: by it the execution waits.
	Delay   int   `json:"delay"`
	Version int64 `json:"version"`
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
	// Ensure starts the execution of an operation's generation unless there is one, and returns what
	// there was: if ExecutionMissing, it was started. Asking and starting are one call, because Step
	// Functions allows twenty times as many starts as questions. It returns ErrThrottled.
	Ensure(ctx context.Context, tenant, id string, generation int) (Execution, error)
}

// wakeNow wakes an operation's execution, if it waits, to do next.
func wakeNow(ctx context.Context, w Waker, op operation.Operation, next operation.Next) error {
	if op.TaskToken == "" {
		return nil
	}
	return w.Wake(ctx, op.TaskToken, Wakeup{Next: next, Version: op.Version})
}

// wakeAt wakes an operation's execution to make its call, or its poll, after a delay.
func wakeAt(ctx context.Context, w Waker, op operation.Operation, delay time.Duration) error {
	if op.TaskToken == "" {
		return nil
	}
	seconds := int((max(0, delay) + time.Second - 1) / time.Second)
	next := operation.NextPoll
	switch {
	case op.NeedsCall():
		next = operation.NextRetry
	case seconds > 0:
		next = operation.NextAwait
	}
	return w.Wake(ctx, op.TaskToken, Wakeup{Next: next, Delay: seconds, Version: op.Version})
}
