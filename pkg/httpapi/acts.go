package httpapi

import (
	"context"
	"net/http"

	"adcp-orchestrator/pkg/apikey"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/orchestrator"
)

// maxActBody is the largest body of an act that carries no result, in bytes.
const maxActBody = 16 << 10

// act returns the operation in the path, who acts on it, and the version that the client has seen.
func (r Request) act() (id string, by orchestrator.Act, err error) {
	if id, err = r.operationID(); err != nil {
		return id, by, err
	}
	by.Actor = r.Actor()
	by.IfVersion, err = r.ifMatch()
	return id, by, err
}

// acted answers an act with the operation as it is stored by now.
func (a API) acted(status int, op operation.Operation) Response {
	return Response{Status: status, Header: map[string]string{"ETag": ETag(op.Version)}, Body: a.View(op)}
}

// An ActFunc does something to an operation.
type ActFunc = func(ctx context.Context, tenant, id string, by orchestrator.Act) (operation.Operation, error)

// Cancel serves POST /v1/operations/{id}/cancel: 200 if the operation has ended as canceled, 202 if
// the wish is kept, or if an operation of its own cancels the buy.
func (a API) Cancel(run func(ctx context.Context, tenant, id string, by orchestrator.Act, buy operation.BuyWish) (
	operation.Operation, error)) Handler {
	return func(ctx context.Context, r Request) (Response, error) {
		id, by, err := r.act()
		if err != nil {
			return Response{}, err
		}
		if err := r.checkActBody(); err != nil {
			return Response{}, err
		}
		var buy operation.BuyWish
		if by.Reason, buy, err = orchestrator.ParseCancel(r.Body); err != nil {
			return Response{}, err
		}
		op, err := run(ctx, r.Principal.Tenant, id, by, buy)
		if err != nil {
			return Response{}, err
		}
		status := http.StatusAccepted
		if op.State == operation.Canceled {
			status = http.StatusOK
		}
		return a.acted(status, op), nil
	}
}

// Act serves an act without a body: 200 with the operation.
func (a API) Act(run ActFunc) Handler {
	return func(ctx context.Context, r Request) (Response, error) {
		id, by, err := r.act()
		if err != nil {
			return Response{}, err
		}
		op, err := run(ctx, r.Principal.Tenant, id, by)
		if err != nil {
			return Response{}, err
		}
		return a.acted(http.StatusOK, op), nil
	}
}

// ActWithReason serves an act whose body says why: 200 with the operation.
func (a API) ActWithReason(run ActFunc) Handler {
	return func(ctx context.Context, r Request) (Response, error) {
		if err := r.checkActBody(); err != nil {
			return Response{}, err
		}
		id, by, err := r.act()
		if err != nil {
			return Response{}, err
		}
		if by.Reason, err = orchestrator.ParseReason(r.Body); err != nil {
			return Response{}, err
		}
		op, err := run(ctx, r.Principal.Tenant, id, by)
		if err != nil {
			return Response{}, err
		}
		return a.acted(http.StatusOK, op), nil
	}
}

// PollNow serves POST /v1/operations/{id}/poll: 202 with what comes next and when. It takes no
// body.
func (a API) PollNow(run ActFunc) Handler {
	h := a.Act(run)
	return func(ctx context.Context, r Request) (Response, error) {
		response, err := h(ctx, r)
		response.Status = http.StatusAccepted
		return response, err
	}
}

// Resolve serves POST /v1/operations/{id}/resolve: 200 with the operation that has ended. It needs
// If-Match: what the person has seen decides.
func (a API) Resolve(run func(ctx context.Context, tenant, id string, by orchestrator.Act,
	in orchestrator.Resolution) (operation.Operation, error)) Handler {
	return func(ctx context.Context, r Request) (Response, error) {
		id, by, err := r.act()
		if err != nil {
			return Response{}, err
		}
		if by.IfVersion == 0 {
			return Response{}, NewProblem(http.StatusPreconditionRequired, codePreconditionRequired,
				"send If-Match with the ETag of the operation as you read it: what you have seen decides")
		}
		if len(r.Body) > maxBody {
			return Response{}, NewProblem(http.StatusRequestEntityTooLarge, codeTooLarge, "a resolution holds at most 1 MiB")
		}
		in, err := orchestrator.ParseResolution(r.Body)
		if err != nil {
			return Response{}, err
		}
		if in.Unverified && !r.Principal.May(apikey.ScopeKeysWrite) {
			return Response{}, NewProblem(http.StatusForbidden, codeInsufficientScope,
				`"unverified": true needs the scope `+apikey.ScopeKeysWrite+" as well, and this API key lacks it")
		}
		by.Reason = in.Reason
		op, err := run(ctx, r.Principal.Tenant, id, by, in)
		if err != nil {
			return Response{}, err
		}
		return a.acted(http.StatusOK, op), nil
	}
}

func (r Request) checkActBody() error {
	if len(r.Body) > maxActBody {
		return NewProblem(http.StatusRequestEntityTooLarge, codeTooLarge, "the body of this act holds at most 16 KiB")
	}
	return nil
}

// refusedAct describes why an act is not possible, and what would help.
func refusedAct(e *operation.ActRefusedError) Problem {
	status := http.StatusConflict
	if e.RetryAfter > 0 {
		status = http.StatusTooManyRequests
	}
	p := NewProblem(status, string(e.Code), e.Why)
	p.State, p.OperationID, p.retryAfter = e.State, e.OperationID, e.RetryAfter
	return p
}
