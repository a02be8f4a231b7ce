package httpapi

import (
	"context"
	"errors"
	"net/http"

	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/orchestrator"
	"adcp-orchestrator/pkg/validation"
)

// maxBody is the largest body of a request, in bytes: what can be stored and sent on.
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

// Submitter is the use case behind Submit.
type Submitter interface {
	// Run opens an operation, or finds the one that was opened before.
	Run(ctx context.Context, tenant, key string, r orchestrator.SubmitRequest) (
		operation.Operation, orchestrator.DedupMatch, error)
	// Validate says what Run would do, and stores nothing. What is known to be wrong already is part
	// of its error.
	Validate(ctx context.Context, tenant, key string, r orchestrator.SubmitRequest, wrong *validation.Error) (
		orchestrator.Verdict, error)
}

// Submit serves POST /v1/operations: 202 with the operation, the same operation for each
// repetition. With ?validate=only it answers 200 with what it would do, and does nothing.
func (a API) Submit(s Submitter) Handler {
	return func(ctx context.Context, r Request) (Response, error) {
		var c validation.Checks
		only := r.Query.Has("validate")
		if only && r.Query.Get("validate") != "only" {
			c.Add("validate", validation.InvalidValue, `must be "only"`, "leave it out to submit the request")
		}
		key := r.Header.Get("Idempotency-Key")
		if !validIdempotencyKey(key) && !(only && key == "") {
			c.Add("Idempotency-Key", validation.InvalidValue, "must be a header of 1 to 255 visible ASCII characters",
				"send a UUID of your own, and the same one when you repeat the request")
		}
		request, err := orchestrator.ParseSubmitRequest(r.Body)
		request.Actor = r.Actor()
		var invalid *validation.Error
		if err != nil && !errors.As(err, &invalid) {
			return Response{}, err
		}
		c.Include(invalid)
		errors.As(c.Err(), &invalid)
		if only {
			if err := a.Limits.Request(ctx, r.Principal.Tenant); err != nil { // it opens nothing
				return Response{}, err
			}
		}
		if only || invalid != nil {
			return a.validate(ctx, s, r.Principal.Tenant, key, request, invalid)
		}
		op, match, err := s.Run(ctx, r.Principal.Tenant, key, request)
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

// validate answers what a submission would do.
func (a API) validate(ctx context.Context, s Submitter, tenant, key string, request orchestrator.SubmitRequest,
	wrong *validation.Error) (Response, error) {
	v, err := s.Validate(ctx, tenant, key, request, wrong)
	if err != nil {
		return Response{}, err
	}
	return Response{Status: http.StatusOK, Body: a.viewVerdict(v)}, nil
}

// redriven is the answer to a redrive.
type redriven struct {
	Execution orchestrator.RedriveResult `json:"execution"`
	Operation Operation                  `json:"operation"`
}

// Redrive serves POST /v1/operations/{id}/redrive: 200 with the operation and what was done about
// its execution. It takes no body, and can be repeated once a minute.
func (a API) Redrive(run func(ctx context.Context, tenant, id string, by orchestrator.Act) (
	operation.Operation, orchestrator.RedriveResult, error)) Handler {
	return func(ctx context.Context, r Request) (Response, error) {
		id, by, err := r.act()
		if err != nil {
			return Response{}, err
		}
		op, result, err := run(ctx, r.Principal.Tenant, id, by)
		if err != nil {
			return Response{}, err
		}
		return Response{Status: http.StatusOK, Body: redriven{result, a.View(op)}}, nil
	}
}
