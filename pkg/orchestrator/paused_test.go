package orchestrator_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"adcp-orchestrator/pkg/circuit"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/orchestrator"
	"adcp-orchestrator/pkg/registry"
	"adcp-orchestrator/pkg/store/memory"
	"adcp-orchestrator/pkg/validation"
)

// brake puts the brake of the agent seller on, or takes it off.
func (h *harness) brake(on bool) {
	h.t.Helper()
	b := registry.Brake{On: on, At: h.at, Reason: "why"}
	if got, err := registry.SetBrake(h.t.Context(), h.store, "acme", "seller", b); err != nil || got.On != on {
		h.t.Fatalf("%+v, %v", got, err)
	}
}

// While an agent is paused nothing leaves for it, whoever asks: no call, no poll, no redrive. Then
// it goes on by itself.
func TestNothingLeavesForAPausedAgent(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]bool{"a call": false, "a poll": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHarness(t, &fakeAgent{profile: buyProfile()})
			h.agent.answers = append(h.agent.answers, submitted)
			act := h.dispatch
			if answer {
				h.dispatch()
				act = h.poll
			}
			h.brake(true)
			sent := len(h.agent.sent)
			for range 20 {
				act()
			}
			redrive := orchestrator.Redrive{Store: h.store, Workflow: h.workflow, Breaker: h.breaker, Deps: h.deps}
			if _, _, err := redrive.Run(t.Context(), "acme", h.id, orchestrator.Act{}); err != nil {
				t.Fatal(err)
			}
			act()
			op := h.op()
			if len(h.agent.sent) != sent || op.Admission.Gate != string(circuit.AgentGate) || op.State.Terminal() ||
				h.attention() == operation.AgentUnreached {
				t.Fatalf("%d left; admission %+v, attention %q", len(h.agent.sent)-sent, op.Admission, h.attention())
			}
			if waited := h.at.Sub(now); waited < time.Hour { // it asks rarely
				t.Errorf("20 questions took %v", waited)
			}
			h.brake(false)
			h.wait("token")
			admit := orchestrator.Admit{Store: h.store, Breaker: h.breaker, Workflow: h.workflow, Deps: h.deps}
			if n, err := admit.Lines(t.Context()); n != 1 || err != nil {
				t.Fatalf("admitted %d, %v", n, err)
			}
			if act(); len(h.agent.sent) == sent {
				t.Error("nothing leaves after the pause")
			}
		})
	}
}

// Those who waited for the end of a pause are given slots at the agent's rate.
func TestTheEndOfAPauseIsNoHerd(t *testing.T) {
	t.Parallel()
	h := newHarness(t, &fakeAgent{profile: buyProfile()})
	h.brake(true)
	ids := []string{h.id}
	for n := range 300 {
		ids = append(ids, h.submit(buySubmission, fmt.Sprint("k", n)).ID)
	}
	for _, h.id = range ids {
		at := h.at
		h.dispatch()
		h.at = at
	}
	admit := orchestrator.Admit{Store: h.store, Breaker: h.breaker, Workflow: h.workflow, Deps: h.deps}
	h.at = h.at.Add(time.Minute)
	if n, err := admit.Lines(t.Context()); n != 0 || err != nil {
		t.Fatalf("%d were admitted during the pause, %v", n, err)
	}
	h.brake(false)
	inSecond, first := map[int64]int{}, h.at
	for range 600 { // whoever leaves admits others, and the reconciler does
		h.at = h.at.Add(time.Second)
		if _, err := admit.Lines(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	for _, h.id = range ids {
		slot := h.op().Admission.Slot
		if slot.Before(first) {
			t.Fatalf("%s has the slot %v", h.id, slot)
		}
		inSecond[slot.Unix()]++
	}
	for second, n := range inSecond {
		if most := circuit.Default.Burst + circuit.Default.Rate; float64(n) > most {
			t.Errorf("%d slots in the second %d", n, second)
		}
	}
}

// Somebody waits for the answer of a read, so it is refused.
func TestReadsOfAPausedAgentAreRefused(t *testing.T) {
	t.Parallel()
	h := newHarness(t, &fakeAgent{profile: buyProfile()})
	h.brake(true)
	read := orchestrator.Read{Store: h.store, Agents: h.caller, Breaker: h.breaker, Now: h.deps.Now,
		NewKey: func() string { return "fresh-key-1" }}
	_, err := read.Run(t.Context(), "acme", "seller", "get_products", []byte(`{}`))
	if got := refusal(t, err); got.Code != orchestrator.AgentPaused || len(h.agent.sent) != 0 {
		t.Errorf("got %+v; %d left", got, len(h.agent.sent))
	}
}

// racingStore does something between the checks of a submission and its creation.
type racingStore struct {
	*memory.Store
	race func()
}

func (s racingStore) Create(ctx context.Context, n orchestrator.NewOperation) error {
	s.race()
	return s.Store.Create(ctx, n)
}

// A submission that races the deletion of its agent finds no agent, as any other does.
func TestSubmissionForADeletedAgentFindsNone(t *testing.T) {
	t.Parallel()
	h := newHarness(t, &fakeAgent{profile: buyProfile()})
	h.register("other")
	racing := racingStore{h.store, func() {
		if err := h.store.DeleteAgent(t.Context(), "acme", "other", 1); err != nil {
			t.Fatal(err)
		}
	}}
	r, err := orchestrator.ParseSubmitRequest([]byte(strings.Replace(buySubmission, `"seller"`, `"other"`, 1)))
	if err != nil {
		t.Fatal(err)
	}
	submit := orchestrator.Submit{Store: racing, Workflow: notStarted{}, Deps: h.deps, BaseURL: "https://api.example"}
	_, _, err = submit.Run(t.Context(), "acme", "key", r)
	var invalid *validation.Error
	if !errors.As(err, &invalid) || len(invalid.Fields) != 1 || invalid.Fields[0].Code != validation.UnknownAgent {
		t.Errorf("got %v", err)
	}
	if n, err := h.store.OpenOperations(t.Context(), "acme", "other"); n != 0 || err != nil {
		t.Errorf("%d open, %v", n, err)
	}
}

// An operation counts for its agent until it ends, by whatever way.
func TestOpenOperationsAreCounted(t *testing.T) {
	t.Parallel()
	h := newHarness(t, &fakeAgent{profile: buyProfile()})
	count := func() int {
		n, err := h.store.OpenOperations(t.Context(), "acme", "seller")
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	if n := count(); n != 1 {
		t.Errorf("%d are open after the submission", n)
	}
	h.agent.answers = append(h.agent.answers, answerWith(`{"status":"completed","media_buy_id":"mb","packages":[]}`))
	h.dispatch()
	if op := h.op(); !op.State.Terminal() || op.Counted || count() != 0 {
		t.Errorf("%s, counted %v: %d are open", op.State, op.Counted, count())
	}
}
