package orchestrator_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/orchestrator"
)

// by is a person's act with a reason.
var by = orchestrator.Act{
	Actor:  operation.Actor{Type: operation.ActorAPIKey, ID: "k1", Name: "desk", RequestID: "r1"},
	Reason: "wrong dates",
}

func (h *harness) acts() orchestrator.Acts {
	return orchestrator.Acts{Store: h.store, Workflow: h.workflow, Deps: h.deps, Buys: h.buys()}
}

// actEvents are the events of people's requests, but for the submission. Each has its actor.
func (h *harness) actEvents() (kinds []operation.EventKind) {
	h.t.Helper()
	record, err := h.store.Load(h.t.Context(), "acme", h.id)
	if err != nil {
		h.t.Fatal(err)
	}
	for _, e := range record.Events[1:] {
		asked := e.Channel == operation.ByAPI || e.Channel == operation.ByOperator
		if asked {
			kinds = append(kinds, e.Kind)
		}
		if own := e.Actor != nil; own != asked || own && (*e.Actor != by.Actor || e.Reason != by.Reason) {
			h.t.Errorf("%s has the actor %+v and the reason %q", e.Kind, e.Actor, e.Reason)
		}
	}
	return kinds
}

func wantRefusal(t *testing.T, err error, want operation.Refusal) {
	t.Helper()
	var refused *operation.ActRefusedError
	if !errors.As(err, &refused) || refused.Code != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

// What was not sent ends as canceled: the agent is never called, the purchase order is free again,
// and the waiting execution settles. The second request is the same as the first.
func TestCancelBeforeTheFirstCall(t *testing.T) {
	t.Parallel()
	agent := &fakeAgent{profile: buyProfile(), answers: []adcp.Response{submitted}}
	h := newHarnessWith(t, agent, withOrder(buySubmission))
	h.wait("token-1")
	for range 2 {
		op, err := h.acts().Cancel(t.Context(), "acme", h.id, by, operation.CancelBuy)
		if err != nil || op.State != operation.Canceled || op.Terminal.Reason != operation.CancelRequested ||
			op.Cancellation.State != operation.CancelDone {
			t.Fatalf("%s, %+v, %v", op.State, op.Cancellation, err)
		}
	}
	if d := h.dispatch(); d.Next != operation.NextSettle || len(agent.sent) != 0 {
		t.Errorf("%+v, %d calls", d, len(agent.sent))
	}
	if kinds := h.actEvents(); !slices.Equal(kinds, []operation.EventKind{operation.EventChanged}) ||
		!slices.Equal(h.workflow.log, []string{"wake token-1 settle", "wake token-1 settle"}) {
		t.Errorf("%v, did %v", kinds, h.workflow.log)
	}
	if again := h.submit(withOrder(buySubmission), "k2"); again.ID == h.id {
		t.Error("the purchase order is still taken")
	}
}

func withOrder(submission string) string {
	return strings.Replace(submission, `"brand":`, `"po_number": "PO-1", "brand":`, 1)
}

// A wish is taken back once it is not wished any more, and nothing comes of it.
func TestAWithdrawnCancellationIsForgotten(t *testing.T) {
	t.Parallel()
	h, _ := submittedHarness(t)
	if op, err := h.acts().Cancel(t.Context(), "acme", h.id, by, operation.CancelBuy); err != nil ||
		op.State != operation.Submitted || op.Cancellation.State != operation.CancelWished {
		t.Fatalf("%s, %v", op.State, err)
	}
	for range 2 {
		if op, err := h.acts().Withdraw(t.Context(), "acme", h.id, by); err != nil || op.Cancellation != nil {
			t.Fatalf("%+v, %v", op.Cancellation, err)
		}
	}
	h.deliver(adcp.CreateMediaBuy, "whk-1", `{"media_buy_id":"mb_1","packages":[]}`)
	if op := h.op(); op.State != operation.Completed || op.CancelDue() || op.Cancellation != nil {
		t.Errorf("%s, %+v", op.State, op.Cancellation)
	}
	want := []operation.EventKind{operation.EventCancelRequested, operation.EventCancelWithdrawn}
	if kinds := h.actEvents(); !slices.Equal(kinds, want) {
		t.Errorf("%v", kinds)
	}
}

// While an operation is paused no call leaves, whoever runs: its webhooks are taken.
func TestNoCallLeavesWhilePaused(t *testing.T) {
	t.Parallel()
	agent := &fakeAgent{profile: buyProfile(), answers: []adcp.Response{submitted}}
	h := newHarness(t, agent)
	for range 2 {
		if op, err := h.acts().Pause(t.Context(), "acme", h.id, by); err != nil || op.Paused.Reason != by.Reason {
			t.Fatalf("%+v, %v", op.Paused, err)
		}
	}
	for range 2 {
		if d := h.dispatch(); d.Next != operation.NextAwait || d.Delay < 12*3600 || len(agent.tools) != 0 {
			t.Fatalf("%+v, called %v", d, agent.tools)
		}
		if d := h.poll(); d.Next != operation.NextAwait || len(agent.tools) != 0 {
			t.Fatalf("%+v, called %v", d, agent.tools)
		}
	}
	h.wait("token-1")
	if _, err := h.acts().Resume(t.Context(), "acme", h.id, by); err != nil {
		t.Fatal(err)
	}
	if h.dispatch(); len(agent.tools) != 1 || h.op().State != operation.Submitted {
		t.Fatalf("called %v", agent.tools)
	}
	if _, err := h.acts().Pause(t.Context(), "acme", h.id, by); err != nil {
		t.Fatal(err)
	}
	if h.poll(); len(agent.tools) != 1 {
		t.Errorf("called %v", agent.tools)
	}
	h.deliver(adcp.CreateMediaBuy, "whk-1", `{"media_buy_id":"mb_1","packages":[]}`)
	if op := h.op(); op.State != operation.Completed {
		t.Errorf("%s after the webhook", op.State)
	}
	want := []operation.EventKind{operation.EventPaused, operation.EventResumed, operation.EventPaused}
	if kinds := h.actEvents(); !slices.Equal(kinds, want) {
		t.Errorf("%v", kinds)
	}
	if h.workflow.log[0] != "wake token-1 retry" {
		t.Errorf("did %v", h.workflow.log)
	}
}

// A paused operation costs the reconciler one look in half a day, and one whose resumption was
// never signaled is woken by it.
func TestTheReconcilerLeavesAPausedOperationAlone(t *testing.T) {
	t.Parallel()
	h, _ := submittedHarness(t)
	if _, err := h.acts().Pause(t.Context(), "acme", h.id, by); err != nil {
		t.Fatal(err)
	}
	h.at = h.op().DueAt
	h.poll()
	h.at = h.at.Add(-12 * time.Hour)
	h.wait("token-2")
	looks := 0
	for range 11 * 60 {
		h.at = h.at.Add(time.Minute)
		looks += h.reconcile().Looked
	}
	if looks > 1 || len(h.workflow.log) > 0 {
		t.Errorf("%d looks, did %v", looks, h.workflow.log)
	}
	acts := h.acts()
	acts.Workflow = deadWaker{}
	if _, err := acts.Resume(t.Context(), "acme", h.id, by); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		h.at = h.at.Add(time.Minute)
		h.reconcile()
	}
	if !slices.Contains(h.workflow.log, "wake token-2 poll") {
		t.Errorf("did %v", h.workflow.log)
	}
}

// deadWaker loses every signal.
type deadWaker struct{ orchestrator.Waker }

func (deadWaker) Wake(context.Context, string, orchestrator.Wakeup) error { return errors.New("away") }

// A poll that is asked for wakes the execution, at the agent's time if that is later; a lost signal
// is repeated by the reconciler.
func TestPollNow(t *testing.T) {
	t.Parallel()
	h, _ := submittedHarness(t)
	before := h.op()
	op, err := h.acts().Poll(t.Context(), "acme", h.id, by)
	if err != nil || !slices.Equal(h.workflow.log, []string{"wake token-1 poll"}) {
		t.Fatalf("%v, did %v", err, h.workflow.log)
	}
	if next := op.NextStep(); next.Action != operation.ActionPoll || next.At.After(h.at) {
		t.Errorf("next %+v, before %+v", next, before.NextStep())
	}
	_, err = h.acts().Poll(t.Context(), "acme", h.id, by)
	wantRefusal(t, err, operation.PolledRecently)
	for range 3 {
		h.at = h.at.Add(time.Minute)
		h.reconcile()
	}
	if !slices.Equal(h.workflow.log, []string{"wake token-1 poll", "wake token-1 poll"}) {
		t.Errorf("did %v", h.workflow.log)
	}
	if h.poll(); h.op().Signal != "" || len(h.agent.tools) != 2 {
		t.Errorf("called %v", h.agent.tools)
	}
	if kinds := h.actEvents(); !slices.Equal(kinds, []operation.EventKind{operation.EventPollRequested}) {
		t.Errorf("%v", kinds)
	}
}

// Neither a poll nor a look-up that is asked for cuts the time short that the agent wants.
func TestPollNowWaitsForTheAgentsTime(t *testing.T) {
	t.Parallel()
	busy := adcp.Response{Err: &adcp.Error{Code: "RATE_LIMITED", Recovery: adcp.Transient, RetryAfter: time.Hour}}
	h := newHarness(t, &fakeAgent{profile: buyProfile(), answers: []adcp.Response{submitted, busy}})
	h.dispatch()
	h.poll()
	h.at = h.op().NotBefore.Add(-30 * time.Minute)
	h.wait("token-1")
	op, err := h.acts().Poll(t.Context(), "acme", h.id, by)
	if err != nil || !slices.Equal(h.workflow.log, []string{"wake token-1 await"}) {
		t.Fatalf("%v, did %v", err, h.workflow.log)
	}
	if next := op.NextStep(); !next.At.Equal(op.NotBefore) {
		t.Errorf("next %+v", next)
	}
	calls := len(h.agent.tools)
	if h.poll(); len(h.agent.tools) != calls {
		t.Errorf("called %v", h.agent.tools)
	}
}

// A redrive is a call of the agent: one a minute.
func TestOneRedriveAMinute(t *testing.T) {
	t.Parallel()
	h, redrive := submittedHarness(t)
	if _, _, err := redrive.Run(t.Context(), "acme", h.id, by); err != nil {
		t.Fatal(err)
	}
	h.at = h.at.Add(30 * time.Second)
	_, _, err := redrive.Run(t.Context(), "acme", h.id, by)
	wantRefusal(t, err, operation.RedrivenRecently)
	h.at = h.at.Add(30 * time.Second)
	if _, _, err := redrive.Run(t.Context(), "acme", h.id, by); err != nil {
		t.Error(err)
	}
	if kinds := h.actEvents(); len(kinds) != 2 {
		t.Errorf("%v", kinds)
	}
}

// Whoever has seen another version does nothing.
func TestActsHonourTheVersion(t *testing.T) {
	t.Parallel()
	h, redrive := submittedHarness(t)
	old := by
	old.IfVersion = h.op().Version - 1
	before, a := h.op(), h.acts()
	errs := map[string]error{}
	_, errs["cancel"] = a.Cancel(t.Context(), "acme", h.id, old, operation.CancelBuy)
	_, errs["withdraw"] = a.Withdraw(t.Context(), "acme", h.id, old)
	_, errs["poll"] = a.Poll(t.Context(), "acme", h.id, old)
	_, errs["pause"] = a.Pause(t.Context(), "acme", h.id, old)
	_, errs["resume"] = a.Resume(t.Context(), "acme", h.id, old)
	_, _, errs["redrive"] = redrive.Run(t.Context(), "acme", h.id, old)
	_, errs["resolve"] = h.resolve().Run(t.Context(), "acme", h.id, old, orchestrator.Resolution{State: operation.Failed})
	in, err := orchestrator.ParseInput([]byte(approval))
	if err != nil {
		t.Fatal(err)
	}
	in.By = old
	send := orchestrator.SendInput{Store: h.store, Workflow: h.workflow, Deps: h.deps}
	_, errs["input"] = send.Run(t.Context(), "acme", h.id, in)
	for act, err := range errs {
		var mismatch *orchestrator.VersionMismatchError
		if !errors.As(err, &mismatch) || mismatch.Version != before.Version {
			t.Errorf("%s: %v", act, err)
		}
	}
	if after := h.op(); after.Version != before.Version || len(h.workflow.log) > 0 {
		t.Errorf("version %d, did %v", after.Version, h.workflow.log)
	}
	old.IfVersion = before.Version
	if _, err := a.Pause(t.Context(), "acme", h.id, old); err != nil {
		t.Error(err)
	}
}
