package orchestrator_test

import (
	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/orchestrator"
	"adcp-orchestrator/pkg/registry"
	"adcp-orchestrator/pkg/store"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"
)

// machine stands for Step Functions: which executions there are, and what was asked of it.
type machine struct {
	mu     sync.Mutex
	status map[string]orchestrator.Execution
	asked  []string
}

func executionOf(id string, generation int) string { return fmt.Sprint(id, "-", generation) }

func (m *machine) Start(_ context.Context, _, id string, generation int) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	name := executionOf(id, generation)
	if m.status[name] == "" {
		m.asked = append(m.asked, fmt.Sprint("start ", generation))
		m.status[name] = orchestrator.ExecutionRunning
	}
	return nil
}

func (m *machine) Wake(_ context.Context, token string, next operation.Next) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.asked = append(m.asked, "wake "+token+" "+string(next))
	return nil
}

func (m *machine) Status(_ context.Context, _, id string, generation int) (orchestrator.Execution, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if s := m.status[executionOf(id, generation)]; s != "" {
		return s, nil
	}
	return orchestrator.ExecutionMissing, nil
}

// waits is an operation that is submitted; its execution waits for a token.
func waits(t *testing.T) (*trial, *machine, orchestrator.Redrive) {
	t.Helper()
	x := try(t, &scripted{profile: registry.Profile{PollTool: "get_task_status", Tasks: []string{"create_media_buy"}}, answers: []adcp.Response{submitted}})
	x.dispatch()
	op := x.op()
	if err := x.store.Arm("acme", x.id, op.Version, "token-1"); err != nil {
		t.Fatal(err)
	}
	m := &machine{status: map[string]orchestrator.Execution{executionOf(x.id, 1): orchestrator.ExecutionRunning}}
	return x, m, orchestrator.Redrive{Store: x.store, Workflow: m, Deps: x.deps}
}

func TestRedriveMakesAWaitingExecutionPoll(t *testing.T) {
	t.Parallel()
	x, m, redrive := waits(t)
	if _, done, err := redrive.Run(t.Context(), "acme", x.id); err != nil || done != orchestrator.ExecutionAlive || !slices.Equal(m.asked, []string{"wake token-1 poll"}) {
		t.Errorf("%s, %v, asked %v", done, err, m.asked)
	}
}

func TestRedriveStartsWhatNeverStarted(t *testing.T) {
	t.Parallel()
	x, m, redrive := waits(t)
	clear(m.status)
	if _, done, err := redrive.Run(t.Context(), "acme", x.id); err != nil || done != orchestrator.ExecutionStarted || !slices.Equal(m.asked, []string{"start 1"}) {
		t.Errorf("%s, %v, asked %v", done, err, m.asked)
	}
}

// Many people press the button at once: one execution of the next generation runs.
func TestRedriveRestartsOnce(t *testing.T) {
	t.Parallel()
	x, m, redrive := waits(t)
	m.status[executionOf(x.id, 1)] = orchestrator.ExecutionOver
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if _, _, err := redrive.Run(t.Context(), "acme", x.id); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	op := x.op()
	if op.Generation != 2 || op.TaskToken != "" || !slices.Equal(m.asked, []string{"start 2"}) {
		t.Errorf("generation %d, token %q, asked %v", op.Generation, op.TaskToken, m.asked)
	}
}

// An operation that polling was given up for is polled again, as at its beginning, and for as long.
func TestRedriveTakesUpWhatWasGivenUp(t *testing.T) {
	t.Parallel()
	x, m, redrive := waits(t)
	x.at = x.op().FollowUntil
	if step := x.poll(); step.Next != operation.NextGiveUp {
		t.Fatalf("%+v", step)
	}
	if a := x.op().Attention; a == nil || a.Reason != operation.GaveUp {
		t.Fatalf("%+v", a)
	}
	m.status[executionOf(x.id, 1)] = orchestrator.ExecutionOver
	op, done, err := redrive.Run(t.Context(), "acme", x.id)
	if err != nil || done != orchestrator.ExecutionRestarted || op.Attention != nil || op.Attempts.Polls != 0 || op.FollowUntil.Sub(x.at) != operation.FollowFor {
		t.Errorf("%s, %v, %+v", done, err, op)
	}
	if step := x.dispatch(); step.Next != operation.NextAwait || time.Duration(step.Delay)*time.Second > time.Minute*10 {
		t.Errorf("then %+v", step)
	}
}

func TestRedriveLeavesTheSettledAlone(t *testing.T) {
	t.Parallel()
	x, _, settle := over(t)
	if _, err := settle.Run(t.Context(), "acme", x.id); err != nil {
		t.Fatal(err)
	}
	m := &machine{status: map[string]orchestrator.Execution{executionOf(x.id, 1): orchestrator.ExecutionOver}}
	redrive := orchestrator.Redrive{Store: x.store, Workflow: m, Deps: x.deps}
	if _, done, err := redrive.Run(t.Context(), "acme", x.id); err != nil || done != orchestrator.ExecutionSettled || len(m.asked) > 0 {
		t.Errorf("%s, %v, asked %v", done, err, m.asked)
	}
	for _, id := range []string{"op_none", x.id} {
		if _, _, err := redrive.Run(t.Context(), "others", id); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("another tenant's %s: %v", id, err)
		}
	}
}
