package registry_test

import (
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
