package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"

	"github.com/aws/aws-cdk-go/awscdk/v2/awsapigateway"
	"github.com/aws/jsii-runtime-go"
)

// gatewayProblem is an answer that API Gateway gives without calling a function, in the form of the
// functions' own problems (RFC 9457).
type gatewayProblem struct {
	kind    string // API Gateway's response type
	status  int    // 0 keeps API Gateway's own status
	code    string // as in docs/problems.md
	title   string // only if status is 0; otherwise the title is the status text
	detail  string
	headers map[string]string
}

// gatewayProblems lists the cases that clients meet, and the defaults for all others. None of them
// repeats API Gateway's own message, which would reveal authorizers and integrations.
var gatewayProblems = []gatewayProblem{
	{
		kind: "BAD_REQUEST_BODY", status: 400, code: "malformed_body",
		detail: "The request body can't be read. Send one JSON object in UTF-8.",
	},
	{
		kind: "UNAUTHORIZED", status: 401, code: "unauthorized",
		detail:  "Send an API key: Authorization: Bearer adcp_...",
		headers: map[string]string{"WWW-Authenticate": "Bearer"},
	},
	{
		kind: "ACCESS_DENIED", status: 403, code: "forbidden",
		detail: "The API key does not allow this. Use a key with the scope that the route needs.",
	},
	// This is API Gateway's name for a route that does not exist.
	{kind: "MISSING_AUTHENTICATION_TOKEN", status: 404, code: "no_such_route", detail: detailNoSuchRoute},
	{kind: "RESOURCE_NOT_FOUND", status: 404, code: "no_such_route", detail: detailNoSuchRoute},
	{kind: "REQUEST_TOO_LARGE", status: 413, code: "too_large", detail: detailTooLarge},
	{kind: "UNSUPPORTED_MEDIA_TYPE", status: 415, code: "unsupported_media_type", detail: "Send application/json."},
	{
		kind: "THROTTLED", status: 429, code: "rate_limited",
		detail:  "Slow down and try again.",
		headers: map[string]string{"Retry-After": "1", "RateLimit-Remaining": "0", "RateLimit-Reset": "1"},
	},
	{kind: "AUTHORIZER_FAILURE", status: 500, code: "authorizer_failed", detail: detailAuthorizer},
	{kind: "AUTHORIZER_CONFIGURATION_ERROR", status: 500, code: "authorizer_failed", detail: detailAuthorizer},
	{kind: "INTEGRATION_FAILURE", status: 504, code: "timeout", detail: detailTimeout},
	{kind: "INTEGRATION_TIMEOUT", status: 504, code: "timeout", detail: detailTimeout},
	{kind: "DEFAULT_4XX", code: "request_refused", title: "Request Refused", detail: "The request was refused."},
	{
		kind: "DEFAULT_5XX", code: "internal_error", title: "Internal Server Error",
		detail: "The request could not be handled. Try again.",
	},
}

// Details that two problems share.
const (
	detailNoSuchRoute = "There is no such route: check the method and the path, which begins with /v1."
	detailTooLarge    = "The request body is too large: send at most 1 MiB."
	detailAuthorizer  = "The API key could not be checked. Try again."
	detailTimeout     = "No answer in time. Repeat the request with the same idempotency key."
)

// commonHeaders go with every answer of API Gateway itself. The functions send the same headers.
var commonHeaders = map[string]string{
	"Content-Type":              "application/problem+json",
	"Strict-Transport-Security": "max-age=31536000",
	"X-Content-Type-Options":    "nosniff",
	"Cache-Control":             "no-store",
}

func (b *builder) addGatewayResponses() {
	for _, p := range gatewayProblems {
		// The header sets the Content-Type. The template stands under application/json, because
		// API Gateway looks it up there for a request that accepts anything.
		headers := maps.Clone(commonHeaders)
		maps.Copy(headers, p.headers)
		quoted := map[string]*string{}
		for name, value := range headers {
			quoted[name] = jsii.String("'" + value + "'")
		}
		options := &awsapigateway.GatewayResponseOptions{
			Type:            awsapigateway.ResponseType_Of(jsii.String(p.kind)),
			ResponseHeaders: &quoted,
			Templates:       &map[string]*string{"application/json": jsii.String(p.body())},
		}
		if p.status != 0 {
			options.StatusCode = jsii.String(fmt.Sprint(p.status))
		}
		b.api.AddGatewayResponse(jsii.String("Answer"+p.kind), options)
	}
}

// body returns the template of the answer's body. It has no status if only API Gateway knows it.
func (p gatewayProblem) body() string {
	title := p.title
	if p.status != 0 {
		title = http.StatusText(p.status)
	}
	problem := struct {
		Type      string `json:"type"`
		Title     string `json:"title"`
		Status    int    `json:"status,omitempty"`
		Code      string `json:"code"`
		Detail    string `json:"detail"`
		RequestID string `json:"request_id"`
	}{"about:blank", title, p.status, p.code, p.detail, "$context.requestId"}
	text, err := json.Marshal(problem)
	if err != nil {
		panic(err) // can't happen: strings and a number
	}
	return string(text)
}
