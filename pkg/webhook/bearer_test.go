package webhook_test

import (
	"errors"
	"net/http"
	"testing"

	"adcp-orchestrator/pkg/webhook"
)

func TestVerifyBearer(t *testing.T) {
	t.Parallel()
	credentials := []string{"current-credential-of-thirty-two-by", "previous-credential-of-thirty-two-b"}
	for header, want := range map[string]error{
		"Bearer current-credential-of-thirty-two-by":  nil,
		"bearer previous-credential-of-thirty-two-b":  nil, // contract F67
		"Bearer current-credential-of-thirty-two-bY":  webhook.ErrBearer,
		"Bearer current-credential-of-thirty-two-b":   webhook.ErrBearer,
		"Bearer  current-credential-of-thirty-two-by": webhook.ErrBearer,
		"Basic current-credential-of-thirty-two-by":   webhook.ErrBearer,
		"current-credential-of-thirty-two-by":         webhook.ErrBearer,
		"Bearer ":                                     webhook.ErrBearer,
		"":                                            webhook.ErrBearer,
	} {
		h := http.Header{"Authorization": {header}}
		if err := webhook.VerifyBearer(h, credentials); !errors.Is(err, want) {
			t.Errorf("%q: %v, want %v", header, err, want)
		}
	}
	twice := http.Header{"Authorization": {"Bearer " + credentials[0], "Bearer " + credentials[0]}}
	if webhook.VerifyBearer(twice, credentials) == nil {
		t.Error("accepted two headers")
	}
	if webhook.VerifyBearer(http.Header{}, credentials) == nil {
		t.Error("accepted without a header")
	}
	if webhook.VerifyBearer(http.Header{"Authorization": {"Bearer "}}, nil) == nil {
		t.Error("accepted without credentials")
	}
}
