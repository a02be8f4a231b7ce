package httpapi_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"adcp-orchestrator/pkg/httpapi"
)

func TestPublishedDocument(t *testing.T) {
	t.Parallel()
	var fail error
	f := httpapi.Published(api, func(context.Context) (map[string]any, error) {
		return map[string]any{"keys": []any{}}, fail
	})
	e := routed("GET /.well-known/jwks.json", "")
	e.RequestContext.RequestID = requestID
	got := call(t, f, e)
	if got.StatusCode != 200 || got.Body != `{"keys":[]}` || got.Headers["Cache-Control"] != "public, max-age=300" ||
		got.Headers["Content-Type"] != "application/json" || got.Headers["Strict-Transport-Security"] == "" {
		t.Errorf("got %+v", got)
	}
	fail = errors.New("arn:aws:kms:us-east-1:123456789012:key/1 is away")
	got = call(t, f, e)
	wantProblem(t, got, 503, "unavailable")
	if strings.Contains(got.Body, "arn:") {
		t.Errorf("got %s", got.Body)
	}
}

func TestPublishedText(t *testing.T) {
	t.Parallel()
	got := call(t, httpapi.PublishedText("# Problems\n"), routed("GET /problems", ""))
	if got.StatusCode != 200 || got.Body != "# Problems\n" || got.Headers["Cache-Control"] != "public, max-age=300" ||
		got.Headers["Content-Type"] != "text/plain; charset=utf-8" {
		t.Errorf("got %+v", got)
	}
}
