package orchestrator_test

import (
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/orchestrator"
	"adcp-orchestrator/pkg/store"
)

// submittedHarness is an operation that is submitted and whose execution waits, with its redrive.
func submittedHarness(t *testing.T) (*harness, orchestrator.Redrive) {
	t.Helper()
	h := newHarness(t, &fakeAgent{profile: buyProfile(), answers: []adcp.Response{submitted}})
	h.dispatch()
	h.wait("token-1")
	return h, orchestrator.Redrive{Store: h.store, Workflow: h.workflow, Deps: h.deps}
}

func TestRedriveMakesAWaitingExecutionPoll(t *testing.T) {
	t.Parallel()
	h, redrive := submittedHarness(t)
	_, result, err := redrive.Run(t.Context(), "acme", h.id, orchestrator.Act{})
	if err != nil || result != orchestrator.ExecutionAlive ||
		!slices.Equal(h.workflow.log, []string{"wake token-1 poll"}) {
		t.Errorf("%s, %v, did %v", result, err, h.workflow.log)
	}
}

func TestRedriveStartsAMissingExecution(t *testing.T) {
	t.Parallel()
	h := newHarness(t, &fakeAgent{profile: buyProfile(), answers: []adcp.Response{submitted}})
	redrive := orchestrator.Redrive{Store: h.store, Workflow: h.workflow, Deps: h.deps}
	clear(h.workflow.status)
	_, result, err := redrive.Run(t.Context(), "acme", h.id, orchestrator.Act{})
	if err != nil || result != orchestrator.ExecutionStarted || !slices.Equal(h.workflow.log, []string{"start 1"}) {
		t.Errorf("%s, %v, did %v", result, err, h.workflow.log)
	}
}

// An execution that is a few seconds old looks like one that the redrive has started. It waits all
// the same.
func TestRedriveWakesAnExecutionThatHasJustStarted(t *testing.T) {
	t.Parallel()
	h, redrive := submittedHarness(t)
	clear(h.workflow.status)
	_, _, err := redrive.Run(t.Context(), "acme", h.id, orchestrator.Act{})
	if err != nil || !slices.Equal(h.workflow.log, []string{"start 1", "wake token-1 poll"}) {
		t.Errorf("%v, did %v", err, h.workflow.log)
	}
}

// However many redrives run at once, one execution of the next generation runs.
func TestConcurrentRedrivesRestartOnce(t *testing.T) {
	t.Parallel()
	h, redrive := submittedHarness(t)
	h.workflow.status[execution(h.id, 1)] = orchestrator.ExecutionOver
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			_, _, err := redrive.Run(t.Context(), "acme", h.id, orchestrator.Act{})
			var refused *operation.ActRefusedError // one a minute
			if err != nil && (!errors.As(err, &refused) || refused.Code != operation.RedrivenRecently) {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	op := h.op()
	if op.Generation != 2 || op.TaskToken != "" || !slices.Equal(h.workflow.log, []string{"start 2"}) {
		t.Errorf("generation %d, token %q, did %v", op.Generation, op.TaskToken, h.workflow.log)
	}
}

// An operation whose polling had ended is polled again, as at its beginning and for as long.
func TestRedriveResumesPollingThatHadEnded(t *testing.T) {
	t.Parallel()
	h, redrive := submittedHarness(t)
	h.at = h.op().FollowUntil
	if d := h.poll(); d.Next != operation.NextGiveUp {
		t.Fatalf("%+v", d)
	}
	if h.attention() != operation.GaveUp {
		t.Fatalf("%+v", h.op().Attention)
	}
	h.workflow.status[execution(h.id, 1)] = orchestrator.ExecutionOver
	op, result, err := redrive.Run(t.Context(), "acme", h.id, orchestrator.Act{})
	if err != nil || result != orchestrator.ExecutionRestarted || op.Attention != nil || op.Attempts.Polls != 0 ||
		op.FollowUntil.Sub(h.at) != operation.FollowFor {
		t.Errorf("%s, %v, %+v", result, err, op)
	}
	if d := h.dispatch(); d.Next != operation.NextAwait || time.Duration(d.Delay)*time.Second > 10*time.Minute {
		t.Errorf("then %+v", d)
	}
}

// Step Functions forgets an execution 90 days after its end. A redrive after that must not start
// one that gives up at once.
func TestRedriveOfAForgottenExecution(t *testing.T) {
	t.Parallel()
	h, redrive := submittedHarness(t)
	h.at = h.op().FollowUntil
	h.poll()
	h.at = h.at.Add(91 * 24 * time.Hour)
	clear(h.workflow.status)
	op, result, err := redrive.Run(t.Context(), "acme", h.id, orchestrator.Act{})
	if err != nil || result != orchestrator.ExecutionStarted || op.Attention != nil ||
		op.FollowUntil.Sub(h.at) != operation.FollowFor {
		t.Errorf("%s, %v, %+v", result, err, op)
	}
	if d := h.dispatch(); d.Next == operation.NextGiveUp {
		t.Errorf("then %+v", d)
	}
}

func TestRedriveLeavesAPublishedOperationAlone(t *testing.T) {
	t.Parallel()
	h, _, settle := endedHarness(t)
	if _, err := settle.Run(t.Context(), "acme", h.id); err != nil {
		t.Fatal(err)
	}
	h.workflow.status[execution(h.id, 1)] = orchestrator.ExecutionOver
	redrive := orchestrator.Redrive{Store: h.store, Workflow: h.workflow, Deps: h.deps}
	_, result, err := redrive.Run(t.Context(), "acme", h.id, orchestrator.Act{})
	if err != nil || result != orchestrator.ExecutionSettled || len(h.workflow.log) > 0 {
		t.Errorf("%s, %v, did %v", result, err, h.workflow.log)
	}
}

func TestRedriveOfAnotherTenantsOperation(t *testing.T) {
	t.Parallel()
	h, redrive := submittedHarness(t)
	for _, id := range []string{"op_none", h.id} {
		if _, _, err := redrive.Run(t.Context(), "others", id, orchestrator.Act{}); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("another tenant's %s: %v", id, err)
		}
	}
}
