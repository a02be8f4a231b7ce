package httpapi_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"

	"adcp-orchestrator/pkg/apikey"
	"adcp-orchestrator/pkg/httpapi"
	"adcp-orchestrator/pkg/store/memory"
)

func TestAuthorizer(t *testing.T) {
	t.Parallel()
	s := memory.New(clock)
	random := strings.NewReader(strings.Repeat("r", 32))
	scopes := []string{apikey.ScopeAgentsRead, apikey.ScopeOperationsRead}
	key, err := apikey.Issue(t.Context(), s, random, now, "acme", "test", scopes)
	if err != nil {
		t.Fatal(err)
	}
	authorize := httpapi.Authorize(s, clock)
	e := event[events.APIGatewayCustomAuthorizerRequestTypeRequest](t, "authorizer")
	e.Headers = map[string]string{"authorization": "bearer  " + key}
	got, err := authorize(t.Context(), e)
	if err != nil || got.Context["tenant"] != "acme" || got.Context["scopes"] != "agents:read operations:read" {
		t.Fatalf("got %+v, %v", got, err)
	}
	resource := got.PolicyDocument.Statement[0].Resource[0]
	if !strings.HasPrefix(e.MethodArn, strings.TrimSuffix(resource, "*")) || strings.Count(resource, "/") != 2 {
		t.Errorf("the policy covers %s, the call is %s", resource, e.MethodArn)
	}
	for _, bad := range []string{"", key, "Basic " + key, "Bearer " + key[:len(key)-1]} {
		e.Headers = map[string]string{"Authorization": bad}
		if _, err := authorize(t.Context(), e); err == nil || err.Error() != "Unauthorized" {
			t.Errorf("%q: %v", bad, err)
		}
	}
}
