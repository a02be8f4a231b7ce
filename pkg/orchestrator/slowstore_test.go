package orchestrator_test

import (
	"context"
	"encoding/json"
	"testing"
	"testing/synctest"
	"time"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/breaker"
	"adcp-orchestrator/pkg/circuit"
	"adcp-orchestrator/pkg/notice"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/orchestrator"
	"adcp-orchestrator/pkg/registry"
	"adcp-orchestrator/pkg/store"
	"adcp-orchestrator/pkg/store/memory"

	"github.com/google/uuid"
)

// slowStore takes its time for each request: as long as DynamoDB's client, when two attempts wait
// in vain for an answer.
type slowStore struct {
	*memory.Store
	takes time.Duration
}

func (s slowStore) wait(ctx context.Context) error {
	select {
	case <-time.After(s.takes):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s slowStore) Get(ctx context.Context, tenant, id string) (operation.Operation, error) {
	if err := s.wait(ctx); err != nil {
		return operation.Operation{}, err
	}
	return s.Store.Get(ctx, tenant, id)
}

func (s slowStore) Commit(ctx context.Context, c operation.Change) error {
	if err := s.wait(ctx); err != nil {
		return err
	}
	return s.Store.Commit(ctx, c)
}

func (s slowStore) Request(ctx context.Context, tenant, id string) (json.RawMessage, error) {
	if err := s.wait(ctx); err != nil {
		return nil, err
	}
	return s.Store.Request(ctx, tenant, id)
}

func (s slowStore) Profile(ctx context.Context, tenant, agent string, at registry.Endpoint) (
	registry.Profile, error) {
	if err := s.wait(ctx); err != nil {
		return registry.Profile{}, err
	}
	return s.Store.Profile(ctx, tenant, agent, at)
}

func (s slowStore) PutProfile(ctx context.Context, tenant, agent string, p registry.Profile) error {
	if err := s.wait(ctx); err != nil {
		return err
	}
	return s.Store.PutProfile(ctx, tenant, agent, p)
}

func (s slowStore) Circuit(ctx context.Context, tenant, agent string) (store.Document, error) {
	if err := s.wait(ctx); err != nil {
		return store.Document{}, err
	}
	return s.Store.Circuit(ctx, tenant, agent)
}

func (s slowStore) PutCircuit(ctx context.Context, tenant, agent string, d store.Document,
	told ...notice.Notice) error {
	if err := s.wait(ctx); err != nil {
		return err
	}
	return s.Store.PutCircuit(ctx, tenant, agent, d, told...)
}

// slowly makes the harness's store slow, for the breaker too, and returns it.
func (h *harness) slowly(takes time.Duration) slowStore {
	s := slowStore{h.store, takes}
	h.breaker = breaker.New(s, breaker.Options{Policy: circuit.Default, Bounds: breaker.DefaultBounds, Lease: time.Minute,
		Now: h.deps.Now, Jitter: h.deps.Jitter, NewID: uuid.NewString})
	return s
}

// A slow store, a slow discovery and slow answers share the function's timeout of 60 s. A run that
// it ends stores nothing.
func TestRunOfPollWithASlowStoreStaysBelowTheFunctionsTimeout(t *testing.T) {
	t.Parallel()
	profile := registry.Profile{PollTool: "get_task_status", ListTool: "list_tasks",
		Tasks: []string{"create_media_buy", "get_media_buys"}}
	for name, agent := range map[string]slowAgent{
		"everything is slow":               {discovery: 25 * time.Second, takes: 24 * time.Second},
		"the discovery takes all its time": {discovery: time.Hour, takes: time.Hour},
		"only the discovery is answered":   {discovery: 10 * time.Second, takes: time.Hour},
		"pages":                            {takes: 4 * time.Second},
	} {
		for _, takes := range []time.Duration{time.Second, 4 * time.Second, 5 * time.Second} {
			t.Run(name+", "+takes.String(), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					agent := agent
					agent.profile = profile
					h := newHarnessWith(t, &agent, buySubmission)
					h.dispatch()
					h.at = h.at.Add(25 * time.Hour) // the profile is old
					s := h.slowly(takes)
					ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
					defer cancel()
					p := orchestrator.Poll{Store: s, Agents: &agent, Deps: h.deps, Breaker: h.breaker,
						NewKey: func() string { return "key" }}
					began := time.Now()
					_, err := p.Run(ctx, "acme", h.id)
					took := time.Since(began)
					if err != nil || took >= time.Minute || h.op().Attempts.Polls != 1 {
						t.Errorf("%s and %d questions, %d polls: %v", took, agent.questions, h.op().Attempts.Polls, err)
					}
				})
			})
		}
	}
}

// endlessCall is an agent whose call is answered by nobody.
type endlessCall struct{ slowAgent }

func (e *endlessCall) Call(ctx context.Context, _ registry.Agent, _ string, _ json.RawMessage) (
	adcp.Response, error) {
	return adcp.Response{}, e.wait(ctx, time.Hour)
}

// What is not stored before the function's timeout of 300 s is a purchase whose call began and
// never ended: nobody knows that its answer was lost before the lease is over.
func TestRunOfDispatchWithASlowStoreStaysBelowTheFunctionsTimeout(t *testing.T) {
	t.Parallel()
	for _, takes := range []time.Duration{0, time.Second, 4 * time.Second, 9 * time.Second} {
		t.Run(takes.String(), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				agent := &endlessCall{slowAgent{profile: buyProfile(), discovery: 29 * time.Second}}
				h := newHarnessWith(t, agent, buySubmission)
				s := h.slowly(takes)
				ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
				defer cancel()
				d := orchestrator.Dispatch{Store: s, Agents: agent, Deps: h.deps, Breaker: h.breaker}
				began := time.Now()
				_, err := d.Run(ctx, "acme", h.id)
				took := time.Since(began)
				if call := h.op().Call; err != nil || took >= 5*time.Minute || call.InFlight || !call.Unclear {
					t.Errorf("%s, in flight %t, unclear %t: %v", took, call.InFlight, call.Unclear, err)
				}
				if took < 4*time.Minute {
					t.Errorf("the agent had %s only", took)
				}
			})
		})
	}
}

// A call that can't be awaited would leave a purchase whose outcome nobody knows.
func TestCallIsNotBegunWithoutTimeForItsAnswer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		agent := &fakeAgent{profile: buyProfile(), answers: []adcp.Response{submitted}}
		h := newHarness(t, agent)
		ctx, cancel := context.WithTimeout(t.Context(), 40*time.Second)
		defer cancel()
		d := orchestrator.Dispatch{Store: h.store, Agents: agent, Deps: h.deps, Breaker: h.breaker}
		if _, err := d.Run(ctx, "acme", h.id); err == nil || len(agent.sent) != 0 || h.op().State != operation.Requested {
			t.Errorf("%d calls, %s: %v", len(agent.sent), h.op().State, err)
		}
		h.dispatch()
		if len(agent.sent) != 1 {
			t.Errorf("%d calls", len(agent.sent))
		}
	})
}

// Our own clock is nothing to blame the agent for.
func TestQuestionIsNotAskedWithoutTimeForItsAnswer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		agent := &slowAgent{profile: registry.Profile{PollTool: "get_task_status", ListTool: "list_tasks",
			Tasks: []string{"create_media_buy", "get_media_buys"}}}
		h := newHarnessWith(t, agent, buySubmission)
		h.dispatch()
		h.at = h.at.Add(time.Hour)
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		p := orchestrator.Poll{Store: h.store, Agents: agent, Deps: h.deps, Breaker: h.breaker,
			NewKey: func() string { return "key" }}
		_, err := p.Run(ctx, "acme", h.id)
		if n := h.op().Attempts; err != nil || agent.questions != 0 || n.Polls != 1 || n.PollErrors != 0 {
			t.Errorf("%d questions, %d polls, %d errors: %v", agent.questions, n.Polls, n.PollErrors, err)
		}
	})
}
