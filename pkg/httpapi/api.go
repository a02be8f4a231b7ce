package httpapi

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"github.com/aws/aws-lambda-go/events"
)

// API is the HTTP API at its public address.
type API struct {
	// BaseURL is the address that clients and agents reach the API at, without a trailing slash.
	BaseURL string
}

// Response is what a handler answers.
type Response struct {
	Status int
	Header map[string]string
	Body   any
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
		return a.fail(e, NewProblem(http.StatusNotFound, codeNoSuchRoute, "there is no such route")), nil
	}
}

// Serve makes a Handler a Lambda handler for callers that have a scope.
func (a API) Serve(scope string, h Handler) Function {
	return func(ctx context.Context, e events.APIGatewayProxyRequest) (events.APIGatewayProxyResponse, error) {
		r, err := Read(e)
		if err != nil {
			return a.fail(e, malformed), nil
		}
		if r.Principal.Tenant == "" { // the gateway refuses requests without the authorizer; so does this
			return a.fail(e, NewProblem(http.StatusUnauthorized, codeUnauthorized,
				"send Authorization: Bearer <API key>")), nil
		}
		if !r.Principal.May(scope) {
			return a.fail(e, NewProblem(http.StatusForbidden, codeInsufficientScope,
				"this API key lacks the scope "+scope)), nil
		}
		response, err := h(ctx, r)
		if err != nil {
			return a.fail(e, problemOf(ctx, err)), nil
		}
		return encode(response), nil
	}
}

var malformed = NewProblem(http.StatusBadRequest, codeMalformedBody, "the body could not be decoded")

// fail writes a problem as the answer to a request.
func (a API) fail(e events.APIGatewayProxyRequest, p Problem) events.APIGatewayProxyResponse {
	r := Response{Status: p.Status, Body: a.complete(e, p)}
	if p.RetryAfter > 0 {
		r.Header = map[string]string{"Retry-After": strconv.Itoa(int((p.RetryAfter + time.Second - 1) / time.Second))}
	}
	return encode(r)
}

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
	return events.APIGatewayProxyResponse{StatusCode: r.Status, Headers: h, Body: string(body)}
}
