package stepfunctions_test

import (
	"context"
	"errors"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/orchestrator"
	"adcp-orchestrator/pkg/stepfunctions"
)

// fakeAPI gives answers that an emulator does not give on demand. It records the last request.
type fakeAPI struct {
	err    error
	status types.ExecutionStatus
	seen   string
}

func (f *fakeAPI) StartExecution(
	_ context.Context, in *sfn.StartExecutionInput, _ ...func(*sfn.Options),
) (*sfn.StartExecutionOutput, error) {
	f.seen = *in.StateMachineArn + " " + *in.Name + " " + *in.Input
	return &sfn.StartExecutionOutput{}, f.err
}

func (f *fakeAPI) SendTaskSuccess(
	_ context.Context, in *sfn.SendTaskSuccessInput, _ ...func(*sfn.Options),
) (*sfn.SendTaskSuccessOutput, error) {
	f.seen = *in.TaskToken + " " + *in.Output
	return &sfn.SendTaskSuccessOutput{}, f.err
}

func (f *fakeAPI) DescribeExecution(
	_ context.Context, in *sfn.DescribeExecutionInput, _ ...func(*sfn.Options),
) (*sfn.DescribeExecutionOutput, error) {
	f.seen = *in.ExecutionArn
	return &sfn.DescribeExecutionOutput{Status: f.status}, f.err
}

const arn = "arn:aws:states:eu-west-1:123456789012:stateMachine:Operation"

func TestStart(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		err error
		ok  bool
	}{
		{nil, true},
		{&types.ExecutionAlreadyExists{}, true},
		{errors.New("throttled"), false},
	} {
		api := &fakeAPI{err: tc.err}
		w := stepfunctions.Workflow{API: api, Machine: arn}
		if err := w.Start(t.Context(), "acme", "op_1", 2); (err == nil) != tc.ok {
			t.Errorf("%v became %v", tc.err, err)
		}
		if want := arn + ` op_1-2 {"tenant":"acme","operation_id":"op_1"}`; api.seen != want {
			t.Errorf("sent %s", api.seen)
		}
	}
}

func TestWake(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		err error
		ok  bool
	}{
		{nil, true},
		{&types.TaskTimedOut{}, true},
		{&types.TaskDoesNotExist{}, true},
		{&types.InvalidToken{Message: aws.String("x")}, false},
	} {
		api := &fakeAPI{err: tc.err}
		w := stepfunctions.Workflow{API: api}
		if err := w.Wake(t.Context(), "token", operation.NextSettle); (err == nil) != tc.ok {
			t.Errorf("%v became %v", tc.err, err)
		}
		if api.seen != `token {"next":"settle"}` {
			t.Errorf("sent %s", api.seen)
		}
	}
}

func TestStatus(t *testing.T) {
	t.Parallel()
	for status, want := range map[types.ExecutionStatus]orchestrator.Execution{
		types.ExecutionStatusRunning:        orchestrator.ExecutionRunning,
		types.ExecutionStatusPendingRedrive: orchestrator.ExecutionRunning,
		types.ExecutionStatusSucceeded:      orchestrator.ExecutionOver,
		types.ExecutionStatusFailed:         orchestrator.ExecutionOver,
		types.ExecutionStatusAborted:        orchestrator.ExecutionOver,
		types.ExecutionStatusTimedOut:       orchestrator.ExecutionOver,
	} {
		api := &fakeAPI{status: status}
		got, err := stepfunctions.Workflow{API: api, Machine: arn}.Status(t.Context(), "acme", "op_1", 1)
		if err != nil || got != want {
			t.Errorf("%s: %s, %v", status, got, err)
		}
		if api.seen != "arn:aws:states:eu-west-1:123456789012:execution:Operation:op_1-1" {
			t.Errorf("described %s", api.seen)
		}
	}
}

func TestStatusOfMissingExecution(t *testing.T) {
	t.Parallel()
	api := &fakeAPI{err: &types.ExecutionDoesNotExist{}}
	w := stepfunctions.Workflow{API: api, Machine: arn}
	got, err := w.Status(t.Context(), "acme", "op_1", 1)
	if err != nil || got != orchestrator.ExecutionMissing {
		t.Errorf("got %s, %v", got, err)
	}
	api.err = errors.New("throttled")
	if _, err := w.Status(t.Context(), "acme", "op_1", 1); err == nil {
		t.Error("a fault counted as a status")
	}
}
