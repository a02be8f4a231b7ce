package orchestrator_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/registry"
)

// lockedAgent can't be called as long as there is no token for it.
type lockedAgent struct {
	fakeAgent
	fault *adcp.CallError
	// early: what the agent offers can't be asked either.
	early bool
	auth  operation.Auth
}

func (l *lockedAgent) Discover(ctx context.Context, a registry.Agent) (registry.Profile, error) {
	if l.fault != nil && l.early {
		return registry.Profile{}, l.fault
	}
	return l.fakeAgent.Discover(ctx, a)
}

func (l *lockedAgent) Call(ctx context.Context, a registry.Agent, tool string, arguments json.RawMessage) (
	adcp.Response, error) {
	l.auth = a.Auth
	if l.fault != nil {
		return adcp.Response{}, l.fault
	}
	return l.fakeAgent.Call(ctx, a, tool, arguments)
}

// contract L27: without a token nothing was sent. What a person has to mend raises attention at
// once, with what it is; what goes away by itself is tried again when the server allows it.
func TestOperationWaitsForAToken(t *testing.T) {
	t.Parallel()
	words := errors.New("words of the server")
	refused := &adcp.CallError{Outcome: adcp.Unsent, Authorization: "oauth_client_refused", Cause: words}
	away := &adcp.CallError{Outcome: adcp.Unsent, Authorization: "oauth_token_unavailable", AuthorizationWaits: true,
		RetryAfter: 20 * time.Minute, Cause: words}
	for name, tc := range map[string]struct {
		fault     *adcp.CallError
		early     bool
		attention operation.Reason
	}{
		"refused":                      {refused, false, operation.AgentRefuses},
		"refused before the discovery": {refused, true, operation.AgentRefuses},
		"away":                         {away, false, ""},
		"away before the discovery":    {away, true, ""},
	} {
		agent := &lockedAgent{fault: tc.fault, early: tc.early}
		agent.answers, agent.profile = []adcp.Response{submitted}, buyProfile()
		h := newHarnessWith(t, agent, buySubmission)
		d := h.dispatch()
		op := h.op()
		if d.Next != operation.NextRetry || op.State != operation.CallingAdCP || op.Call.Unclear ||
			h.attention() != tc.attention || d.Delay < int(tc.fault.RetryAfter.Seconds()) {
			t.Fatalf("%s: %+v, %s, %+v", name, d, op.State, op.Attention)
		}
		if op.Attention != nil && (!strings.Contains(op.Attention.Detail, "oauth_client_refused") ||
			strings.Contains(op.Attention.Detail, "words")) {
			t.Errorf("%s: %q", name, op.Attention.Detail)
		}
		agent.fault = nil
		h.at = h.at.Add(2 * time.Hour)
		h.dispatch()
		if op := h.op(); op.State != operation.Submitted || op.Attention != nil {
			t.Errorf("%s: %s, %+v", name, op.State, op.Attention)
		}
	}
}

// A poll without a token is no outage of the agent's.
func TestPollWithoutATokenNamesTheCredential(t *testing.T) {
	t.Parallel()
	agent := &lockedAgent{}
	agent.answers, agent.profile = []adcp.Response{submitted}, buyProfile()
	h := newHarnessWith(t, agent, buySubmission)
	h.dispatch()
	agent.fault = &adcp.CallError{Outcome: adcp.Unsent, Authorization: "oauth_client_refused"}
	for range 12 {
		h.at = h.at.Add(6 * time.Hour)
		h.poll()
	}
	if op := h.op(); h.attention() != operation.AgentRefuses || op.State != operation.Submitted ||
		!strings.Contains(op.Attention.Detail, "oauth_client_refused") {
		t.Errorf("%s, %+v", op.State, op.Attention)
	}
}

// contract L21: an operation keeps the authorization that it began with.
func TestOperationKeepsItsAuthorization(t *testing.T) {
	t.Parallel()
	agent := &lockedAgent{}
	agent.answers, agent.profile = []adcp.Response{submitted}, buyProfile()
	h := newHarnessWith(t, agent, buySubmission)
	a, err := h.store.Agent(t.Context(), "acme", "seller")
	if err != nil {
		t.Fatal(err)
	}
	auth := operation.Auth{Type: operation.AuthClientCredentials, CredentialRef: "adcp/acme/oauth", Scope: "adcp"}
	a.CredentialRef, a.Auth, a.Version = "", auth, a.Version+1
	if err := h.store.PutAgent(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	another := strings.Replace(buySubmission, `"account_id": "a"`, `"account_id": "b"`, 1)
	h.id = h.submit(another, "another-key-0123456789").ID
	a.Auth, a.Version = operation.Auth{}, a.Version+1
	if err := h.store.PutAgent(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	h.dispatch()
	if op := h.op(); op.Target.Auth != auth || agent.auth != auth {
		t.Errorf("target %+v, called with %+v", op.Target.Auth, agent.auth)
	}
}
