package sim

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
	"strconv"
	"time"

	"github.com/google/uuid"

	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/orchestrator"
)

func executionName(id string, generation int) string { return id + "-" + strconv.Itoa(generation) }

// nameForm is what Step Functions accepts as the name of an execution.
var nameForm = regexp.MustCompile("^[^\\s<>{}\\[\\]?*\"#%\\\\^|~`$&,;:/\\p{Cc}]{1,80}$")

// nameKept is how long Step Functions knows the name of an execution that is over.
const nameKept = 90 * 24 * time.Hour

// justStarted is how old an execution can be that a caller takes for the one that it has started
// itself: StartExecution does not say whether it was.
const justStarted = 10 * time.Second

// startExecution is StartExecution, as package stepfunctions understands its answer. The name and
// the input of a running execution return that one. The name alone, and the name of one that ended
// less than 90 days ago, are refused.
func (w *World) startExecution(tenant, id string, generation int) (orchestrator.Execution, error) {
	name, input := executionName(id, generation), operation.Ref{Tenant: tenant, OperationID: id}
	if !nameForm.MatchString(name) {
		return "", &NamedError{"InvalidName"}
	}
	if e := w.executions[name]; e != nil {
		switch done, _ := e.Done(); {
		case !done && !reflect.DeepEqual(e.startInput, asJSON(input)), done && w.now.Sub(e.endedAt) < nameKept:
			return orchestrator.ExecutionOver, nil
		case !done && w.now.Sub(e.startedAt) > justStarted:
			return orchestrator.ExecutionRunning, nil
		case !done:
			return orchestrator.ExecutionMissing, nil
		}
	}
	ports := Ports{Invoke: w.invoke, StoreToken: w.arm, Now: w.Now}
	w.executions[name] = Start(w.def, ports, name, input)
	return orchestrator.ExecutionMissing, nil
}

// invoke is Lambda's Invoke: the function runs at least once.
func (w *World) invoke(ctx context.Context, function string, payload json.RawMessage) (json.RawMessage, error) {
	if w.InvokedTwice != nil && w.InvokedTwice(function) {
		_, _ = w.runFunction(ctx, function, payload) // the result of the first run is lost
	}
	return w.runFunction(ctx, function, payload)
}

// runFunction runs a function. The state machine sees the death of its process as an error.
func (w *World) runFunction(
	ctx context.Context, function string, payload json.RawMessage,
) (out json.RawMessage, err error) {
	var ref operation.Ref
	if err := json.Unmarshal(payload, &ref); err != nil {
		return nil, err
	}
	w.running, w.tenant, w.runs = ref.OperationID, ref.Tenant, w.runs+1
	defer func() { w.running, w.tenant = "", "" }()
	var result any
	dead := runProcess(func() { result, err = w.runUseCase(ctx, function, ref) })
	if dead {
		return nil, &NamedError{"Runtime.ExitError"}
	}
	if err != nil {
		return nil, err
	}
	return json.Marshal(result)
}

func (w *World) runUseCase(ctx context.Context, function string, ref operation.Ref) (any, error) {
	agents := crashCaller{w.Caller, w.crash}
	switch function {
	case "Dispatch":
		dispatch := orchestrator.Dispatch{
			Store: w.store(), Agents: agents, Deps: w.deps(), Breaker: w.Breaker, Roots: w.RootSecrets,
			Workflow: workflow{w},
		}
		return dispatch.Run(ctx, ref.Tenant, ref.OperationID)
	case "Poll":
		poll := orchestrator.Poll{
			Store: w.store(), Agents: agents, Deps: w.deps(), Breaker: w.Breaker, NewKey: w.newKey,
			Workflow: workflow{w},
		}
		return poll.Run(ctx, ref.Tenant, ref.OperationID)
	case "Settle":
		settle := orchestrator.Settle{
			Store: w.store(), Publisher: w.drain(), NewOwner: w.newKey, Deps: w.deps(), KeepEnded: w.KeepEnded,
		}
		return settle.Run(ctx, ref.Tenant, ref.OperationID)
	}
	return nil, fmt.Errorf("no function %q", function)
}

func (w *World) newKey() string { return uuid.Must(uuid.NewRandomFromReader(w.Random)).String() }

// arm stores a task token on an operation.
func (w *World) arm(_ context.Context, arguments json.RawMessage) error {
	t, err := ReadTokenWrite(arguments)
	if err != nil {
		return err
	}
	return t.Failed(withFault(w.crash.fault("AwaitUpdate"), func() error {
		return w.Store.Arm(t.Tenant, t.OperationID, t.Version, t.Token)
	}))
}
