package orchestrator_test

import (
	"testing"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/operation"
)

// A discovery is no attempt of the call: after its failure even an agent without idempotency is
// called.
func TestFailedDiscoveryLeavesNothingUnclear(t *testing.T) {
	t.Parallel()
	agent := &fakeAgent{
		answers:     []adcp.Response{submitted},
		discoverErr: &adcp.CallError{Outcome: adcp.Ambiguous, Status: 503},
	}
	h := newHarness(t, agent)
	if d := h.dispatch(); d.Next != operation.NextRetry || h.op().Call.Unclear {
		t.Fatalf("%+v, %+v", d, h.op().Call)
	}
	agent.discoverErr = nil
	if h.dispatch(); h.op().State != operation.Submitted || len(agent.sent) != 1 {
		t.Errorf("%s after %d calls", h.op().State, len(agent.sent))
	}
}
