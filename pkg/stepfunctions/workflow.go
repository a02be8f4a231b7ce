// Package stepfunctions runs the state machine of template/operation.asl.json on Step Functions. An
// operation's generation is one execution; its name makes starting idempotent.
package stepfunctions

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/orchestrator"
)

// API is the part of Step Functions' client that Workflow uses.
type API interface {
	StartExecution(
		context.Context, *sfn.StartExecutionInput, ...func(*sfn.Options),
	) (*sfn.StartExecutionOutput, error)
	SendTaskSuccess(
		context.Context, *sfn.SendTaskSuccessInput, ...func(*sfn.Options),
	) (*sfn.SendTaskSuccessOutput, error)
}

// Workflow starts and wakes executions. It implements orchestrator.Executions. Machine is the state
// machine's ARN; Wake does not need it. Now is the clock; nil is time.Now.
type Workflow struct {
	API     API
	Machine string
	Now     func() time.Time
}

// FromConfig returns a workflow on the state machine of that ARN, with its own client.
func FromConfig(c aws.Config, machine string) Workflow {
	return Workflow{API: sfn.NewFromConfig(c), Machine: machine}
}

// executionName is unique for an operation and generation, so that starting is idempotent.
func executionName(id string, generation int) string { return fmt.Sprintf("%s-%d", id, generation) }

// Start starts the execution of an operation's generation. It is no error if it was started before.
// It returns orchestrator.ErrThrottled.
func (w Workflow) Start(ctx context.Context, tenant, id string, generation int) error {
	_, err := w.Ensure(ctx, tenant, id, generation)
	return err
}

// justStarted is how old an execution can be that the call itself has started, by a clock that may
// differ from ours.
const justStarted = 10 * time.Second

// Ensure starts the execution of an operation's generation unless there is one. StartExecution
// itself says what there was: with the name and the input of a running execution it returns that
// one, as it was started then, and with those of one that is over ExecutionAlreadyExists. The input
// must stay the same to the byte: with another one a running execution would look as if it were
// over. The tenant is not part of an execution's name: operation ids are unique.
func (w Workflow) Ensure(ctx context.Context, tenant, id string, generation int) (orchestrator.Execution, error) {
	input, err := json.Marshal(operation.Ref{Tenant: tenant, OperationID: id})
	if err != nil {
		return "", err
	}
	before := w.now()
	out, err := w.API.StartExecution(ctx, &sfn.StartExecutionInput{
		StateMachineArn: &w.Machine,
		Name:            aws.String(executionName(id, generation)),
		Input:           aws.String(string(input)),
	}, untilThrottled)
	var exists *types.ExecutionAlreadyExists
	switch {
	case errors.As(err, &exists):
		return orchestrator.ExecutionOver, nil
	case err != nil:
		return "", fmt.Errorf("start execution: %w", throttling(err))
	case out.StartDate != nil && out.StartDate.Before(before.Add(-justStarted)):
		return orchestrator.ExecutionRunning, nil
	}
	return orchestrator.ExecutionMissing, nil
}

func (w Workflow) now() time.Time {
	if w.Now == nil {
		return time.Now()
	}
	return w.Now()
}

// throttling adds orchestrator.ErrThrottled to an error that says that a quota is used up: that of
// calls, or that of open executions.
func throttling(err error) error {
	var full *types.ExecutionLimitExceeded
	if errors.As(err, &full) || throttled.IsErrorThrottle(err) == aws.TrueTernary {
		return errors.Join(orchestrator.ErrThrottled, err)
	}
	return err
}

// untilThrottled leaves throttled calls to the caller, who queues or paces them: the SDK would make
// them again at once, from a quota that is used up.
func untilThrottled(o *sfn.Options) { o.Retryer = throttleRefuser{o.Retryer} }

type throttleRefuser struct{ aws.Retryer }

// IsErrorRetryable reports whether the SDK may make a call again by itself.
func (r throttleRefuser) IsErrorRetryable(err error) bool {
	return throttled.IsErrorThrottle(err) != aws.TrueTernary && r.Retryer.IsErrorRetryable(err)
}

var throttled = retry.ThrottleErrorCode{Codes: retry.DefaultThrottleErrorCodes}

// Wake sends the next step to the execution that waits with the token. It is no error if the
// execution no longer waits: it has continued by itself.
func (w Workflow) Wake(ctx context.Context, token string, wakeup orchestrator.Wakeup) error {
	output, err := json.Marshal(wakeup)
	if err != nil {
		return err
	}
	_, err = w.API.SendTaskSuccess(ctx, &sfn.SendTaskSuccessInput{
		TaskToken: &token,
		Output:    aws.String(string(output)),
	})
	var timedOut *types.TaskTimedOut
	var gone *types.TaskDoesNotExist
	if errors.As(err, &timedOut) || errors.As(err, &gone) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("wake execution: %w", throttling(err))
	}
	return nil
}
