package httpapi_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"

	"adcp-orchestrator/pkg/apikey"
	"adcp-orchestrator/pkg/httpapi"
	"adcp-orchestrator/pkg/operation"
)

func TestWrongSubmissionsAreProblems(t *testing.T) {
	t.Parallel()
	_, submit := newSubmit(t, operation.WebhookHMAC)
	for name, tc := range map[string]struct {
		change func(e *events.APIGatewayProxyRequest)
		status int
		code   string
		part   string // of the body
	}{
		"no authorizer": {
			func(e *events.APIGatewayProxyRequest) { e.RequestContext.Authorizer = nil },
			401, "unauthorized", "Bearer",
		},
		"no scope": {
			func(e *events.APIGatewayProxyRequest) {
				e.RequestContext.Authorizer = map[string]any{"tenant": "acme", "scopes": apikey.ScopeOperationsRead}
			},
			403, "insufficient_scope", apikey.ScopeOperationsWrite,
		},
		"no key, and a wrong body": {
			func(e *events.APIGatewayProxyRequest) {
				e.Headers, e.MultiValueHeaders, e.Body = nil, nil, `{"type":"x"}`
			},
			400, "invalid_request", `"field":"Idempotency-Key","code":"invalid_value","rule":"must `,
		},
		"an unknown agent": {
			func(e *events.APIGatewayProxyRequest) {
				e.Body = strings.Replace(e.Body, `"agent_id": "seller"`, `"agent_id": "nobody"`, 1)
			},
			400, "invalid_request", `"field":"agent_id","code":"unknown_agent","rule":"must `,
		},
		"not base64": {
			func(e *events.APIGatewayProxyRequest) { e.Body, e.IsBase64Encoded = "***", true },
			400, "malformed_body", "decoded",
		},
		"too large": {
			func(e *events.APIGatewayProxyRequest) { e.Body = strings.Repeat(" ", 1<<20) + e.Body },
			413, "too_large", "1 MiB",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := request(t, "submit")
			tc.change(&e)
			got := call(t, submit, e)
			wantProblem(t, got, tc.status, tc.code)
			if !strings.Contains(got.Body, tc.part) {
				t.Errorf("%s does not contain %s", got.Body, tc.part)
			}
		})
	}
}

// A submission that is wrong in its header and in its body names both at once.
func TestProblemNamesEveryWrongField(t *testing.T) {
	t.Parallel()
	_, submit := newSubmit(t, operation.WebhookHMAC)
	e := withKey(request(t, "submit"), "")
	e.Body = `{"agent_id":"seller","type":"x","request":{}}`
	var fields []string
	for _, f := range wantProblem(t, call(t, submit, e), 400, "invalid_request").Errors {
		fields = append(fields, f.Field)
		if !strings.HasPrefix(f.Rule, "must ") {
			t.Errorf("the rule of %s is %q", f.Field, f.Rule)
		}
	}
	if got := strings.Join(fields, " "); got != "Idempotency-Key type" {
		t.Errorf("named %s", got)
	}
}

func TestInternalErrorsAreNotShown(t *testing.T) {
	t.Parallel()
	f := api.Serve(apikey.ScopeOperationsRead, func(context.Context, httpapi.Request) (httpapi.Response, error) {
		return httpapi.Response{}, errors.New("dynamodb: arn:aws:secret")
	})
	got := call(t, f, as(routed("GET /v1/operations/{id}", ""), "acme"))
	wantProblem(t, got, 503, "unavailable")
	if strings.Contains(got.Body, "arn:") {
		t.Errorf("got %s", got.Body)
	}
}

// A body that can't be encoded is an internal error without details.
func TestUnencodableBodyIsAnInternalError(t *testing.T) {
	t.Parallel()
	f := api.Serve(apikey.ScopeOperationsRead, func(context.Context, httpapi.Request) (httpapi.Response, error) {
		return httpapi.Response{Status: 200, Body: func() {}}, nil
	})
	got := call(t, f, as(routed("GET /v1/operations/{id}", ""), "acme"))
	p := decode[httpapi.Problem](t, got, 500)
	if p.Code != "internal_error" || p.Status != 500 || got.Headers["Content-Type"] != "application/problem+json" {
		t.Errorf("got %+v", got)
	}
}
