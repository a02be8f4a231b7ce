package httpapi

import (
	"context"
	"errors"
	"net/http"

	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/orchestrator"
	"adcp-orchestrator/pkg/validation"
)

// maxBody is the largest body of a submission or an input, in bytes: what can be stored and sent
// on.
const maxBody = 1 << 20

// validIdempotencyKey reports whether s is 1 to 255 visible ASCII characters.
func validIdempotencyKey(s string) bool {
	for i := range len(s) {
		if s[i] < 0x21 || s[i] > 0x7e {
			return false
		}
	}
	return s != "" && len(s) <= 255
}

// submit is the use case behind Submit.
type submit func(ctx context.Context, tenant, key string, r orchestrator.SubmitRequest) (
	operation.Operation, orchestrator.DedupMatch, error)

// Submit serves POST /v1/operations: 202 with the operation, the same operation for each
// repetition.
func (a API) Submit(run submit) Handler {
	return func(ctx context.Context, r Request) (Response, error) {
		if len(r.Body) > maxBody {
			return Response{}, NewProblem(http.StatusRequestEntityTooLarge, codeTooLarge,
				"a submission holds at most 1 MiB")
		}
		var wrong []validation.FieldError
		key := r.Header.Get("Idempotency-Key")
		if !validIdempotencyKey(key) {
			wrong = append(wrong, validation.FieldError{Field: "Idempotency-Key", Code: validation.InvalidValue,
				Rule:   "must be a header of 1 to 255 visible ASCII characters",
				Remedy: "send a UUID of your own, and the same one when you repeat the request"})
		}
		request, err := orchestrator.ParseSubmitRequest(r.Body)
		var invalid *validation.Error
		switch {
		case errors.As(err, &invalid):
			wrong = append(wrong, invalid.Fields...)
		case err != nil:
			return Response{}, err
		}
		if len(wrong) > 0 {
			return Response{}, &validation.Error{Fields: wrong}
		}
		op, match, err := run(ctx, r.Principal.Tenant, key, request)
		if err != nil {
			return Response{}, err
		}
		v := a.View(op)
		header := map[string]string{"Location": v.URL}
		if match != orchestrator.MatchNew {
			v.MatchedBy = match
			header["Idempotent-Replayed"] = "true"
		}
		return Response{Status: http.StatusAccepted, Header: header, Body: v}, nil
	}
}

// ShowOperation serves GET /v1/operations/{id}.
func (a API) ShowOperation(s orchestrator.RecordReader) Handler {
	return func(ctx context.Context, r Request) (Response, error) {
		record, err := s.Load(ctx, r.Principal.Tenant, r.Path["id"])
		if err != nil {
			return Response{}, err
		}
		return Response{Status: http.StatusOK, Body: a.ViewRecord(record).fit()}, nil
	}
}

// redriven is the answer to a redrive.
type redriven struct {
	Execution orchestrator.RedriveResult `json:"execution"`
	Operation Operation                  `json:"operation"`
}

// Redrive serves POST /v1/operations/{id}/redrive: 200 with the operation and what was done about
// its execution. It takes no body and can be repeated.
func (a API) Redrive(run func(ctx context.Context, tenant, id string) (
	operation.Operation, orchestrator.RedriveResult, error)) Handler {
	return func(ctx context.Context, r Request) (Response, error) {
		op, result, err := run(ctx, r.Principal.Tenant, r.Path["id"])
		if err != nil {
			return Response{}, err
		}
		return Response{Status: http.StatusOK, Body: redriven{result, a.View(op)}}, nil
	}
}
