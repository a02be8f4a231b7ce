package httpapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/orchestrator"
)

// SendInput serves POST /v1/operations/{id}/input: 202 with the operation, the same for each
// repetition. It answers 409 with the operation's state if the input can't be taken.
func (a API) SendInput(run func(ctx context.Context, tenant, id string, in orchestrator.Input) (
	operation.Operation, error)) Handler {
	return func(ctx context.Context, r Request) (Response, error) {
		id, by, err := r.act()
		if err != nil {
			return Response{}, err
		}
		in, err := orchestrator.ParseInput(r.Body)
		if err != nil {
			return Response{}, err
		}
		in.By = by
		op, err := run(ctx, r.Principal.Tenant, id, in)
		var refused *orchestrator.InputRefusedError
		if errors.As(err, &refused) {
			p := NewProblem(http.StatusConflict, string(refused.Code), describeRefusal(refused))
			p.State = refused.State
			return Response{}, p
		}
		if err != nil {
			return Response{}, err
		}
		return a.acted(http.StatusAccepted, op), nil
	}
}

// describeRefusal says why an input is not taken, and what to do.
func describeRefusal(e *orchestrator.InputRefusedError) string {
	switch e.Code {
	case orchestrator.InputSuperseded:
		if e.Generation == 0 {
			return fmt.Sprintf("the operation is %s; it never requested input", e.State)
		}
		return fmt.Sprintf("the operation no longer waits for this input: it is %s, and its last input request is "+
			"number %d; read it again", e.State, e.Generation)
	case orchestrator.InputTaken:
		return fmt.Sprintf("another input was taken for input request %d: the operation is %s; wait for the agent's "+
			"answer to it", e.Generation, e.State)
	case orchestrator.InputNotRequested:
		return fmt.Sprintf("the agent has not requested input: the operation is %s; wait until it does", e.State)
	}
	return fmt.Sprintf("the operation is %s, and the agent gave no way to continue from input request %d: answer at "+
		"the agent itself, or cancel there and submit anew", e.State, e.Generation)
}
