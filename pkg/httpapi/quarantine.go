package httpapi

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"adcp-orchestrator/pkg/inbox"
	"adcp-orchestrator/pkg/store"
	"adcp-orchestrator/pkg/validation"
)

// QuarantinedDelivery is a delivery that was not applied, as clients see it.
type QuarantinedDelivery struct {
	ID          string `json:"id"`
	URL         string `json:"url"`
	AgentID     string `json:"agent_id"`
	OperationID string `json:"operation_id"`
	// Authentic: the agent sent it. Otherwise anybody who knows the address may have, and nothing in
	// it is reliable.
	Authentic  bool              `json:"authentic"`
	Code       string            `json:"code"`
	Reason     string            `json:"reason"`
	TaskID     string            `json:"task_id,omitempty"`
	Status     string            `json:"adcp_status,omitempty"`
	BodySHA256 string            `json:"body_sha256"`
	BodyBytes  int               `json:"body_bytes"`
	Header     map[string]string `json:"header,omitempty"`
	Count      int64             `json:"count"`
	FirstAt    time.Time         `json:"first_at"`
	LastAt     time.Time         `json:"last_at"`
	// State is what became of it, Handled what a person did about it last.
	State   inbox.QuarantineState `json:"state"`
	Handled *inbox.Handled        `json:"handled,omitempty"`
	// BodyUntil is until when the body is kept, and the delivery can be replayed; missing if none is.
	BodyUntil time.Time `json:"body_until,omitzero"`
	// Body is the body without its secrets, as text: the agent's words.
	Body string `json:"body,omitempty"`
	// BodyLeftOut: the answer could not be delivered with the body.
	BodyLeftOut bool `json:"body_too_large_to_show,omitempty"`
}

// page is one page of a list. Next is the address of the next page, empty on the last.
type page[T any] struct {
	Items []T    `json:"items"`
	Self  string `json:"self"`
	Next  string `json:"next,omitempty"`
}

// The limits of a list.
const (
	defaultLimit = 50
	maxLimit     = 200
	// maxCursor is longer than any position that a store names; a table's key has its own limit.
	maxCursor = 512
	// maxExamined is how many entries one request looks at whatever its filters are: a page may be
	// short or empty and have a next one.
	maxExamined = 500
	// examinedAtOnce is how many of them one request to the store reads.
	examinedAtOnce = 100
)

const quarantinePath = "/v1/quarantine"

// quarantineFilter is what GET /v1/quarantine filters by.
type quarantineFilter struct {
	agentID, operationID, authentic, code, state string
	after, before                                time.Time
}

func (f quarantineFilter) matches(q inbox.Quarantined) bool {
	authentic := map[bool]string{true: "true", false: "false"}[q.Authentic]
	is := func(wanted, value string) bool { return wanted == "" || wanted == value }
	return is(f.agentID, q.AgentID) && is(f.operationID, q.OperationID) && is(f.authentic, authentic) &&
		is(f.code, q.Code) && is(f.state, string(q.State))
}

// ListQuarantine serves GET /v1/quarantine: the deliveries that were not applied, and why, the
// newest first by when each first came.
func (a API) ListQuarantine(s inbox.QuarantineReader) Handler {
	return func(ctx context.Context, r Request) (Response, error) {
		var c validation.Checks
		f := readQuarantineFilter(&c, r.Query)
		if err := c.Err(); err != nil {
			return Response{}, err
		}
		q, err := readPage(r)
		if err != nil {
			return Response{}, err
		}
		found, next, err := filterQuarantine(ctx, s, r.Principal.Tenant, q, f)
		if err != nil {
			return Response{}, err
		}
		var items []QuarantinedDelivery
		for _, d := range found {
			items = append(items, a.viewQuarantined(d))
		}
		return Response{Status: http.StatusOK, Body: pageOf(a, r, quarantinePath, items, next)}, nil
	}
}

// filterQuarantine returns the deliveries of a page that match. next is where the next page begins,
// "" on the last.
func filterQuarantine(ctx context.Context, s inbox.QuarantineReader, tenant string, q pageQuery, f quarantineFilter) (
	matching []inbox.Quarantined, next string, err error) {
	next = q.after
	for examined := 0; examined < maxExamined; examined += examinedAtOnce {
		found, after, err := s.QuarantinePage(ctx, tenant, f.after, f.before, next, examinedAtOnce)
		if err != nil {
			return nil, "", err
		}
		for _, d := range found {
			if len(matching) == q.limit { // this one begins the next page
				return matching, next, nil
			}
			if f.matches(d) {
				matching = append(matching, d)
			}
			next = d.Position
		}
		if next = after; after == "" {
			break
		}
	}
	return matching, next, nil
}

func readQuarantineFilter(c *validation.Checks, query url.Values) quarantineFilter {
	f := quarantineFilter{agentID: query.Get("agent_id"), operationID: query.Get("operation_id"),
		authentic: query.Get("authentic"), code: query.Get("code"), state: query.Get("state")}
	one := func(name, value string, of ...string) {
		if value != "" && !slices.Contains(of, value) {
			c.Add(name, validation.InvalidValue, "must be one of "+strings.Join(of, ", "), "correct it, or leave it out")
		}
	}
	one("authentic", f.authentic, "true", "false")
	one("state", f.state, string(inbox.Kept), string(inbox.Replayed), string(inbox.Discarded))
	instant := func(name string) (at time.Time) {
		text := query.Get(name)
		at, err := time.Parse(time.RFC3339, text)
		if text != "" && err != nil {
			c.Add(name, validation.InvalidValue, "must be a date and time with an offset (RFC 3339)",
				"send for example 2026-11-23T00:00:00Z")
		}
		return at
	}
	f.after, f.before = instant("received_after"), instant("received_before")
	return f
}

// ShowQuarantined serves GET /v1/quarantine/{id}, with ?embed=body the kept body of an authentic
// delivery as well.
func (a API) ShowQuarantined(s inbox.QuarantineReader) Handler {
	return func(ctx context.Context, r Request) (Response, error) {
		id, err := r.pathID(inbox.QuarantineIDForm())
		if err != nil {
			return Response{}, err
		}
		embed := r.Query.Get("embed")
		if embed != "" && embed != "body" {
			var c validation.Checks
			c.Add("embed", validation.InvalidValue, `must be "body"`, "leave it out for the record alone")
			return Response{}, c.Err()
		}
		q, err := s.QuarantinedByID(ctx, r.Principal.Tenant, id)
		if err != nil {
			return Response{}, err
		}
		v := a.viewQuarantined(q)
		if embed == "" || !q.BodyKept {
			return Response{Status: http.StatusOK, Body: v}, nil
		}
		body, err := s.QuarantinedBody(ctx, r.Principal.Tenant, id)
		if err != nil && !errors.Is(err, store.ErrNotFound) { // deleted since: body_until says when
			return Response{}, err
		}
		v.Body = string(body)
		return Response{Status: http.StatusOK, Body: v.deliverable()}, nil
	}
}

// deliverable leaves the body out of an answer that can't be delivered with it.
func (d QuarantinedDelivery) deliverable() any {
	if answer := encode(Response{Body: d}); lambdaSize([]byte(answer.Body)) > maxAnswer {
		d.Body, d.BodyLeftOut = "", true
	}
	return d
}

func (a API) viewQuarantined(d inbox.Quarantined) QuarantinedDelivery {
	v := QuarantinedDelivery{ID: d.ID(), URL: a.BaseURL + quarantinePath + "/" + d.ID(), AgentID: d.AgentID,
		OperationID: d.OperationID, Authentic: d.Authentic, Code: d.Code, Reason: d.Reason, TaskID: d.TaskID,
		Status: d.Status, BodySHA256: d.Digest, BodyBytes: d.Size, Header: d.Header, Count: d.Count, FirstAt: d.At,
		LastAt: d.LastAt, State: d.State, BodyUntil: d.BodyUntil()}
	if !d.Handled.At.IsZero() {
		v.Handled = &d.Handled
	}
	return v
}
