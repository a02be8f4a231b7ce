package stepfunctions_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"adcp-orchestrator/pkg/orchestrator"
	"adcp-orchestrator/pkg/stepfunctions"
)

// The SDK made a throttled start three times, from the quota that was used up.
func TestAThrottledStartIsMadeOnce(t *testing.T) {
	t.Parallel()
	for code, want := range map[string]int{"ThrottlingException": 1, "ServiceUnavailable": 2} {
		calls := 0
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/x-amz-json-1.0")
			if calls++; calls == 2 {
				_, _ = w.Write([]byte(`{"executionArn":"a","startDate":1}`))
				return
			}
			w.WriteHeader(map[string]int{"ThrottlingException": 400}[code] + map[string]int{"ServiceUnavailable": 503}[code])
			_, _ = w.Write([]byte(`{"__type":"` + code + `"}`))
		}))
		defer server.Close()
		w := stepfunctions.FromConfig(aws.Config{Region: "us-east-1", BaseEndpoint: &server.URL,
			Credentials: credentials.NewStaticCredentialsProvider("a", "b", "")}, arn)
		err := w.Start(t.Context(), "acme", "op_1", 1)
		if calls != want || errors.Is(err, orchestrator.ErrThrottled) != (want == 1) || (err == nil) != (want == 2) {
			t.Errorf("%s: %d calls, %v", code, calls, err)
		}
	}
}
