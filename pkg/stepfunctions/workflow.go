// Package stepfunctions runs the state machine of template/operation.asl.json on Step Functions. An
// operation's generation is one execution; its name makes starting idempotent.
package stepfunctions

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
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
	DescribeExecution(
		context.Context, *sfn.DescribeExecutionInput, ...func(*sfn.Options),
	) (*sfn.DescribeExecutionOutput, error)
}

// Workflow starts, wakes and describes executions. It implements orchestrator.Executions. Machine
// is the state machine's ARN; Wake does not need it.
type Workflow struct {
	API     API
	Machine string
}

// FromConfig returns a workflow on the state machine of that ARN, with its own client.
func FromConfig(c aws.Config, machine string) Workflow {
	return Workflow{API: sfn.NewFromConfig(c), Machine: machine}
}

// executionName is unique for an operation and generation, so that starting is idempotent.
func executionName(id string, generation int) string { return fmt.Sprintf("%s-%d", id, generation) }

// Start starts the execution of an operation's generation. It is no error if it was started before.
func (w Workflow) Start(ctx context.Context, tenant, id string, generation int) error {
	input, err := json.Marshal(operation.Ref{Tenant: tenant, OperationID: id})
	if err != nil {
		return err
	}
	_, err = w.API.StartExecution(ctx, &sfn.StartExecutionInput{
		StateMachineArn: &w.Machine,
		Name:            aws.String(executionName(id, generation)),
		Input:           aws.String(string(input)),
	})
	var exists *types.ExecutionAlreadyExists
	if errors.As(err, &exists) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("start execution: %w", err)
	}
	return nil
}

// Wake sends the next step to the execution that waits with the token. It is no error if the
// execution no longer waits: it has continued by itself.
func (w Workflow) Wake(ctx context.Context, token string, next operation.Next) error {
	output, err := json.Marshal(map[string]operation.Next{"next": next})
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
		return fmt.Errorf("wake execution: %w", err)
	}
	return nil
}

// Status returns the status of the execution of an operation's generation. The tenant is not part
// of an execution's name: operation ids are unique.
func (w Workflow) Status(ctx context.Context, _, id string, generation int) (orchestrator.Execution, error) {
	arn := strings.Replace(w.Machine, ":stateMachine:", ":execution:", 1) + ":" + executionName(id, generation)
	out, err := w.API.DescribeExecution(ctx, &sfn.DescribeExecutionInput{ExecutionArn: &arn})
	var missing *types.ExecutionDoesNotExist
	if errors.As(err, &missing) {
		return orchestrator.ExecutionMissing, nil
	}
	if err != nil {
		return "", fmt.Errorf("describe execution: %w", err)
	}
	if out.Status == types.ExecutionStatusRunning || out.Status == types.ExecutionStatusPendingRedrive {
		return orchestrator.ExecutionRunning, nil
	}
	return orchestrator.ExecutionOver, nil
}
