package orchestrator_test

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/orchestrator"
)

// waitingUpdate is another change of updateSubmission's buy, which waits for its turn.
var waitingUpdate = strings.NewReplacer(`"type"`, `"on_conflict": "wait", "type"`, "true", "false").
	Replace(updateSubmission)

// updateHarness is an open change of a media buy. Its agent gives the answers.
func updateHarness(t *testing.T, answers ...adcp.Response) *harness {
	t.Helper()
	h := newHarnessWith(t, nil, updateSubmission)
	profile := buyProfile()
	profile.Tasks = []string{"update_media_buy"}
	h.agent = &fakeAgent{profile: profile, answers: answers}
	h.caller = h.agent
	return h
}

var updated = answerWith(`{"media_buy_id":"mb_1","affected_packages":[]}`)

// change sees to another operation than the harness's own.
func (h *harness) change(id string, do func()) {
	own := h.id
	h.id = id
	do()
	h.id = own
}

func TestTwoChangesOfOneBuyAreNotBothOpen(t *testing.T) {
	t.Parallel()
	h := updateHarness(t, updated)
	second := with(t, updateSubmission, "true", "false")
	_, _, err := h.trySubmit(second, "k-2")
	wantRefused(t, err, orchestrator.BuyHasOpenChange, h.id, operation.Requested)
	for name, other := range map[string]string{
		"another buy":     with(t, second, "mb_1", "mb_2"),
		"another account": with(t, second, `"a"`, `"b"`),
	} {
		if op, match, err := h.trySubmit(other, name); err != nil || op.ID == h.id || match != orchestrator.MatchNew {
			t.Errorf("%s: got %s, matched by %q; %v", name, op.ID, match, err)
		}
	}
	h.dispatch()
	if op := h.op(); op.State != operation.Completed {
		t.Fatalf("the first is %s", op.State)
	}
	op, match, err := h.trySubmit(second, "k-2")
	if err != nil || op.ID == h.id || match != orchestrator.MatchNew || op.WaitsFor != "" {
		t.Errorf("after the end got %s, matched by %q, waits for %q; %v", op.ID, match, op.WaitsFor, err)
	}
}

func TestOfManyChangesAtOnceOneIsOpen(t *testing.T) {
	t.Parallel()
	h := updateHarness(t)
	const clients = 20
	var accepted atomic.Int32
	var all sync.WaitGroup
	for i := range clients {
		all.Go(func() {
			submission := strings.Replace(updateSubmission, "mb_1", "mb_2", 1)
			if _, _, err := h.trySubmit(submission, fmt.Sprint("key-", i)); err == nil {
				accepted.Add(1)
			}
		})
	}
	all.Wait()
	if n := accepted.Load(); n != 1 {
		t.Errorf("%d changes of one buy are open", n)
	}
}

func TestAChangeThatWaitsIsSentAfterTheOneBeforeIt(t *testing.T) {
	t.Parallel()
	h := updateHarness(t, submitted, updated)
	second := h.submit(waitingUpdate, "k-2")
	if second.WaitsFor != h.id || second.State != operation.Requested {
		t.Fatalf("it is %s and waits for %q, want %s", second.State, second.WaitsFor, h.id)
	}
	look := func() (d operation.Decision) {
		h.change(second.ID, func() { d = h.dispatch() })
		return d
	}
	first := look() // its execution begins before the other one's
	if first.Next != operation.NextRetry || first.Delay < 60 || len(h.agent.sent) != 0 {
		t.Fatalf("decided %+v after %d calls", first, len(h.agent.sent))
	}
	h.dispatch()
	if d := look(); d.Next != operation.NextRetry || d.Delay <= first.Delay || len(h.agent.sent) != 1 {
		t.Fatalf("decided %+v after %d calls: the other one is %s", d, len(h.agent.sent), h.op().State)
	}
	h.agent.answers = []adcp.Response{answerWith(
		`{"status":"completed","task_id":"task_1","task_type":"update_media_buy","result":{"media_buy_id":"mb_1"}}`)}
	h.poll()
	if op := h.op(); op.State != operation.Completed {
		t.Fatalf("the first is %s", op.State)
	}
	h.agent.answers = []adcp.Response{updated}
	look()
	h.change(second.ID, func() {
		op := h.op()
		if op.State != operation.Completed || op.WaitsFor != "" || op.Call.Attempts != 1 || op.Attempts.Polls != 0 {
			t.Errorf("got %+v", op)
		}
		record, err := h.store.Load(t.Context(), "acme", second.ID)
		if err != nil || record.Events[0].Detail != "waits for the end of "+second.WaitsFor ||
			record.Events[1].Kind != operation.EventTurn || record.Events[1].Detail != second.WaitsFor+" has ended" {
			t.Errorf("the timeline is %+v; %v", record.Events, err)
		}
	})
	if n := len(h.agent.sent); !strings.Contains(h.agent.sent[n-1], `"paused":false`) {
		t.Errorf("sent %s", h.agent.sent[n-1])
	}
}

// Whoever comes at the same time: each change waits for another one, so that they make one line.
func TestChangesThatWaitMakeOneLine(t *testing.T) {
	t.Parallel()
	h := updateHarness(t)
	const clients = 20
	waitFor := make([]string, clients)
	var all sync.WaitGroup
	for i := range clients {
		all.Go(func() {
			op, _, err := h.trySubmit(waitingUpdate, fmt.Sprint("key-", i))
			if err != nil {
				t.Error(err)
			}
			waitFor[i] = op.WaitsFor
		})
	}
	all.Wait()
	seen := map[string]bool{}
	for _, id := range waitFor {
		if id == "" || seen[id] {
			t.Errorf("two changes wait for %q", id)
		}
		seen[id] = true
	}
	if !seen[h.id] {
		t.Error("none waits for the first")
	}
}

// A change that ends before its turn, as an operator could decide, does not let those behind it
// overtake the one before it.
func TestAChangeThatEndsBeforeItsTurnLeavesTheLineInOrder(t *testing.T) {
	t.Parallel()
	h := updateHarness(t, updated)
	second := h.submit(waitingUpdate, "k-2")
	third := h.submit(waitingUpdate, "k-3")
	if third.WaitsFor != second.ID {
		t.Fatalf("the third waits for %s, want %s", third.WaitsFor, second.ID)
	}
	cancel := func(op operation.Operation) {
		op.State = operation.Canceled
		op.BumpVersion(h.at)
		if err := h.store.Commit(t.Context(), operation.Change{Op: op}); err != nil {
			t.Fatal(err)
		}
	}
	cancel(second)
	h.change(third.ID, func() { h.dispatch() })
	if len(h.agent.sent) != 0 {
		t.Fatal("the third was sent while the first is open")
	}
	cancel(h.get(third.ID))
	_, _, err := h.trySubmit(updateSubmission, "k-4") // everybody in line has ended but the first
	wantRefused(t, err, orchestrator.BuyHasOpenChange, h.id, operation.Requested)
	fourth := h.submit(waitingUpdate, "k-5")
	h.change(fourth.ID, func() { h.dispatch() })
	if len(h.agent.sent) != 0 {
		t.Fatal("the fourth was sent while the first is open")
	}
	h.dispatch()
	h.change(fourth.ID, func() {
		h.dispatch()
		if op := h.op(); op.State != operation.Completed || len(h.agent.sent) != 2 {
			t.Errorf("it is %s after %d calls", op.State, len(h.agent.sent))
		}
	})
	if op, _, err := h.trySubmit(updateSubmission, "k-6"); err != nil || op.WaitsFor != "" {
		t.Errorf("with nobody in line: waits for %q; %v", op.WaitsFor, err)
	}
}

func (h *harness) get(id string) (op operation.Operation) {
	h.change(id, func() { op = h.op() })
	return op
}

// The one before ends between the look at it and the write that depends on it.
func TestAChangeMayWaitForOneThatHasJustEnded(t *testing.T) {
	t.Parallel()
	h := updateHarness(t, updated)
	creates := 0
	ends := submitStore{h.store, func() {
		if creates++; creates == 2 {
			h.dispatch()
		}
	}}
	op, _, err := h.submitTo(ends, waitingUpdate, "k-2")
	if err != nil || op.ID == h.id {
		t.Fatalf("got %s; %v", op.ID, err)
	}
	_, _, err = h.trySubmit(updateSubmission, "k-3")
	wantRefused(t, err, orchestrator.BuyHasOpenChange, op.ID, operation.Requested)
	h.change(op.ID, func() { h.dispatch() })
	if op = h.get(op.ID); op.State != operation.Completed {
		t.Errorf("it is %s and waits for %q", op.State, op.WaitsFor)
	}
}

// Nobody started its execution: the reconciler does, and its turn is decided as ever. The deadline
// raises attention while it waits.
func TestAWaitingChangeIsReconciledAndFlagged(t *testing.T) {
	t.Parallel()
	h := updateHarness(t, updated)
	second := h.submit(waitingUpdate, "k-2")
	h.at = h.at.Add(2 * time.Minute)
	if summary := h.reconcile(); summary.Started != 2 {
		t.Errorf("%+v", summary)
	}
	h.at = second.Deadline
	h.change(second.ID, func() {
		h.dispatch()
		if got := h.attention(); got != operation.DeadlinePassed || len(h.agent.sent) != 0 {
			t.Errorf("attention %q after %d calls", got, len(h.agent.sent))
		}
		if op := h.op(); !op.DueAt.After(second.Deadline) || op.WaitsFor == "" {
			t.Errorf("due at %s, waits for %q", op.DueAt, op.WaitsFor)
		}
	})
}
