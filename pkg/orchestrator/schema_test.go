package orchestrator_test

import (
	"errors"
	"strings"
	"testing"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/orchestrator"
	"adcp-orchestrator/pkg/store"
)

// Functions are deployed one after the other: an older one leaves the operation to a newer one, and
// does not call the agent for it.
func TestOldFunctionDoesNotCallForAnOperationWithANewerSchema(t *testing.T) {
	t.Parallel()
	agent := &fakeAgent{answers: []adcp.Response{submitted}}
	h := newHarness(t, agent)
	doc, err := h.store.Attribute(t.Context(), "acme", h.id, "doc")
	if err != nil {
		t.Fatal(err)
	}
	newer := strings.Replace(doc, `"schema":1`, `"schema":4`, 1)
	if err := h.store.SetAttribute(t.Context(), "acme", h.id, "doc", newer); err != nil {
		t.Fatal(err)
	}
	d := orchestrator.Dispatch{Store: h.store, Agents: h.caller, Deps: h.deps, Breaker: h.breaker}
	if _, err := d.Run(t.Context(), "acme", h.id); !errors.Is(err, store.ErrNewerSchema) || len(agent.sent) != 0 {
		t.Errorf("%d calls, error %v", len(agent.sent), err)
	}
	op := h.op()
	if op.State != operation.Requested || op.Version != 1 {
		t.Errorf("%s in version %d", op.State, op.Version)
	}
	// It shows it, and a repeated request finds it.
	if again := h.submit(buySubmission, "k"); again.ID != h.id {
		t.Errorf("found %s, want %s", again.ID, h.id)
	}
}
