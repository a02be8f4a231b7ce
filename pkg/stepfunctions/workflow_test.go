package stepfunctions_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/orchestrator"
	"adcp-orchestrator/pkg/stepfunctions"
)

// fakeAPI gives answers that an emulator does not give on demand. It records the last request.
type fakeAPI struct {
	err     error
	started time.Time // of the execution that StartExecution returns
	seen    string
}

func (f *fakeAPI) StartExecution(
	_ context.Context, in *sfn.StartExecutionInput, _ ...func(*sfn.Options),
) (*sfn.StartExecutionOutput, error) {
	f.seen = *in.StateMachineArn + " " + *in.Name + " " + *in.Input
	return &sfn.StartExecutionOutput{StartDate: &f.started}, f.err
}

func (f *fakeAPI) SendTaskSuccess(
	_ context.Context, in *sfn.SendTaskSuccessInput, _ ...func(*sfn.Options),
) (*sfn.SendTaskSuccessOutput, error) {
	f.seen = *in.TaskToken + " " + *in.Output
	return &sfn.SendTaskSuccessOutput{}, f.err
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
		wakeup := orchestrator.Wakeup{Next: operation.NextSettle, Version: 3}
		if err := w.Wake(t.Context(), "token", wakeup); (err == nil) != tc.ok {
			t.Errorf("%v became %v", tc.err, err)
		}
		if api.seen != `token {"next":"settle","delay":0,"version":3}` {
			t.Errorf("sent %s", api.seen)
		}
	}
}

// StartExecution is the only question about an execution: DescribeExecution has a twentieth of its
// quota.
func TestEnsureReadsTheExecutionFromTheAnswerToItsStart(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	for name, tc := range map[string]struct {
		api  fakeAPI
		want orchestrator.Execution
	}{
		"started now":          {fakeAPI{started: now}, orchestrator.ExecutionMissing},
		"started by our clock": {fakeAPI{started: now.Add(-5 * time.Second)}, orchestrator.ExecutionMissing},
		"runs since a minute":  {fakeAPI{started: now.Add(-time.Minute)}, orchestrator.ExecutionRunning},
		"over":                 {fakeAPI{err: &types.ExecutionAlreadyExists{}}, orchestrator.ExecutionOver},
	} {
		w := stepfunctions.Workflow{API: &tc.api, Machine: arn, Now: func() time.Time { return now }}
		got, err := w.Ensure(t.Context(), "acme", "op_1", 1)
		if err != nil || got != tc.want {
			t.Errorf("%s: %s, %v", name, got, err)
		}
		if want := arn + ` op_1-1 {"tenant":"acme","operation_id":"op_1"}`; tc.api.seen != want {
			t.Errorf("%s: sent %s", name, tc.api.seen)
		}
	}
}

// codedError is an error of the service that has no type of its own.
type codedError string

func (e codedError) Error() string     { return string(e) }
func (e codedError) ErrorCode() string { return string(e) }

func TestAUsedUpQuotaIsThrottling(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		err       error
		throttled bool
	}{
		"calls":           {codedError("ThrottlingException"), true},
		"open executions": {&types.ExecutionLimitExceeded{}, true},
		"access":          {codedError("AccessDeniedException"), false},
		"a fault":         {errors.New("no route"), false},
	} {
		w := stepfunctions.Workflow{API: &fakeAPI{err: tc.err}, Machine: arn}
		err := w.Start(t.Context(), "acme", "op_1", 1)
		if err == nil || errors.Is(err, orchestrator.ErrThrottled) != tc.throttled {
			t.Errorf("%s: start: %v", name, err)
		}
		err = w.Wake(t.Context(), "token", orchestrator.Wakeup{Next: operation.NextPoll})
		if errors.Is(err, orchestrator.ErrThrottled) != tc.throttled {
			t.Errorf("%s: wake: %v", name, err)
		}
	}
}
