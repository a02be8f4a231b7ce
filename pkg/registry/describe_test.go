package registry_test

import (
	"errors"
	"strings"
	"testing"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/registry"
)

// contract B57: a timeline shows what was wrong with a signature rather than the status that came
// with it.
func TestDescriptionPrefersTheSignatureToTheStatus(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		err  adcp.CallError
		want string
	}{
		{
			adcp.CallError{Outcome: adcp.Refused, Status: 401, Signature: "request_signature_key_unknown"},
			"the agent refused our signature: request_signature_key_unknown",
		},
		{
			adcp.CallError{Outcome: adcp.Unsent, Signature: adcp.SigningFailed},
			"not called: the request has to be signed, and could not be",
		},
		{
			adcp.CallError{Outcome: adcp.Refused, Status: 401},
			"the agent answered HTTP 401 Unauthorized",
		},
	} {
		if got := registry.DescribeCallError(&c.err); got != c.want {
			t.Errorf("%+v is described as %q, want %q", c.err, got, c.want)
		}
	}
}

// contract L27: a timeline says what is wrong and who has to act, and nothing of the server's.
func TestDescriptionSaysWhyThereIsNoToken(t *testing.T) {
	t.Parallel()
	for code, want := range map[string][]string{
		"oauth_client_refused":    {"not called: ", "refuses the client id or its secret", "check the secret"},
		"oauth_token_unavailable": {"not called: ", "no token at present", "operations try again by themselves"},
	} {
		got := registry.DescribeCallError(&adcp.CallError{Outcome: adcp.Unsent, Authorization: code,
			Cause: errors.New("words of the server")})
		for _, part := range append(want, code) {
			if !strings.Contains(got, part) || strings.Contains(got, "words") {
				t.Errorf("%s: %q", code, got)
			}
		}
	}
	demand := registry.DescribeCallError(&adcp.CallError{Outcome: adcp.Refused, Status: 401, DemandsOAuth: true})
	if !strings.Contains(demand, "HTTP 401") || !strings.Contains(demand, "OAuth") {
		t.Errorf("got %q", demand)
	}
}
