package orchestrator

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/registry"
)

const (
	// pollBudget bounds all questions of one run of Poll together, from its begin on: discovery, polls
	// and look-ups.
	pollBudget = 45 * time.Second
	// questionTime is how much of it has to be left for a first question: one that our own clock cuts
	// off would look like an agent that does not answer.
	questionTime = 10 * time.Second
	// writeTime is how long before its caller's deadline a run stops asking or calling: its own writes
	// need the rest, each of which may lose two attempts of the store's client. pollBudget and
	// writeTime together are the function's timeout of 60 s.
	writeTime = 15 * time.Second
	// callTimeout bounds one call. An agent may work on an open connection for 300 s (contract A14).
	// That is the function's own timeout as well; discovery and our writes need their share of it.
	callTimeout = 240 * time.Second
	// minCallTime is how much time has to be left for a call: one that our own clock cuts off leaves a
	// purchase whose outcome nobody knows.
	minCallTime = 30 * time.Second
)

// budget returns when what takes at most limit has to be over if it begins now, so that the run's
// writes have their time before ctx ends.
func budget(ctx context.Context, limit time.Duration) time.Time {
	until := time.Now().Add(limit) // no time of an operation: contexts end by this clock
	if own, ok := ctx.Deadline(); ok && own.Add(-writeTime).Before(until) {
		return own.Add(-writeTime)
	}
	return until
}

// errNoTime is returned instead of a call that could not be awaited: nothing is stored, nothing is
// sent, and the workflow tries again.
var errNoTime = errors.New("no time is left to call the agent")

// late reports whether too little time is left to ask the agent something.
func (c contact) late() bool { return time.Until(c.until) < questionTime }

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
