package orchestrator

import (
	"context"
	"encoding/json"
	"time"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/registry"
)

const (
	// pollBudget bounds all questions of one run of Poll together: discovery, polls and look-ups.
	pollBudget = 45 * time.Second
	// writeTime is how long before its caller's deadline a run stops asking: its own writes need the
	// rest. pollBudget and writeTime together are shorter than the function's timeout of 60 s.
	writeTime = 10 * time.Second
)

// budget returns when the questions of a run that begins now have to be over.
func budget(ctx context.Context) time.Time {
	bounded, cancel := context.WithTimeout(ctx, pollBudget)
	defer cancel()
	until, _ := bounded.Deadline()
	if own, ok := ctx.Deadline(); ok && own.Add(-writeTime).Before(until) {
		until = own.Add(-writeTime)
	}
	return until
}

// boundedCaller ends every question at one time.
type boundedCaller struct {
	registry.Caller
	until time.Time
}

func (b boundedCaller) Discover(ctx context.Context, a registry.Agent) (registry.Profile, error) {
	ctx, cancel := context.WithDeadline(ctx, b.until)
	defer cancel()
	return b.Caller.Discover(ctx, a)
}

func (b boundedCaller) Call(ctx context.Context, a registry.Agent, tool string, arguments json.RawMessage) (
	adcp.Response, error) {
	ctx, cancel := context.WithDeadline(ctx, b.until)
	defer cancel()
	return b.Caller.Call(ctx, a, tool, arguments)
}

// inOneSession returns a caller whose calls share a session with their agent, if the caller can do
// that. end ends the session.
func inOneSession(ctx context.Context, c registry.Caller) (shared registry.Caller, end func()) {
	if s, ok := c.(registry.SessionCaller); ok {
		return s.Session(ctx)
	}
	return c, func() {}
}
