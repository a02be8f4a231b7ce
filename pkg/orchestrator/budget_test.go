package orchestrator_test

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/orchestrator"
	"adcp-orchestrator/pkg/registry"
)

// slowAgent takes its time for every question, or until it is not awaited any more. Its lists have
// no end.
type slowAgent struct {
	profile   registry.Profile
	discovery time.Duration
	takes     time.Duration
	questions int
	cut       int // questions that were not awaited
}

func (s *slowAgent) wait(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		s.cut++
		return &adcp.CallError{Outcome: adcp.Ambiguous, Cause: ctx.Err()}
	}
}

func (s *slowAgent) Discover(ctx context.Context, _ registry.Agent) (registry.Profile, error) {
	return s.profile, s.wait(ctx, s.discovery)
}

func (s *slowAgent) Call(ctx context.Context, _ registry.Agent, tool string, _ json.RawMessage) (
	adcp.Response, error) {
	if tool == "create_media_buy" {
		return adcp.Response{}, &adcp.CallError{Outcome: adcp.Ambiguous}
	}
	s.questions++
	return answerWith(fmt.Sprintf(`{"media_buys":[],"tasks":[],"pagination":{"has_more":true,"cursor":"%d"}}`,
		s.questions)), s.wait(ctx, s.takes)
}

// slowPoll runs Poll in a function with a timeout of 60 s, a day after the purchase, and returns
// how long it took.
func slowPoll(t *testing.T, agent *slowAgent) (*harness, time.Duration) {
	t.Helper()
	h := newHarnessWith(t, agent, buySubmission)
	h.dispatch()
	h.at = h.at.Add(25 * time.Hour) // the profile is old
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	p := orchestrator.Poll{Store: h.store, Agents: agent, Deps: h.deps, Breaker: h.breaker,
		NewKey: func() string { return "key" }}
	began := time.Now()
	if _, err := p.Run(ctx, "acme", h.id); err != nil {
		t.Errorf("the run ended with %v", err)
	}
	return h, time.Since(began)
}

// Discovery, polls and look-ups have one budget: a run that the function's timeout ends stores
// nothing, and the state machine starts it again at once.
func TestOneRunOfPollStaysBelowTheFunctionsTimeout(t *testing.T) {
	t.Parallel()
	profile := registry.Profile{PollTool: "get_task_status", ListTool: "list_tasks",
		Tasks: []string{"create_media_buy", "get_media_buys"}}
	for name, agent := range map[string]slowAgent{
		"every question is slow":                {discovery: 28 * time.Second, takes: 24 * time.Second},
		"nothing is answered but the discovery": {discovery: 28 * time.Second, takes: time.Hour},
		"pages":                                 {discovery: 20 * time.Second, takes: 4 * time.Second},
		"many pages":                            {takes: 400 * time.Millisecond},
		"a discovery that ends with its time only": {discovery: time.Hour, takes: 24 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				agent.profile = profile
				h, took := slowPoll(t, &agent)
				if took > 50*time.Second || h.op().Attempts.Polls != 1 {
					t.Errorf("%s and %d questions, %d polls", took, agent.questions, h.op().Attempts.Polls)
				}
			})
		})
	}
}

// A page that our own clock cuts off would look like an agent that does not answer. So none is
// asked for when the time is nearly over, and what was not read counts as not read.
func TestPagesAreBoundedByTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		agent := &slowAgent{takes: 6 * time.Second,
			profile: registry.Profile{PollTool: "get_task_status", Tasks: []string{"create_media_buy", "get_media_buys"}}}
		h, took := slowPoll(t, agent)
		op := h.op()
		if agent.cut != 0 || op.Attempts.PollErrors != 0 || agent.questions < 2 || took > 25*time.Second {
			t.Errorf("%d questions in %s, %d cut off, %d errors", agent.questions, took, agent.cut, op.Attempts.PollErrors)
		}
		if h.attention() != operation.OutcomeUnclear {
			t.Errorf("attention %+v", op.Attention)
		}
	})
}
