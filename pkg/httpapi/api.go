package httpapi

import (
	"context"
	"encoding/json"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"adcp-orchestrator/pkg/audit"
	"adcp-orchestrator/pkg/quota"
	"adcp-orchestrator/pkg/validation"
)

// API is the HTTP API at its public address.
type API struct {
	// BaseURL is the address that clients and agents reach the API at, without a trailing slash.
	BaseURL string
	// Limits bounds what each tenant may ask for; nil bounds nothing.
	Limits *quota.Guard
	// Audit is where acts are recorded; nil records none.
	Audit audit.Log
	// Now is the time of what is recorded; nil is time.Now.
	Now func() time.Time
}

// Response is what a handler answers.
type Response struct {
	Status int
	Header map[string]string
	Body   any
	// ShowsResult: the answer shows what an operation has led to, so the audit log has the read.
	ShowsResult bool
}

// Handler answers one request. An error becomes a problem: a *validation.Error names its fields, a
// Problem is itself, anything else is an internal error.
type Handler func(ctx context.Context, r Request) (Response, error)

// Function is a Lambda handler of API Gateway's events.
type Function = func(context.Context, events.APIGatewayProxyRequest) (events.APIGatewayProxyResponse, error)

// Route serves several routes by one function. A route is named by method and API Gateway's
// pattern, for example "GET /v1/operations/{id}".
func (a API) Route(routes map[string]Function) Function {
	return func(ctx context.Context, e events.APIGatewayProxyRequest) (events.APIGatewayProxyResponse, error) {
		if f, ok := routes[e.HTTPMethod+" "+e.Resource]; ok {
			return f(ctx, e)
		}
		return a.fail(e, NewProblem(http.StatusNotFound, codeNoSuchRoute,
			"there is no such route: check the method and the path")), nil
	}
}

// Serve makes a Handler a Lambda handler for callers that have a scope, within the rate of their
// tenant.
func (a API) Serve(scope string, h Handler) Function {
	return a.ServeUncounted(scope, a.counted(h))
}

// counted makes a Handler one that answers within the rate of the tenant.
func (a API) counted(h Handler) Handler {
	return func(ctx context.Context, r Request) (Response, error) {
		if err := a.Limits.Request(ctx, r.Principal.Tenant); err != nil {
			return Response{}, err
		}
		return h(ctx, r)
	}
}

// ServeUncounted is Serve without the rate, for submissions: the use case counts those that open an
// operation, and answers a repetition whatever the limits are.
func (a API) ServeUncounted(scope string, h Handler) Function {
	return func(ctx context.Context, e events.APIGatewayProxyRequest) (events.APIGatewayProxyResponse, error) {
		r, err := Read(e)
		if err != nil {
			return a.fail(e, malformed), nil
		}
		if r.Principal.Tenant == "" { // the gateway refuses requests without the authorizer; so does this
			return a.fail(e, NewProblem(http.StatusUnauthorized, codeUnauthorized,
				"send Authorization: Bearer <API key>")), nil
		}
		response, err := a.admit(scope, h)(ctx, r)
		if err != nil {
			p := problemOf(ctx, err)
			a.record(ctx, e, r, Response{}, &p)
			return a.fail(e, p), nil
		}
		a.record(ctx, e, r, response, nil)
		return encode(response), nil
	}
}

// admit returns the handler of a request after what every route checks: the scope, the query
// parameters, and the size of the body. What is refused there counts against the tenant's rate, so
// that a flood of it costs no more than one of anything else. An empty scope is what every key has.
func (a API) admit(scope string, h Handler) Handler {
	return func(ctx context.Context, r Request) (Response, error) {
		var refused error
		switch wrong := checkParameters(r); {
		case scope != "" && !r.Principal.May(scope):
			refused = NewProblem(http.StatusForbidden, codeInsufficientScope, "this API key lacks the scope "+scope)
		case len(r.Body) > maxBody:
			refused = errTooLarge
		case wrong != nil:
			refused = wrong
		default:
			return h(ctx, r)
		}
		return a.counted(func(context.Context, Request) (Response, error) { return Response{}, refused })(ctx, r)
	}
}

var malformed = NewProblem(http.StatusBadRequest, codeMalformedBody, "the body could not be decoded",
	validation.FieldError{Field: "(body)", Code: validation.MalformedBody, Rule: "must be the base64 that it is sent as",
		Remedy: "send the request again; this is a fault between you and the API"})

// fail writes a problem as the answer to a request.
func (a API) fail(e events.APIGatewayProxyRequest, p Problem) events.APIGatewayProxyResponse {
	header := map[string]string{}
	if p.retryAfter > 0 {
		header["Retry-After"] = wholeSeconds(p.retryAfter)
	}
	if p.Status == http.StatusTooManyRequests && p.Limit != nil {
		header["RateLimit-Limit"], header["RateLimit-Remaining"] = strconv.Itoa(p.Limit.Value), "0"
		header["RateLimit-Reset"] = wholeSeconds(p.retryAfter)
	}
	return encode(Response{Status: p.Status, Header: header, Body: a.complete(e, p)})
}

// wholeSeconds is the form of Retry-After, rounded up: nobody is to come too early.
func wholeSeconds(d time.Duration) string { return strconv.Itoa(int(math.Ceil(d.Seconds()))) }

// complete adds what every problem has: the address of its description and the request's id.
func (a API) complete(e events.APIGatewayProxyRequest, p Problem) Problem {
	p.Type, p.RequestID = a.BaseURL+ProblemsPath+"#"+p.Code, e.RequestContext.RequestID
	return p
}

// internalError is the answer if an answer can't be written.
const internalError = `{"type":"about:blank","title":"Internal Server Error","status":500,"code":"` +
	codeInternalError + `"}`

// encode makes the event that API Gateway answers with. Every answer has HSTS (contract L4) and
// forbids caching, unless the handler says otherwise.
func encode(r Response) events.APIGatewayProxyResponse {
	h := map[string]string{"Content-Type": "application/json", "Cache-Control": "no-store",
		"X-Content-Type-Options": "nosniff", "Strict-Transport-Security": "max-age=31536000"}
	if _, problem := r.Body.(Problem); problem {
		h["Content-Type"] = "application/problem+json"
	}
	for name, v := range r.Header {
		h[name] = v
	}
	text, isText := r.Body.(string)
	body, err := json.Marshal(r.Body)
	switch {
	case isText:
		body = []byte(text)
	case err != nil:
		body = []byte(internalError)
		r.Status, h["Content-Type"] = http.StatusInternalServerError, "application/problem+json"
	}
	if r.Status == http.StatusNotModified { // it has no body
		delete(h, "Content-Type")
		body = nil
	}
	return events.APIGatewayProxyResponse{StatusCode: r.Status, Headers: h, Body: string(body)}
}
