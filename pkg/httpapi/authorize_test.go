package httpapi_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"adcp-orchestrator/pkg/apikey"
	"adcp-orchestrator/pkg/httpapi"
	"adcp-orchestrator/pkg/store/memory"
)

func TestAuthorizer(t *testing.T) {
	t.Parallel()
	s := memory.New(clock)
	random := strings.NewReader(strings.Repeat("r", 64))
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

// slowTouches is a store that can't note the use of a key.
type slowTouches struct {
	apikey.Store
	touches int
}

func (s *slowTouches) Touch(ctx context.Context, _, _ string, _ time.Time) error {
	s.touches++
	if _, bounded := ctx.Deadline(); !bounded {
		return nil // the test sees that nothing bounds it
	}
	return errors.New("throttled")
}

// A table that can't be written to makes requests neither fail nor wait each time.
func TestKeysAuthorizeThoughTheirUseCannotBeNoted(t *testing.T) {
	t.Parallel()
	s := memory.New(clock)
	random := strings.NewReader(strings.Repeat("r", 64))
	key, err := apikey.Issue(t.Context(), s, random, now, "acme", "test", apikey.DefaultScopes())
	if err != nil {
		t.Fatal(err)
	}
	at := now
	slow := &slowTouches{Store: s}
	authorize := httpapi.Authorize(slow, func() time.Time { return at })
	e := event[events.APIGatewayCustomAuthorizerRequestTypeRequest](t, "authorizer")
	e.Headers = map[string]string{"Authorization": "Bearer " + key}
	for i := range 100 {
		if i == 50 {
			at = at.Add(2 * time.Minute)
		}
		if _, err := authorize(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	if slow.touches != 2 {
		t.Errorf("%d writes were tried in two minutes", slow.touches)
	}
}

// The use is noted once in an hour, whatever the number of requests.
func TestUseOfAKeyIsNotedOnceInAnHour(t *testing.T) {
	t.Parallel()
	s := memory.New(clock)
	random := strings.NewReader(strings.Repeat("r", 64))
	key, err := apikey.Issue(t.Context(), s, random, now, "acme", "test", apikey.DefaultScopes())
	if err != nil {
		t.Fatal(err)
	}
	at := now
	authorize := httpapi.Authorize(s, func() time.Time { return at })
	e := event[events.APIGatewayCustomAuthorizerRequestTypeRequest](t, "authorizer")
	e.Headers = map[string]string{"Authorization": "Bearer " + key}
	for _, want := range []time.Duration{0, 0, 0, 60 * time.Minute, 60 * time.Minute} {
		if _, err := authorize(t.Context(), e); err != nil {
			t.Fatal(err)
		}
		page, _, err := s.KeyRecords(t.Context(), "acme", "", 10)
		if err != nil || len(page) != 1 || !page[0].LastUsedAt.Equal(now.Add(want)) {
			t.Errorf("at %v: last used %+v, %v", at.Sub(now), page, err)
		}
		at = at.Add(20 * time.Minute)
	}
}
