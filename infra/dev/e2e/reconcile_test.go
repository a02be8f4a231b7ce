package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sfn"
	sfntypes "github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/orchestrator"
	"adcp-orchestrator/pkg/store"
)

// killedBeforeStart stands for a submit function that dies between its write and its signal.
type killedBeforeStart struct{}

func (killedBeforeStart) Start(context.Context, string, string, int) error {
	return errors.New("killed")
}

func TestReconcilerStartsWhatWasStoredAndNeverStarted(t *testing.T) {
	t.Parallel()
	h := newHarness(t, 120)
	body, err := json.Marshal(map[string]any{"agent_id": "seller", "type": "create_media_buy",
		"request": newBuy(map[string]any{"delay_ms": 200})})
	if err != nil {
		t.Fatal(err)
	}
	request, err := orchestrator.ParseSubmitRequest(body)
	if err != nil {
		t.Fatal(err)
	}
	request.Actor = operation.Actor{Type: operation.ActorAPIKey, ID: "k"}
	past := func() time.Time { return time.Now().Add(-2 * time.Minute) } // so that the reconciler finds it due
	submit := orchestrator.Submit{Store: h.store, Workflow: killedBeforeStart{},
		Deps: orchestrator.Deps{Now: past}, BaseURL: h.Base}
	op, _, err := submit.Run(t.Context(), h.tenant, "key", request)
	if err != nil {
		t.Fatal(err)
	}
	checkBoughtOnce(t, h.waitSettled(t, op.ID))
}

// The reconciler finds an execution that was stopped from outside, and starts the next
// generation's.
func TestExecutionStoppedBehindOurBackIsRestarted(t *testing.T) {
	t.Parallel()
	h := newHarness(t, 5)
	op := h.buy(t, map[string]any{"delay_ms": 8000, "webhook": "none"})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if _, err := h.Follow(ctx, op.ID, isSubmitted, nil); err != nil {
		t.Fatal(err)
	}
	arn := firstExecution(env(t, "STATE_MACHINE_ARN"), op.ID)
	if _, err := h.sfn.StopExecution(ctx, &sfn.StopExecutionInput{ExecutionArn: &arn}); err != nil {
		t.Fatal(err)
	}
	for { // it runs on for a moment
		out, err := h.sfn.DescribeExecution(ctx, &sfn.DescribeExecutionInput{ExecutionArn: &arn})
		if err != nil {
			t.Fatal(err)
		}
		if out.Status != sfntypes.ExecutionStatusRunning {
			break
		}
	}
	h.makeDue(ctx, t, op.ID)
	op = h.waitSettled(t, op.ID)
	checkEnded(t, op, operation.Completed, operation.ByPoll)
	restarted := func(e operation.Event) bool { return e.Kind == operation.EventRestarted }
	if !slices.ContainsFunc(op.Events, restarted) {
		t.Errorf("the operation was not restarted\n%s", timeline(op))
	}
	if _, buys := readLedger(t).count(op.PONumber); buys != 1 {
		t.Errorf("%d buys", buys)
	}
}

// makeDue makes the reconciler look at an operation in its next run, and not only after some
// minutes.
func (h *harness) makeDue(ctx context.Context, t *testing.T, id string) {
	t.Helper()
	h.change(ctx, t, id, func(*operation.Operation) {})
}

// change changes a stored operation as time would, and makes the reconciler look at it in its next
// run.
func (h *harness) change(ctx context.Context, t *testing.T, id string, change func(*operation.Operation)) {
	t.Helper()
	for {
		stored, err := h.store.Get(ctx, h.tenant, id)
		if err != nil {
			t.Fatal(err)
		}
		change(&stored)
		stored.DueAt, stored.Version = time.Now().Add(-time.Minute), stored.Version+1
		err = h.store.Commit(ctx, operation.Change{Op: stored})
		if err == nil {
			return
		}
		if !errors.Is(err, store.ErrStale) {
			t.Fatal(err)
		}
	}
}
