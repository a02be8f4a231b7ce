package orchestrator

import (
	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/circuit"
	"context"
	"encoding/json"
	"time"
)

// guard asks the gate for a pass to call an agent now, and returns the caller to use it with: one that notes what each call tells of the agent. done hands the
// pass back, whatever came of it. If wait is not 0 nobody is to be called for that long.
func guard(ctx context.Context, b *Breaker, a Agent, agents Caller) (caller Caller, done func(context.Context), wait time.Duration, reason circuit.Reason, err error) {
	pass, wait, reason, err := b.Allow(ctx, a.Tenant, a.CircuitKey())
	if err != nil || wait > 0 {
		return nil, func(context.Context) {}, wait, reason, err
	}
	told := &Report{Result: ResultUnknown}
	return observedCaller{agents, told}, func(ctx context.Context) { pass.Report(ctx, *told) }, 0, "", nil
}

// listening notes what the last call told of the agent.
type observedCaller struct {
	Caller
	report *Report
}

func (l observedCaller) Discover(ctx context.Context, a Agent) (Profile, error) {
	profile, err := l.Caller.Discover(ctx, a)
	*l.report = ReportOf(adcp.Response{}, err)
	return profile, err
}

func (l observedCaller) Call(ctx context.Context, a Agent, tool string, arguments json.RawMessage) (adcp.Response, error) {
	r, err := l.Caller.Call(ctx, a, tool, arguments)
	*l.report = ReportOf(r, err)
	return r, err
}
