package stepfunctions_test

import (
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/orchestrator"
	"adcp-orchestrator/pkg/stepfunctions"
	"context"
	"errors"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"
)

// machine is a Step Functions that answers what an emulator does not give on demand.
type machine struct {
	err    error
	status types.ExecutionStatus
	seen   string
}

func (m *machine) StartExecution(_ context.Context, in *sfn.StartExecutionInput, _ ...func(*sfn.Options)) (*sfn.StartExecutionOutput, error) {
	m.seen = *in.StateMachineArn + " " + *in.Name + " " + *in.Input
	return &sfn.StartExecutionOutput{}, m.err
}

func (m *machine) SendTaskSuccess(_ context.Context, in *sfn.SendTaskSuccessInput, _ ...func(*sfn.Options)) (*sfn.SendTaskSuccessOutput, error) {
	m.seen = *in.TaskToken + " " + *in.Output
	return &sfn.SendTaskSuccessOutput{}, m.err
}

func (m *machine) DescribeExecution(_ context.Context, in *sfn.DescribeExecutionInput, _ ...func(*sfn.Options)) (*sfn.DescribeExecutionOutput, error) {
	m.seen = *in.ExecutionArn
	return &sfn.DescribeExecutionOutput{Status: m.status}, m.err
}

const arn = "arn:aws:states:eu-west-1:123456789012:stateMachine:Operation"

func TestStart(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		err error
		ok  bool
	}{{nil, true}, {&types.ExecutionAlreadyExists{}, true}, {errors.New("throttled"), false}} {
		m := &machine{err: tc.err}
		if err := (stepfunctions.Workflow{API: m, Machine: arn}).Start(t.Context(), "acme", "op_1", 2); (err == nil) != tc.ok {
			t.Errorf("%v became %v", tc.err, err)
		}
		if want := arn + ` op_1-2 {"tenant":"acme","operation_id":"op_1"}`; m.seen != want {
			t.Errorf("sent %s", m.seen)
		}
	}
}

func TestWake(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		err error
		ok  bool
	}{{nil, true}, {&types.TaskTimedOut{}, true}, {&types.TaskDoesNotExist{}, true}, {&types.InvalidToken{Message: aws.String("x")}, false}} {
		m := &machine{err: tc.err}
		if err := (stepfunctions.Workflow{API: m}).Wake(t.Context(), "token", operation.NextSettle); (err == nil) != tc.ok {
			t.Errorf("%v became %v", tc.err, err)
		}
		if m.seen != `token {"next":"settle"}` {
			t.Errorf("sent %s", m.seen)
		}
	}
}

func TestStatus(t *testing.T) {
	t.Parallel()
	for status, want := range map[types.ExecutionStatus]orchestrator.Execution{
		types.ExecutionStatusRunning: orchestrator.ExecutionRunning, types.ExecutionStatusPendingRedrive: orchestrator.ExecutionRunning,
		types.ExecutionStatusSucceeded: orchestrator.ExecutionOver, types.ExecutionStatusFailed: orchestrator.ExecutionOver,
		types.ExecutionStatusAborted: orchestrator.ExecutionOver, types.ExecutionStatusTimedOut: orchestrator.ExecutionOver,
	} {
		m := &machine{status: status}
		got, err := stepfunctions.Workflow{API: m, Machine: arn}.Status(t.Context(), "acme", "op_1", 1)
		if err != nil || got != want || m.seen != "arn:aws:states:eu-west-1:123456789012:execution:Operation:op_1-1" {
			t.Errorf("%s: %s, %v, asked for %s", status, got, err, m.seen)
		}
	}
	m := &machine{err: &types.ExecutionDoesNotExist{}}
	if got, err := (stepfunctions.Workflow{API: m, Machine: arn}).Status(t.Context(), "acme", "op_1", 1); err != nil || got != orchestrator.ExecutionMissing {
		t.Errorf("got %s, %v", got, err)
	}
	m.err = errors.New("throttled")
	if _, err := (stepfunctions.Workflow{API: m, Machine: arn}).Status(t.Context(), "acme", "op_1", 1); err == nil {
		t.Error("a fault was taken for an answer")
	}
}
