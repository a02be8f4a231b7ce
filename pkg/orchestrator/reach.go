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
		Transport: op.Target.Transport, CredentialRef: op.Target.CredentialRef, Auth: op.Target.Auth,
		Poll: op.Target.Poll, WebhookMode: op.Webhook.Mode}
}

// line is the way to agents: what is known of them, the breaker, and the caller.
type line struct {
	profiles registry.Profiles
	agents   registry.Caller
	breaker  *breaker.Breaker
	// admit is told where there is room for those who wait.
	admit func(context.Context, []circuit.GateID)
}

// contact is an agent that may be called now.
type contact struct {
	agent   registry.Agent // with what it wants signed
	profile registry.Profile
	// caller reports to the breaker how each call went.
	caller registry.Caller
	// until is when the questions of a look-up have to be over; zero for no bound of that kind.
	until time.Time
	// probe is true if the call finds out whether the agent is back.
	probe bool
	// waits is set if the agent must not be called now.
	waits waits
}

// waits is how a call has to wait, and why.
type waits struct {
	reason circuit.Reason
	slot   time.Time
	gate   circuit.GateKind
	// reserved: nobody else was given the slot.
	reserved bool
	// before is the operation's admission when it asked.
	before operation.Admission
}

// describe is what a timeline shows of a call that the breaker did not allow.
func (w waits) describe() string {
	switch w.reason {
	case circuit.BackingOff:
		return "not called: the agent asked for time"
	case circuit.Open:
		return "not called: the agent does not answer at present"
	case circuit.Paused:
		return "not called: the agent is paused"
	case circuit.Full:
		return "not called yet: as many calls are under way as the " + string(w.gate) + "'s limit allows"
	}
	return "not called yet: the agent's rate limit"
}

// record notes on the operation how its call waits. Nothing has failed: no delay of its own grows.
func (w waits) record(op *operation.Operation, now time.Time) *operation.Change {
	switch {
	case op.State.Terminal():
		return nil
	case !op.Admission.Slot.IsZero() && !op.Admission.Slot.Equal(w.before.Slot):
		return nil // it stood in line, and was given its slot before this is stored
	case w.gate == "":
		op.AwaitSlot(now, w.slot, w.reserved)
	default:
		e, joined := op.AwaitRoom(now, string(w.gate), w.slot, w.reason == circuit.Open, w.describe())
		if joined {
			return recorded(e)
		}
	}
	return &operation.Change{}
}

// reach asks the breaker for a permit for an operation's call or poll, refreshes what is known of
// the agent, and lets use call it. The permit is handed back when use is over, even if something
// panics. The error that use gets is a *adcp.CallError if the agent could not be asked what it
// offers, else a fault of ours.
func (l line) reach(ctx context.Context, op operation.Operation, known registry.Profile, now time.Time, poll bool,
	use func(contact, error) (operation.Decision, error)) (operation.Decision, error) {
	agent := agentOf(op)
	c := contact{agent: agent, profile: known}
	call := breaker.Call{
		Tenant: op.Tenant, AgentKey: agent.CircuitKey(), Origin: agent.Origin(),
		OperationID: op.ID, Created: op.CreatedAt, Poll: poll,
		HasSlot: op.HasSlot(now), Unreserved: op.Admission.Unreserved,
	}
	answer, err := l.breaker.Allow(ctx, call)
	c.profile.PollEvery = answer.PollEvery
	c.waits = waits{answer.Reason, answer.Slot, answer.Gate, answer.Reserved, op.Admission}
	if err != nil || answer.Reason != "" {
		next, err := use(c, err)
		if err == nil {
			l.admit(ctx, answer.Room)
		}
		return next, err
	}
	report := &breaker.Report{Result: breaker.ResultUnknown}
	c.probe = answer.Permit.Probe()
	defer func() { l.admit(ctx, answer.Permit.Report(ctx, *report)) }()
	if c.probe && !poll {
		defer func() { l.breaker.Rejoin(ctx, call, *report) }() // stored before: see Operation.Requeue
	}
	if gate := circuit.GateKind(op.Admission.Gate); gate != "" { // not called from the line: nobody need look for it
		l.breaker.LeaveLine(ctx, call, gate)
	}
	c.caller = observedCaller{l.agents, report}
	c.profile, err = registry.Refresh(ctx, l.profiles, c.caller, agent, known.For(op.Type), now)
	c.profile.PollEvery = answer.PollEvery
	c.agent.Signing = c.profile.Capabilities.Signing()
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
