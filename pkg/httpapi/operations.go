package httpapi

import (
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/orchestrator"
	"adcp-orchestrator/pkg/validation"
	"context"
	"errors"
	"fmt"
	"net/http"
)

// maxSubmission is the largest body that is taken in: what can be stored and sent on.
const maxSubmission = 1 << 20

// idempotencyKey reports whether s is 1 to 255 visible ASCII characters.
func idempotencyKey(s string) bool {
	for i := range len(s) {
		if s[i] < 0x21 || s[i] > 0x7e {
			return false
		}
	}
	return s != "" && len(s) <= 255
}

// Submit handles POST /v1/operations: 202 with the operation, the same for each repetition.
func Submit(run func(ctx context.Context, tenant, key string, o orchestrator.SubmitRequest) (operation.Operation, orchestrator.DedupMatch, error), base string) Handler {
	return func(ctx context.Context, r Request) (Response, error) {
		if len(r.Body) > maxSubmission {
			return Response{}, NewProblem(http.StatusRequestEntityTooLarge, "a submission holds at most 1 MiB")
		}
		var wrong []validation.FieldError
		key := r.Header.Get("Idempotency-Key")
		if !idempotencyKey(key) {
			wrong = append(wrong, validation.FieldError{Field: "Idempotency-Key", Rule: "a header of 1 to 255 visible ASCII characters",
				Remedy: "send a UUID of your own, and the same again when you repeat the request"})
		}
		order, err := orchestrator.ParseSubmitRequest(r.Body)
		if invalid, ok := err.(*validation.Error); ok {
			return Response{}, &validation.Error{Fields: append(wrong, invalid.Fields...)}
		}
		if len(wrong) > 0 {
			return Response{}, &validation.Error{Fields: wrong}
		}
		op, match, err := run(ctx, r.Principal.Tenant, key, order)
		if err != nil {
			return Response{}, err
		}
		v := View(op, base)
		header := map[string]string{"Location": v.URL}
		if match != orchestrator.MatchNew {
			header["Idempotency-Replayed"] = string(match)
		}
		return Response{Status: http.StatusAccepted, Header: header, Body: v}, nil
	}
}

// Show handles GET /v1/operations/{id}.
func ShowOperation(s orchestrator.RecordReader, base string) Handler {
	return func(ctx context.Context, r Request) (Response, error) {
		record, err := s.Load(ctx, r.Principal.Tenant, r.Path["id"])
		if err != nil {
			return Response{}, err
		}
		return Response{Status: http.StatusOK, Body: ViewRecord(record, base)}, nil
	}
}

// Resume handles POST /v1/operations/{id}/resume: 202 with the operation, the same for each repetition.
func SendInput(run func(ctx context.Context, tenant, id string, reply orchestrator.Input) (operation.Operation, error), base string) Handler {
	return func(ctx context.Context, r Request) (Response, error) {
		if len(r.Body) > maxSubmission {
			return Response{}, NewProblem(http.StatusRequestEntityTooLarge, "a resume holds at most 1 MiB")
		}
		reply, err := orchestrator.ParseInput(r.Body)
		if err != nil {
			return Response{}, err
		}
		op, err := run(ctx, r.Principal.Tenant, r.Path["id"], reply)
		var refused *orchestrator.InputRefusedError
		if errors.As(err, &refused) {
			p := NewProblem(http.StatusConflict, fmt.Sprintf(refusals[refused.Code], refused.State, refused.Generation))
			p.Type = "urn:adcp-orchestrator:" + string(refused.Code)
			return Response{}, p
		}
		if err != nil {
			return Response{}, err
		}
		return Response{Status: http.StatusAccepted, Body: View(op, base)}, nil
	}
}

// refusals say why a resume is not taken, and what to do. They are given the operation's state and its last pause.
var refusals = map[orchestrator.InputRefusal]string{
	orchestrator.InputSuperseded:   "nobody waits for this answer any more: the operation is %s, its last pause is number %d; read it again",
	orchestrator.InputTaken:        "another answer was taken before: the operation is %s, at pause %d; wait for what the agent says to it",
	orchestrator.InputNotRequested: "the agent has not asked for anything: the operation is %s, after %d pauses; wait until it does",
	orchestrator.InputNotPossible:  "the operation is %s, and the agent gave no way to go on from pause %d: answer at the agent itself, or cancel there and submit anew",
}

// Redrive handles POST /v1/operations/{id}/redrive: 200 with the operation and what was done about its execution. It takes no body and can be repeated.
func Redrive(run func(ctx context.Context, tenant, id string) (operation.Operation, orchestrator.RedriveResult, error), base string) Handler {
	return func(ctx context.Context, r Request) (Response, error) {
		op, done, err := run(ctx, r.Principal.Tenant, r.Path["id"])
		if err != nil {
			return Response{}, err
		}
		return Response{Status: http.StatusOK, Body: struct {
			Execution orchestrator.RedriveResult `json:"execution"`
			Operation Operation                  `json:"operation"`
		}{done, View(op, base)}}, nil
	}
}
