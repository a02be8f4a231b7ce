package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"testing"

	"github.com/aws/aws-lambda-go/events"
)

func TestPublished(t *testing.T) {
	t.Parallel()
	var fail error
	serve := Published(func(context.Context) (map[string]any, error) { return map[string]any{"keys": []any{}}, fail })
	got, err := serve(t.Context(), events.APIGatewayProxyRequest{})
	if err != nil || got.StatusCode != 200 || got.Body != `{"keys":[]}` || got.Headers["Cache-Control"] != "public, max-age=300" ||
		got.Headers["Content-Type"] != "application/json" || got.Headers["Strict-Transport-Security"] == "" {
		t.Errorf("got %+v, %v", got, err)
	}
	fail = errors.New("arn:aws:kms:us-east-1:123456789012:key/1 is away")
	got, err = serve(t.Context(), events.APIGatewayProxyRequest{})
	var p Problem
	if bad := json.Unmarshal([]byte(got.Body), &p); bad != nil || err != nil || got.StatusCode != 503 || p.Status != 503 || p.Detail == fail.Error() ||
		got.Headers["Cache-Control"] != "no-store" || got.Headers["Content-Type"] != "application/problem+json" {
		t.Errorf("got %+v, %v, %v", got, err, bad)
	}
}
