package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"adcp-orchestrator/pkg/digest"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/orchestrator"
	"adcp-orchestrator/pkg/store"
)

// What an operation can be shown with.
const (
	embedRequest = "request"
	embedResult  = "result"
	embedEvents  = "events"
)

// ShowOperation serves GET /v1/operations/{id}: the operation, with its request, result and events
// only if embed names them. The version is its ETag, and what the client has already is a 304. With
// wait the answer comes when the version differs, or after that time (see Waits). As text/plain it
// is the timeline, to read.
func (a API) ShowOperation(s orchestrator.OperationReader, w Waits) Handler {
	return func(ctx context.Context, r Request) (Response, error) {
		id, err := r.operationID()
		if err != nil {
			return Response{}, err
		}
		p := r.params()
		embed, wait := p.some("embed", embedRequest, embedResult, embedEvents), p.number("wait", 1, maxWait, 0)
		if err := p.err(); err != nil {
			return Response{}, err
		}
		if wait > 0 && !r.namesVersion() {
			return Response{}, NewProblem(http.StatusBadRequest, codeWaitNeedsVersion,
				`a wait needs If-None-Match with the version that you know, as "47": without it a change between `+
					"your last read and the wait would be missed")
		}
		op, err := s.Get(ctx, r.Principal.Tenant, id)
		if err != nil {
			return Response{}, err
		}
		header := map[string]string{}
		if wait > 0 && r.Unchanged(op.Version) {
			if op, err = w.wait(ctx, s, op, int(wait), header); err != nil {
				return Response{}, err
			}
		}
		if r.Unchanged(op.Version) {
			return notModified(op.Version, header), nil
		}
		return a.showOperation(ctx, s, op, embed, r.acceptsText())
	}
}

func (a API) showOperation(ctx context.Context, s orchestrator.OperationReader, op operation.Operation,
	embed []string, asText bool) (Response, error) {
	record := operation.Record{Op: op}
	var err error
	if len(embed) > 0 || asText {
		if record, err = s.Load(ctx, op.Tenant, op.ID); err != nil {
			return Response{}, err
		}
	}
	if asText {
		header := textHeader()
		header["ETag"] = ETag(record.Op.Version)
		return Response{Status: http.StatusOK, Header: header, Body: timeline(record.Op, record.Events)}, nil
	}
	v := a.View(record.Op)
	if len(embed) > 0 {
		v = a.ViewRecord(record)
		for part, leaveOut := range map[string]func(){
			embedRequest: func() { v.Request = nil }, embedResult: func() { v.Result = nil },
			embedEvents: func() { v.Events = nil },
		} {
			if !slices.Contains(embed, part) {
				leaveOut()
			}
		}
	}
	body, err := encodeOperation(v)
	header := map[string]string{"ETag": ETag(record.Op.Version), "Vary": "Accept"}
	return Response{Status: http.StatusOK, Header: header, Body: body, ShowsResult: len(v.Result) > 0}, err
}

func notModified(version int64, header map[string]string) Response {
	header["ETag"], header["Vary"] = ETag(version), "Accept"
	return Response{Status: http.StatusNotModified, Header: header, Body: ""}
}

// ShowRequest serves GET /v1/operations/{id}/request: what was submitted, as JSON.
func (a API) ShowRequest(s orchestrator.OperationReader) Handler {
	return showBody(s, embedRequest, func(ctx context.Context, op operation.Operation) (json.RawMessage, error) {
		raw, err := s.Request(ctx, op.Tenant, op.ID)
		return shownRequest(raw), err
	})
}

// ShowResult serves GET /v1/operations/{id}/result: what the agent sent at the end, as it sent it.
func (a API) ShowResult(s orchestrator.OperationReader) Handler {
	return showBody(s, embedResult, func(ctx context.Context, op operation.Operation) (json.RawMessage, error) {
		raw, err := s.Result(ctx, op.Tenant, op.ID)
		if errors.Is(err, store.ErrNotFound) {
			p := NewProblem(http.StatusNotFound, codeNoResultYet, "the operation has not ended, so it has no result")
			if op.State.Terminal() {
				p.Detail = "the operation has ended without a result that is kept here"
			}
			p.OperationID, p.State = op.ID, op.State
			return nil, p
		}
		return raw, err
	})
}

// showBody serves a body of an operation alone.
func showBody(s orchestrator.OperationReader, what string,
	read func(context.Context, operation.Operation) (json.RawMessage, error)) Handler {
	return func(ctx context.Context, r Request) (Response, error) {
		id, err := r.operationID()
		if err != nil {
			return Response{}, err
		}
		op, err := s.Get(ctx, r.Principal.Tenant, id)
		if err != nil {
			return Response{}, err
		}
		raw, err := read(ctx, op)
		if err != nil {
			return Response{}, err
		}
		body, err := compacted(raw)
		if err != nil {
			return Response{}, err
		}
		if lambdaSize(body) > maxAnswer {
			return Response{}, NewProblem(http.StatusRequestEntityTooLarge, codeTooLargeToShow, fmt.Sprintf(
				"the %s has %d bytes, more than an answer can have; SHA-256 of the bytes: %s", what, len(raw), digest.Bytes(raw)))
		}
		return Response{Status: http.StatusOK, Body: string(body), ShowsResult: what == embedResult}, nil
	}
}
