package registry

import (
	"adcp-orchestrator/pkg/adcp"
	"testing"
)

// contract B57: a timeline tells what was wrong with a signature, before the status that came with it.
func TestTimelineTellsOfSignatures(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		ce   adcp.CallError
		want string
	}{
		{adcp.CallError{Outcome: adcp.Refused, Status: 401, Signature: "request_signature_key_unknown"}, "the agent refused our signature: request_signature_key_unknown"},
		{adcp.CallError{Outcome: adcp.Unsent, Signature: adcp.SigningFailed}, "not called: the request has to be signed, and could not be"},
		{adcp.CallError{Outcome: adcp.Refused, Status: 401}, "the agent answered HTTP 401 Unauthorized"},
	} {
		if got := DescribeCallError(&c.ce); got != c.want {
			t.Errorf("%+v is told as %q, want %q", c.ce, got, c.want)
		}
	}
}
