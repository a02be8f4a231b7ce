package orchestrator_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/orchestrator"
	"adcp-orchestrator/pkg/registry"
)

// The root secret is rotated between two attempts. The bytes under one idempotency key stay the
// same (contract C6): the credential comes from the root of the first attempt.
func TestRotatedRootLeavesTheFrozenBytesAlone(t *testing.T) {
	t.Parallel()
	p := buyProfile()
	p.Capabilities.Idempotency = adcp.IdempotencyOffer{Support: adcp.Supported, ReplayTTL: 24 * time.Hour}
	agent := &fakeAgent{profile: p, answers: []adcp.Response{errorWith("SERVICE_UNAVAILABLE", ""), submitted}}
	h := newHarness(t, agent)
	h.id = h.submitWith(registry.Agent{Tenant: "acme", ID: "hmac", URL: "https://hmac.example/mcp", Transport: adcp.MCP,
		WebhookMode: operation.WebhookHMAC, Version: 1})
	roots := []string{"an old root secret of thirty-two b"}
	d := orchestrator.Dispatch{Store: h.store, Agents: h.caller, Deps: h.deps, Breaker: h.breaker,
		Roots: func(context.Context) ([]string, error) { return roots, nil }}
	for range 2 {
		decision, err := d.Run(t.Context(), "acme", h.id)
		if err != nil {
			t.Fatal(err)
		}
		h.at = h.at.Add(10 * time.Minute)
		if decision.Next == operation.NextRetry {
			roots = []string{"a new root secret of thirty-two b.", roots[0]}
		}
	}
	if len(agent.sent) != 2 || agent.sent[0] != agent.sent[1] {
		t.Errorf("sent %d times: %v", len(agent.sent), agent.sent)
	}
}

// submitWith registers an agent and submits the media buy to it. It returns the operation's id.
func (h *harness) submitWith(a registry.Agent) string {
	h.t.Helper()
	if err := h.store.PutAgent(h.t.Context(), a); err != nil {
		h.t.Fatal(err)
	}
	return h.submit(strings.Replace(buySubmission, `"seller"`, `"`+a.ID+`"`, 1), "k-"+a.ID).ID
}
