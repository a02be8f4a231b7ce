package httpapi_test

import (
	"context"
	"testing"
	"time"

	"adcp-orchestrator/pkg/apikey"
	"adcp-orchestrator/pkg/httpapi"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/orchestrator"
)

// fullQueue is a use case that takes nothing in.
type fullQueue struct{ orchestrator.Submit }

func (fullQueue) Run(context.Context, string, string, orchestrator.SubmitRequest) (
	operation.Operation, orchestrator.DedupMatch, error) {
	return operation.Operation{}, "", &orchestrator.QueueFullError{RetryAfter: 14*time.Second + 1}
}

// A client must learn when to come back, and that it may send the same request then.
func TestAFullStartQueueIsA429WithRetryAfter(t *testing.T) {
	t.Parallel()
	api := httpapi.API{BaseURL: baseURL}
	got := call(t, api.Serve(apikey.ScopeOperationsWrite, api.Submit(fullQueue{})), request(t, "submit"))
	p := decode[httpapi.Problem](t, got, 429)
	if p.Code != "start_queue_full" || got.Headers["Retry-After"] != "15" || p.Type != baseURL+"/problems#"+p.Code ||
		got.Headers["Content-Type"] != "application/problem+json" {
		t.Errorf("%+v with %v", p, got.Headers)
	}
}
