// Package workflow drives the state machine of template/operation.asl.json on Step Functions.
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

// API is the part of Step Functions' client that is used.
type API interface {
	StartExecution(context.Context, *sfn.StartExecutionInput, ...func(*sfn.Options)) (*sfn.StartExecutionOutput, error)
	SendTaskSuccess(context.Context, *sfn.SendTaskSuccessInput, ...func(*sfn.Options)) (*sfn.SendTaskSuccessOutput, error)
	DescribeExecution(context.Context, *sfn.DescribeExecutionInput, ...func(*sfn.Options)) (*sfn.DescribeExecutionOutput, error)
}

// Workflow implements the workflow ports of the use cases. Machine is the state machine's ARN; waking needs none.
type Workflow struct {
	API     API
	Machine string
}

// FromConfig returns a workflow on the state machine of that ARN, with a client of its own.
func FromConfig(c aws.Config, machine string) Workflow {
	return Workflow{API: sfn.NewFromConfig(c), Machine: machine}
}

// name is the execution's: unique for operation and generation, so that starting is idempotent.
func name(id string, generation int) string { return fmt.Sprintf("%s-%d", id, generation) }

// Start starts the execution of an operation's generation. One that was started before is no error.
func (w Workflow) Start(ctx context.Context, tenant, id string, generation int) error {
	input, err := json.Marshal(operation.Ref{Tenant: tenant, OperationID: id})
	if err != nil {
		return err
	}
	n, in := name(id, generation), string(input)
	_, err = w.API.StartExecution(ctx, &sfn.StartExecutionInput{StateMachineArn: &w.Machine, Name: &n, Input: &in})
	var there *types.ExecutionAlreadyExists
	if errors.As(err, &there) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("start execution: %w", err)
	}
	return nil
}

// Wake tells the execution that armed the token where to go next. One that waits no more is no error: it has gone on by itself.
func (w Workflow) Wake(ctx context.Context, token string, next operation.Next) error {
	output, err := json.Marshal(map[string]operation.Next{"next": next})
	if err != nil {
		return err
	}
	out := string(output)
	_, err = w.API.SendTaskSuccess(ctx, &sfn.SendTaskSuccessInput{TaskToken: &token, Output: &out})
	var over *types.TaskTimedOut
	var gone *types.TaskDoesNotExist
	if errors.As(err, &over) || errors.As(err, &gone) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("wake execution: %w", err)
	}
	return nil
}

// Status tells how the execution of an operation's generation stands.
func (w Workflow) Status(ctx context.Context, _, id string, generation int) (orchestrator.Execution, error) {
	arn := strings.Replace(w.Machine, ":stateMachine:", ":execution:", 1) + ":" + name(id, generation)
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
