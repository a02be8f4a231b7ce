package httpapi

import (
	"context"
	"math"
	"net/http"
	"net/url"
	"strconv"

	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/orchestrator"
)

// ListEvents serves GET /v1/operations/{id}/events: the timeline by pages, oldest first, as JSON or
// as text/plain to read. The events of one change stay together, so a page may have some more than
// its limit; one that is filtered by kind may be short although there is a next one.
func (a API) ListEvents(s orchestrator.OperationReader) Handler {
	return func(ctx context.Context, r Request) (Response, error) {
		id, err := r.operationID()
		if err != nil {
			return Response{}, err
		}
		p := r.params()
		after, limit, kind := p.number("after", 0, math.MaxInt32, 0), p.limit(),
			operation.EventKind(p.oneOf("kind", names(operation.EventKinds())...))
		if err := p.err(); err != nil {
			return Response{}, err
		}
		op, err := s.Get(ctx, r.Principal.Tenant, id)
		if err != nil {
			return Response{}, err
		}
		shown, last, more, err := readEvents(ctx, s, op, kind, after, limit)
		if err != nil {
			return Response{}, err
		}
		if r.acceptsText() {
			return Response{Status: http.StatusOK, Header: textHeader(), Body: timeline(op, shown)}, nil
		}
		path := operationsPath + "/" + id + "/events"
		out := page[operation.Event]{Items: shown, Self: a.pageURL(path, r, "")}
		if more {
			query := url.Values{"after": {strconv.FormatInt(last, 10)}}
			for _, name := range []string{"limit", "kind"} {
				if r.Query.Has(name) {
					query.Set(name, r.Query.Get(name))
				}
			}
			out.Next = a.pageURL(path, Request{Query: query}, "")
		}
		return Response{Status: http.StatusOK, Header: map[string]string{"Vary": "Accept"}, Body: out}, nil
	}
}

// maxEventReads is how many pages of events are read for one of a kind.
const maxEventReads = 4

// readEvents reads a page of events, those of one kind if that is not empty. last is the number of
// the last change that was looked at.
func readEvents(ctx context.Context, s orchestrator.OperationReader, op operation.Operation, kind operation.EventKind,
	after int64, limit int) (shown []operation.Event, last int64, more bool, err error) {
	shown, last, more = []operation.Event{}, after, true
	for reads := 0; more && len(shown) < limit && reads < maxEventReads; reads++ {
		var events []operation.Event
		if events, more, err = s.Events(ctx, op.Tenant, op.ID, last, limit); err != nil {
			return nil, 0, false, err
		}
		for _, e := range events {
			if last = e.Seq; kind == "" || e.Kind == kind {
				shown = append(shown, e)
			}
		}
		if kind == "" {
			break
		}
	}
	return shown, last, more, nil
}
