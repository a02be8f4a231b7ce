package load

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"
	"github.com/aws/smithy-go"

	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/orchestrator"
	"adcp-orchestrator/pkg/sim"
)

// execution is one execution of the state machine.
type execution struct {
	*sim.Execution
	wait int // counts the waits: the end of an earlier one does nothing
	over bool
}

// workflow is Step Functions as the functions call it.
type workflow struct {
	w       *World
	patient bool
}

var _ orchestrator.Executions = workflow{}

// callTime is how long a request of Step Functions takes.
const callTime = 15 * time.Millisecond

// within makes a request within a quota. Beyond it the request is throttled, unless the caller is
// patient: then it waits, as the reconciler does that paces its requests.
func (f workflow) within(name string, b *bucket) error {
	w := f.w
	for {
		w.sleep(callTime)
		w.usage.Requests["StepFunctions "+name]++
		if b.take(w.now, 1) {
			return nil
		}
		w.met(name)
		if !f.patient {
			return errors.Join(orchestrator.ErrThrottled,
				&smithy.GenericAPIError{Code: "ThrottlingException", Message: "Rate exceeded"})
		}
		w.sleep(100 * time.Millisecond)
	}
}

// Start implements orchestrator.Starter.
func (f workflow) Start(ctx context.Context, tenant, id string, generation int) error {
	_, err := f.Ensure(ctx, tenant, id, generation)
	return err
}

// Ensure implements orchestrator.Executions: StartExecution says whether the execution was missing,
// runs or is over.
func (f workflow) Ensure(ctx context.Context, tenant, id string, generation int) (orchestrator.Execution, error) {
	w := f.w
	if err := f.within("StartExecution", w.start); err != nil {
		return "", err
	}
	name := nameOf(id, generation)
	switch e := w.executions[name]; {
	case e != nil && e.over:
		return orchestrator.ExecutionOver, nil
	case e != nil:
		return orchestrator.ExecutionRunning, nil
	case w.open >= w.quotas.Executions:
		w.met("open executions")
		return "", errors.Join(orchestrator.ErrThrottled,
			&types.ExecutionLimitExceeded{Message: aws.String("too many open executions")})
	}
	ports := sim.Ports{Invoke: w.invoke, StoreToken: w.storeToken, Now: w.Now, Transition: w.enter,
		Jitter: w.Jitter, Results: w.results}
	e := &execution{Execution: sim.Start(w.o.Definition, ports, name, operation.Ref{Tenant: tenant, OperationID: id})}
	w.executions[name] = e
	w.open++
	w.after(0, func() { w.drive(context.WithoutCancel(ctx), e) })
	return orchestrator.ExecutionMissing, nil
}

func nameOf(id string, generation int) string { return id + "-" + strconv.Itoa(generation) }

// enter is a transition of an execution: beyond the quota it waits.
func (w *World) enter() {
	w.usage.Transitions++
	if d := w.transition.reserve(w.now); d > 0 {
		w.met("StateTransition")
		w.sleep(d)
	}
}

// drive lets an execution go on until it waits or ends.
func (w *World) drive(ctx context.Context, e *execution) {
	e.wait++
	w.process(func() {
		err := e.Run(ctx)
		if done, failure := e.Done(); done || err != nil {
			if failure != nil || err != nil {
				w.usage.Requests["an execution failed"]++
			}
			e.over = true
			w.open--
			return
		}
		wait := e.wait
		w.at(e.Waiting(), func() {
			if e.wait == wait && !e.over && e.Expire() == nil {
				w.drive(ctx, e)
			}
		})
	})
}

// Wake implements orchestrator.Waker.
func (f workflow) Wake(ctx context.Context, token string, wakeup orchestrator.Wakeup) error {
	w := f.w
	if err := f.within("SendTaskSuccess", w.wake); err != nil {
		return err
	}
	name, _, _ := strings.Cut(token, "/")
	if e := w.executions[name]; e != nil && e.Wake(token, wakeup) == nil { // else it no longer waits
		e.wait++
		w.after(0, func() { w.drive(context.WithoutCancel(ctx), e) })
	}
	return nil
}

// storeToken is AwaitUpdate's write.
func (w *World) storeToken(_ context.Context, arguments json.RawMessage) error {
	t, err := sim.ReadTokenWrite(arguments)
	if err != nil {
		return err
	}
	err = w.table.arm(t.Tenant, t.OperationID, t.Version, t.Token)
	if api := smithy.APIError(nil); errors.As(err, &api) {
		return &sim.NamedError{Name: sim.ErrThrottled}
	}
	return t.Failed(err)
}
