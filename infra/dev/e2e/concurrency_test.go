package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sfn"
	sfntypes "github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"adcp-orchestrator/pkg/operation"
)

// limitConcurrency sets the account's quota of concurrent executions of functions until the test
// ends, or until lift is called. All tests share the account: only one that runs alone may do it.
func limitConcurrency(t *testing.T, quota int) (lift func()) {
	t.Helper()
	file := env(t, "CONCURRENCY_FILE")
	lift = func() {
		if err := os.Remove(file); err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Error(err)
		}
	}
	t.Cleanup(lift)
	if err := os.WriteFile(file+".new", []byte(strconv.Itoa(quota)), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(file+".new", file); err != nil { // it is read at each invocation: never half of it
		t.Fatal(err)
	}
	return lift
}

// throttled lists the invocations that were refused for the quota, each with the reason.
func throttled(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile(env(t, "THROTTLED_LOG"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	return slices.Collect(strings.Lines(string(text)))
}

// callLambda calls Lambda's API.
func callLambda(t *testing.T, method, path string) (status int, body []byte) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, env(t, "AWS_ENDPOINT_URL")+path, strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential="+env(t, "AWS_ACCESS_KEY_ID")+
		"/20250101/us-east-1/lambda/aws4_request, SignedHeaders=host, Signature=none")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if body, err = io.ReadAll(resp.Body); err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, body
}

// invokeIdentity invokes a function directly.
func invokeIdentity(t *testing.T) (status int, body []byte) {
	t.Helper()
	var list struct {
		Functions []struct{ FunctionName string }
	}
	_, text := callLambda(t, http.MethodGet, "/2015-03-31/functions/")
	if err := json.Unmarshal(text, &list); err != nil {
		t.Fatal(err)
	}
	for _, f := range list.Functions {
		if strings.Contains(f.FunctionName, "IdentityFunction") {
			return callLambda(t, http.MethodPost, "/2015-03-31/functions/"+f.FunctionName+"/invocations")
		}
	}
	t.Fatalf("no such function: %s", text)
	return 0, nil
}

// An account whose functions are all busy refuses clients and agents, who come again, and delays
// executions: none of them dies. It runs alone, because it leaves the account no concurrency.
func TestAnAccountWithoutConcurrencyDelaysOperationsOnly(t *testing.T) {
	h := newHarness(t, 2)
	op := h.buy(t, map[string]any{"delay_ms": 2000, "webhook": "none"})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if _, err := h.Follow(ctx, op.ID, isSubmitted, nil); err != nil {
		t.Fatal(err)
	}
	lift := limitConcurrency(t, 0)
	stranger := *h.Client
	stranger.Key = "of nobody" // the authorizer's answer for another key may be known
	if status, body := invokeIdentity(t); status != http.StatusTooManyRequests ||
		!strings.Contains(string(body), `"ConcurrentInvocationLimitExceeded"`) {
		t.Errorf("an invocation: HTTP %d %s", status, body)
	}
	for path, code := range map[string]string{
		"/v1/operations":       `"authorizer_failed"`,
		"/v1/webhooks/unknown": `"internal_error"`,
	} {
		resp, body, err := stranger.Do(ctx, http.MethodPost, path, nil, map[string]any{})
		if err != nil {
			t.Fatal(err)
		}
		if resp.StatusCode != http.StatusInternalServerError || !strings.Contains(string(body), code) {
			t.Errorf("%s: %s: %s", path, resp.Status, body)
		}
	}
	h.awaitThrottled(ctx, t, op.ID)
	lift()
	op = h.waitSettled(t, op.ID)
	checkEnded(t, op, operation.Completed, operation.ByPoll)
	checkBoughtOnce(t, op)
}

// awaitThrottled waits until an operation's first execution was refused a function.
func (h *harness) awaitThrottled(ctx context.Context, t *testing.T, id string) {
	t.Helper()
	arn := firstExecution(env(t, "STATE_MACHINE_ARN"), id)
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		out, err := h.sfn.GetExecutionHistory(ctx, &sfn.GetExecutionHistoryInput{ExecutionArn: &arn, ReverseOrder: true})
		if err != nil {
			t.Fatal(err)
		}
		if slices.ContainsFunc(out.Events, func(e sfntypes.HistoryEvent) bool {
			return e.TaskFailedEventDetails != nil && *e.TaskFailedEventDetails.Error == "Lambda.TooManyRequestsException"
		}) {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatal("the execution was never refused a function")
		}
	}
}
