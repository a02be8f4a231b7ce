package registry_test

import (
	"context"
	"encoding/json"
	"errors"
	"reflect"
	"testing"
	"time"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/breaker"
	"adcp-orchestrator/pkg/circuit"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/registry"
	"adcp-orchestrator/pkg/store"
	"adcp-orchestrator/pkg/store/memory"
)

func TestPutAndDeleteHonourTheVersion(t *testing.T) {
	t.Parallel()
	r, _ := register(&fakeAgent{Profile: cleanProfile()})
	r.MaxAgents = 1
	put := func(version int64) (int64, error) {
		a, _, err := r.RunIf(t.Context(), "acme", "seller", []byte(sellerEntry), version)
		return a.Version, err
	}
	if _, err := put(1); !errors.Is(err, registry.ErrVersion) {
		t.Errorf("a version of an entry that is not there: %v", err)
	}
	for want := range int64(3) {
		if got, err := put(want); err != nil || got != want+1 {
			t.Fatalf("version %d, %v", got, err)
		}
	}
	if _, err := put(2); !errors.Is(err, registry.ErrVersion) {
		t.Errorf("a former version: %v", err)
	}
	if err := r.Delete(t.Context(), "acme", "seller", 2); !errors.Is(err, registry.ErrVersion) {
		t.Errorf("a former version is deleted: %v", err)
	}
	if err := r.Delete(t.Context(), "acme", "seller", 3); err != nil {
		t.Fatal(err)
	}
	if err := r.Delete(t.Context(), "acme", "seller", 0); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("deleted twice: %v", err)
	}
	if got, err := put(0); err != nil || got != 1 { // there is room again
		t.Errorf("registered again: version %d, %v", got, err)
	}
}

// changingStore lets another writer be faster once.
type changingStore struct {
	*memory.Store
	change func()
}

func (s *changingStore) DeleteAgent(ctx context.Context, tenant, id string, version int64) error {
	if s.change != nil {
		s.change()
		s.change = nil
	}
	return s.Store.DeleteAgent(ctx, tenant, id, version)
}

func TestDeleteDecidesAgainWhenTheEntryHasChanged(t *testing.T) {
	t.Parallel()
	for version, want := range map[int64]error{0: nil, 1: registry.ErrVersion} {
		r, s := register(&fakeAgent{Profile: cleanProfile()})
		put := func() {
			if _, _, err := r.Run(t.Context(), "acme", "seller", []byte(sellerEntry)); err != nil {
				t.Error(err)
			}
		}
		put()
		deleting := r
		deleting.Store = &changingStore{s, put}
		if err := deleting.Delete(t.Context(), "acme", "seller", version); !errors.Is(err, want) {
			t.Errorf("If-Match %d: %v", version, err)
		}
	}
}

func TestTheFirstWhoPausedStays(t *testing.T) {
	t.Parallel()
	r, s := register(&fakeAgent{Profile: cleanProfile()})
	brake := func(on bool, reason string) registry.Brake {
		return registry.Brake{On: on, At: now, Reason: reason, Actor: operation.Actor{ID: reason}}
	}
	_, err := registry.SetBrake(t.Context(), s, "acme", "seller", brake(true, "a"))
	if !errors.Is(err, store.ErrNotFound) {
		t.Errorf("an unknown agent: %v", err)
	}
	if _, _, err := r.Run(t.Context(), "acme", "seller", []byte(sellerEntry)); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		set  registry.Brake
		want string
	}{{brake(true, "a"), "a"}, {brake(true, "b"), "a"}, {brake(false, "c"), "c"}, {brake(false, "d"), "c"},
		{brake(true, "e"), "e"}} {
		got, err := registry.SetBrake(t.Context(), s, "acme", "seller", step.set)
		if err != nil || got.Reason != step.want || got.On != step.set.On {
			t.Errorf("%v by %s: got %+v, %v", step.set.On, step.set.Reason, got, err)
		}
	}
}

// probedAgent takes time for each answer.
type probedAgent struct {
	fakeAgent
	at     *time.Time
	called error
}

func (f *probedAgent) Discover(ctx context.Context, a registry.Agent) (registry.Profile, error) {
	*f.at = f.at.Add(700 * time.Millisecond)
	return f.fakeAgent.Discover(ctx, a)
}

func (f *probedAgent) Call(ctx context.Context, _ registry.Agent, tool string, _ json.RawMessage) (
	adcp.Response, error) {
	if until, bounded := ctx.Deadline(); !bounded || time.Until(until) > 20*time.Second {
		return adcp.Response{}, errors.New("called without a deadline")
	}
	*f.at = f.at.Add(300 * time.Millisecond)
	if tool != "get_adcp_capabilities" {
		return adcp.Response{}, errors.New("a tool that may change something")
	}
	return adcp.Response{}, f.called
}

func TestProbeTellsHowTheAgentIsAndStoresNothing(t *testing.T) {
	t.Parallel()
	down := &adcp.CallError{Outcome: adcp.Unsent}
	hung := &adcp.CallError{Outcome: adcp.Ambiguous}
	for name, tc := range map[string]struct {
		discovered, called error
		reached            bool
		steps              []registry.ProbeStep
		finding            string
	}{
		"up": {reached: true, steps: []registry.ProbeStep{
			{Name: registry.StepDiscovery, Took: 700 * time.Millisecond},
			{Name: registry.StepCall, Took: 300 * time.Millisecond}}},
		"down": {discovered: down, finding: "agent_unreached", steps: []registry.ProbeStep{
			{Name: registry.StepDiscovery, Took: 700 * time.Millisecond, Error: registry.DescribeCallError(down)}}},
		"hanging": {called: hung, reached: true, steps: []registry.ProbeStep{
			{Name: registry.StepDiscovery, Took: 700 * time.Millisecond},
			{Name: registry.StepCall, Took: 300 * time.Millisecond, Error: registry.DescribeCallError(hung)}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, s := register(&fakeAgent{Profile: cleanProfile()})
			at := now
			r.Now = func() time.Time { return at }
			if _, _, err := r.Run(t.Context(), "acme", "seller", []byte(sellerEntry)); err != nil {
				t.Fatal(err)
			}
			stored, err := registry.Recall(t.Context(), s, seller())
			if err != nil {
				t.Fatal(err)
			}
			at = at.Add(time.Hour)
			r.Agents = &probedAgent{fakeAgent{Profile: cleanProfile(), err: tc.discovered}, &at, tc.called}
			_, got, err := r.Probe(t.Context(), "acme", "seller")
			if err != nil || got.Reached != tc.reached || !reflect.DeepEqual(got.Steps, tc.steps) {
				t.Errorf("got %+v, %v", got, err)
			}
			if tc.finding != "" && (len(got.Findings) == 0 || got.Findings[0].Code != tc.finding) {
				t.Errorf("findings %+v", got.Findings)
			}
			if after, err := registry.Recall(t.Context(), s, seller()); err != nil || !reflect.DeepEqual(after, stored) {
				t.Errorf("the stored profile became %+v, %v", after, err)
			}
		})
	}
	r, _ := register(&fakeAgent{})
	if _, _, err := r.Probe(t.Context(), "acme", "nobody"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("an unknown agent: %v", err)
	}
}

// The traffic of an agent is shown as it is: its circuit, its calls, those who wait, its brake.
func TestOverviewShowsTheTraffic(t *testing.T) {
	t.Parallel()
	at := now
	s := memory.New(func() time.Time { return at })
	b := breaker.New(s, breaker.Options{Policy: circuit.Default, Bounds: breaker.DefaultBounds, Lease: time.Minute,
		Now: func() time.Time { return at }, Jitter: func() float64 { return 0 }, NewID: func() string { return "l" }})
	a := seller()
	a.Version = 1
	if err := s.PutAgent(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	call := breaker.Call{Tenant: "acme", AgentKey: a.CircuitKey(), Origin: a.Origin(), OperationID: "op_1", Created: now}
	overview := registry.Overview{Store: s, Breaker: b}
	see := func() registry.Traffic {
		t.Helper()
		_, all, _, err := overview.Page(t.Context(), "acme", "", 10)
		one, errOne := overview.Of(t.Context(), a)
		if err != nil || errOne != nil || len(all) != 1 || all[0] != one {
			t.Fatalf("%+v and %+v; %v, %v", all, one, err, errOne)
		}
		return one
	}
	if got := see(); got.Circuit != breaker.CircuitClosed || got.InFlight != 0 || got.Queue != 0 {
		t.Errorf("at first: %+v", got)
	}
	allow := func() breaker.Answer {
		t.Helper()
		answer, err := b.Allow(t.Context(), call)
		if err != nil {
			t.Fatal(err)
		}
		return answer
	}
	answer := allow()
	if got := see(); got.InFlight != 1 {
		t.Errorf("during a call: %+v", got)
	}
	answer.Permit.Report(t.Context(), breaker.Report{Result: breaker.ResultDenied, Status: 401})
	allow()
	got := see()
	failure := circuit.Failure{At: now, Result: string(breaker.ResultDenied), Status: 401}
	if got.Circuit != breaker.CircuitOpen || !got.OpenUntil.After(now) || got.LastFailure != failure || got.Queue != 1 ||
		got.InFlight != 0 {
		t.Errorf("after a refusal: %+v", got)
	}
	at = got.OpenUntil
	if got := see(); got.Circuit != breaker.CircuitHalfOpen {
		t.Errorf("when the probe is due: %+v", got)
	}
	brake := registry.Brake{On: true, At: at, Reason: "why"}
	if err := s.PutBrake(t.Context(), "acme", "seller", brake); err != nil {
		t.Fatal(err)
	}
	if got := see(); got.Brake != brake {
		t.Errorf("paused: %+v", got)
	}
}
