// Package httpapi is what the API's functions share: requests as API Gateway hands them over, who they come from, and answers. There is one shape of
// error, a problem (RFC 9457) that names every wrong field; what goes wrong inside stays inside.
package httpapi

import (
	"adcp-orchestrator/pkg/apikey"
	"adcp-orchestrator/pkg/orchestrator"
	"adcp-orchestrator/pkg/store"
	"adcp-orchestrator/pkg/validation"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"strings"

	"github.com/aws/aws-lambda-go/events"
)

// Request is one HTTP request.
type Request struct {
	Method    string
	Path      map[string]string // the path's parameters
	Query     url.Values
	Header    http.Header
	Body      []byte // as received: base64 undone
	Principal apikey.Principal
}

// Read takes an event of API Gateway apart.
func Read(e events.APIGatewayProxyRequest) (Request, error) {
	r := Request{Method: e.HTTPMethod, Path: e.PathParameters, Query: url.Values{}, Header: http.Header{}, Body: []byte(e.Body)}
	if e.IsBase64Encoded {
		b, err := base64.StdEncoding.DecodeString(e.Body)
		if err != nil {
			return r, err
		}
		r.Body = b
	}
	for name, values := range e.MultiValueHeaders {
		for _, v := range values {
			r.Header.Add(name, v)
		}
	}
	for name, v := range e.Headers { // some gateways fill only one of the two
		if r.Header.Get(name) == "" {
			r.Header.Set(name, v)
		}
	}
	for name, values := range e.MultiValueQueryStringParameters {
		r.Query[name] = values
	}
	for name, v := range e.QueryStringParameters {
		if !r.Query.Has(name) {
			r.Query.Set(name, v)
		}
	}
	r.Principal = apikey.Principal{Tenant: claim(e, "tenant"), KeyID: claim(e, "key_id"), Scopes: strings.Fields(claim(e, "scopes"))}
	return r, nil
}

func claim(e events.APIGatewayProxyRequest, name string) string {
	s, _ := e.RequestContext.Authorizer[name].(string)
	return s
}

// Response is what a handler answers.
type Response struct {
	Status int
	Header map[string]string
	Body   any
}

// Problem is an error as clients see it (RFC 9457).
type Problem struct {
	Type   string                  `json:"type"`
	Title  string                  `json:"title"`
	Status int                     `json:"status"`
	Detail string                  `json:"detail,omitempty"`
	Errors []validation.FieldError `json:"errors,omitempty"`
}

// Error makes a Problem an error, so that handlers can return it.
func (p Problem) Error() string { return p.Detail }

// NewProblem returns a problem with the status's own title.
func NewProblem(status int, detail string, fields ...validation.FieldError) Problem {
	return Problem{Type: "about:blank", Title: http.StatusText(status), Status: status, Detail: detail, Errors: fields}
}

// Handler answers one request. An error becomes a problem: an InvalidError names its fields, a Problem is itself, anything else is an internal error.
type Handler func(ctx context.Context, r Request) (Response, error)

// Function is a Lambda handler of API Gateway's events.
type Function = func(context.Context, events.APIGatewayProxyRequest) (events.APIGatewayProxyResponse, error)

// Route lets one function serve several routes, named by method and the API's pattern: "GET /v1/operations/{id}".
func Route(routes map[string]Function) Function {
	return func(ctx context.Context, e events.APIGatewayProxyRequest) (events.APIGatewayProxyResponse, error) {
		if f, ok := routes[e.HTTPMethod+" "+e.Resource]; ok {
			return f(ctx, e)
		}
		return Encode(failure(ctx, NewProblem(http.StatusNotFound, "there is no such route"))), nil
	}
}

// Serve makes a Handler a Lambda handler for callers with a scope.
func Serve(scope string, h Handler) Function {
	return func(ctx context.Context, e events.APIGatewayProxyRequest) (events.APIGatewayProxyResponse, error) {
		r, err := Read(e)
		if err != nil {
			return Encode(failure(ctx, NewProblem(http.StatusBadRequest, "the body could not be decoded"))), nil
		}
		if r.Principal.Tenant == "" { // the gateway lets nobody in without the authorizer; neither does this
			return Encode(failure(ctx, NewProblem(http.StatusUnauthorized, "send Authorization: Bearer <API key>"))), nil
		}
		if !r.Principal.May(scope) {
			return Encode(failure(ctx, NewProblem(http.StatusForbidden, "this API key lacks the scope "+scope))), nil
		}
		response, err := h(ctx, r)
		if err != nil {
			response = failure(ctx, err)
		}
		return Encode(response), nil
	}
}

func failure(ctx context.Context, err error) Response {
	var p Problem
	var invalid *validation.Error
	switch {
	case errors.As(err, &p):
	case errors.As(err, &invalid):
		p = NewProblem(http.StatusBadRequest, "the request breaks a rule; see errors", invalid.Fields...)
	case errors.Is(err, store.ErrNotFound):
		p = NewProblem(http.StatusNotFound, "there is no such thing, or it is not yours")
	case errors.Is(err, orchestrator.ErrPayloadDiffers):
		p = NewProblem(http.StatusConflict, "this Idempotency-Key was used with another payload: send the first payload again, or take a new key",
			validation.FieldError{Field: "Idempotency-Key", Rule: "belongs to one payload", Remedy: "take a new key for a new operation"})
	default:
		slog.ErrorContext(ctx, "request failed", "error", err)
		p = NewProblem(http.StatusServiceUnavailable, "something failed on our side; nothing is lost, send the same request again")
	}
	return Response{Status: p.Status, Body: p}
}

// Encode makes the event that API Gateway answers with. Every answer carries HSTS (contract L4) and forbids caching.
func Encode(r Response) events.APIGatewayProxyResponse {
	h := map[string]string{"Content-Type": "application/json", "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff",
		"Strict-Transport-Security": "max-age=31536000"}
	if _, problem := r.Body.(Problem); problem {
		h["Content-Type"] = "application/problem+json"
	}
	for name, v := range r.Header {
		h[name] = v
	}
	body, err := json.Marshal(r.Body)
	if err != nil {
		body = []byte(`{"type":"about:blank","title":"Internal Server Error","status":500}`)
		r.Status, h["Content-Type"] = http.StatusInternalServerError, "application/problem+json"
	}
	return events.APIGatewayProxyResponse{StatusCode: r.Status, Headers: h, Body: string(body)}
}
