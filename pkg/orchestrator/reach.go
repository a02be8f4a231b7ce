package orchestrator

import (
	"context"
	"encoding/json"
	"time"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/breaker"
	"adcp-orchestrator/pkg/circuit"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/registry"
)

// agentOf is the agent as the operation froze it.
func agentOf(op operation.Operation) registry.Agent {
	return registry.Agent{Tenant: op.Tenant, ID: op.AgentID, URL: op.Target.URL,
		Transport: op.Target.Transport, CredentialRef: op.Target.CredentialRef,
		Poll: op.Target.Poll, WebhookMode: op.Webhook.Mode}
}

// line is the way to agents: what is known of them, the breaker, and the caller.
type line struct {
	profiles registry.Profiles
	agents   registry.Caller
	breaker  *breaker.Breaker
}

// contact is an agent that may be called now.
type contact struct {
	agent   registry.Agent // with what it wants signed
	profile registry.Profile
	// caller reports to the breaker how each call went.
	caller registry.Caller
	// until is when the questions of a look-up have to be over; zero for no bound of that kind.
	until time.Time
	// blocked is set if the agent must not be called for a time.
	blocked blocked
}

// blocked is how long an agent must not be called, and why.
type blocked struct {
	wait   time.Duration
	reason circuit.Reason
}

// byOwnLimit reports whether our own rate limit blocks the call. The operation has nothing to
// record then.
func (b blocked) byOwnLimit() bool { return b.reason == circuit.Limited }

// describe is what a timeline shows of a call that the breaker did not allow.
func (b blocked) describe() string {
	if b.reason == circuit.BackingOff {
		return "not called: the agent asked for time"
	}
	return "not called: the agent does not answer at present"
}

// reach asks the breaker for a permit to call an agent, refreshes what is known of the agent, and
// lets use call it. The permit is handed back when use is over, even if something panics. The error
// that use gets is a *adcp.CallError if the agent could not be asked what it offers, else a fault
// of ours.
func (l line) reach(ctx context.Context, agent registry.Agent, known registry.Profile, now func() time.Time,
	use func(contact, error) (operation.Decision, error)) (operation.Decision, error) {
	c := contact{agent: agent, profile: known}
	permit, wait, reason, err := l.breaker.Allow(ctx, agent.Tenant, agent.CircuitKey())
	if c.blocked = (blocked{wait, reason}); err != nil || wait > 0 {
		return use(c, err)
	}
	report := &breaker.Report{Result: breaker.ResultUnknown}
	defer func() { permit.Report(ctx, *report) }()
	c.caller = observedCaller{l.agents, report}
	c.profile, err = registry.Refresh(ctx, l.profiles, c.caller, agent, known, now())
	c.agent.Signing = c.profile.Capabilities.Requests
	return use(c, err)
}

// observedCaller keeps what the last call says about the agent.
type observedCaller struct {
	registry.Caller
	report *breaker.Report
}

func (o observedCaller) Discover(ctx context.Context, a registry.Agent) (registry.Profile, error) {
	profile, err := o.Caller.Discover(ctx, a)
	*o.report = breaker.ReportOf(adcp.Response{}, err)
	return profile, err
}

func (o observedCaller) Call(ctx context.Context, a registry.Agent, tool string, arguments json.RawMessage) (
	adcp.Response, error) {
	r, err := o.Caller.Call(ctx, a, tool, arguments)
	*o.report = breaker.ReportOf(r, err)
	return r, err
}
