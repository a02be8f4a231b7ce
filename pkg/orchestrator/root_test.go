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

const (
	rootA = "an old root secret of thirty-two b"
	rootB = "a second root secret of thirty-two"
	rootC = "a third root secret of thirty-two b"
)

// rotated is a purchase whose first call was sealed with rootA and failed. dispatch runs Dispatch
// with the roots, and lets the time to the next attempt pass.
func rotated(t *testing.T, answers ...adcp.Response) (h *harness, dispatch func(roots ...string)) {
	t.Helper()
	p := buyProfile()
	p.Capabilities.Idempotency = adcp.IdempotencyOffer{Support: adcp.Supported, ReplayTTL: 24 * time.Hour}
	h = newHarness(t, &fakeAgent{profile: p, answers: answers})
	h.id = h.submitWith(registry.Agent{Tenant: "acme", ID: "hmac", URL: "https://hmac.example/mcp", Transport: adcp.MCP,
		WebhookMode: operation.WebhookHMAC, Version: 1})
	dispatch = func(roots ...string) {
		t.Helper()
		d := orchestrator.Dispatch{Store: h.store, Agents: h.caller, Deps: h.deps, Breaker: h.breaker,
			Roots: func(context.Context) ([]string, error) { return roots, nil }}
		if _, err := d.Run(t.Context(), "acme", h.id); err != nil {
			t.Fatal(err)
		}
		h.at = h.at.Add(10 * time.Minute)
	}
	dispatch(rootA)
	return h, dispatch
}

// After two rotations the root of the first call is no longer there. Another one in its place would
// make other bytes under the same key (contract C6).
func TestRequestWhoseRootSecretIsGoneIsNotSentWithAnother(t *testing.T) {
	t.Parallel()
	h, dispatch := rotated(t, errorWith("SERVICE_UNAVAILABLE", ""), submitted)
	for range 3 {
		dispatch(rootC, rootB)
	}
	op := h.op()
	if len(h.agent.sent) != 1 || op.State != operation.CallingAdCP {
		t.Fatalf("sent %d times, %s", len(h.agent.sent), op.State)
	}
	if h.attention() != operation.RootSecretGone || !strings.Contains(op.Attention.Detail, "previous") {
		t.Errorf("attention %+v", op.Attention)
	}
	dispatch(rootC, rootB, rootA) // the remedy
	if len(h.agent.sent) != 2 || h.agent.sent[0] != h.agent.sent[1] {
		t.Errorf("sent %d times: %v", len(h.agent.sent), h.agent.sent)
	}
	if op := h.op(); op.State != operation.Submitted || op.Attention != nil {
		t.Errorf("%s, attention %+v", op.State, op.Attention)
	}
}

func TestFormerRootsKeepTheBytesThroughManyRotations(t *testing.T) {
	t.Parallel()
	h, dispatch := rotated(t, errorWith("SERVICE_UNAVAILABLE", ""), errorWith("SERVICE_UNAVAILABLE", ""), submitted)
	dispatch(rootB, rootA)
	dispatch(rootC, rootB, rootA)
	if sent := h.agent.sent; len(sent) != 3 || sent[0] != sent[1] || sent[0] != sent[2] {
		t.Errorf("sent %d times: %v", len(sent), sent)
	}
}

// The process died between its call and its write: the attempt stays unclear, and somebody hears of
// it.
func TestRootThatIsGoneAfterACrashRaisesAttentionOnce(t *testing.T) {
	t.Parallel()
	h, dispatch := rotated(t, errorWith("SERVICE_UNAVAILABLE", ""), submitted)
	op := h.op()
	op.Call.InFlight, op.Call.LeaseUntil = true, h.at.Add(-time.Second)
	op.BumpVersion(h.at)
	if err := h.store.Commit(t.Context(), operation.Change{Op: op}); err != nil {
		t.Fatal(err)
	}
	dispatch(rootC, rootB)
	flagged := h.op()
	dispatch(rootC, rootB)
	if again := h.op(); h.attention() != operation.RootSecretGone || again.Version != flagged.Version ||
		!again.Call.InFlight || len(h.agent.sent) != 1 {
		t.Errorf("attention %+v in version %d, then %d; in flight: %v", again.Attention, flagged.Version, again.Version,
			again.Call.InFlight)
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
