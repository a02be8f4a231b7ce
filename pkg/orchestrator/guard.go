package orchestrator

import (
	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/breaker"
	"adcp-orchestrator/pkg/circuit"
	"adcp-orchestrator/pkg/registry"
	"context"
	"encoding/json"
	"time"
)

// guard asks the gate for a pass to call an agent now, and returns the caller to use it with: one that notes what each call tells of the agent. done hands the
// pass back, whatever came of it. If wait is not 0 nobody is to be called for that long.
func guard(ctx context.Context, b *breaker.Breaker, a registry.Agent, agents registry.Caller) (caller registry.Caller, done func(context.Context), wait time.Duration, reason circuit.Reason, err error) {
	pass, wait, reason, err := b.Allow(ctx, a.Tenant, a.CircuitKey())
	if err != nil || wait > 0 {
		return nil, func(context.Context) {}, wait, reason, err
	}
	told := &breaker.Report{Result: breaker.ResultUnknown}
	return observedCaller{agents, told}, func(ctx context.Context) { pass.Report(ctx, *told) }, 0, "", nil
}

// listening notes what the last call told of the agent.
type observedCaller struct {
	registry.Caller
	report *breaker.Report
}

func (l observedCaller) Discover(ctx context.Context, a registry.Agent) (registry.Profile, error) {
	profile, err := l.Caller.Discover(ctx, a)
	*l.report = breaker.ReportOf(adcp.Response{}, err)
	return profile, err
}

func (l observedCaller) Call(ctx context.Context, a registry.Agent, tool string, arguments json.RawMessage) (adcp.Response, error) {
	r, err := l.Caller.Call(ctx, a, tool, arguments)
	*l.report = breaker.ReportOf(r, err)
	return r, err
}
