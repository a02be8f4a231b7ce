package webhook_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/inbox"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/orchestrator"
	"adcp-orchestrator/pkg/store"
	"adcp-orchestrator/pkg/webhook"
)

var operator = operation.Actor{Type: operation.ActorAPIKey, ID: "k1", Name: "ops"}

func (h *harness) replayer() webhook.Replayer {
	receive := orchestrator.Receive{Store: h.store, Workflow: h, Deps: deps()}
	return webhook.Replayer{Store: h.store, Apply: receive, Now: func() time.Time { return now }}
}

func (h *harness) replay(t *testing.T, id string) (webhook.ReplayResult, error) {
	t.Helper()
	return h.replayer().Run(t.Context(), "acme", id, "because", operator)
}

// keep lets a delivery be quarantined, and returns the record.
func (h *harness) keep(t *testing.T, x webhook.Delivery, code string) inbox.Quarantined {
	t.Helper()
	if got := h.Handle(t.Context(), x); got.Code != code {
		t.Fatalf("the delivery got %+v, want %s", got, code)
	}
	return h.quarantined(t)[0]
}

// change changes an operation behind the receiver's back.
func (h *harness) change(t *testing.T, name string, do func(*operation.Operation)) {
	t.Helper()
	op, err := h.store.Get(t.Context(), "acme", h.id(name))
	if err != nil {
		t.Fatal(err)
	}
	do(&op)
	op.Version++
	if err := h.store.Commit(t.Context(), operation.Change{Op: op}); err != nil {
		t.Fatal(err)
	}
}

// replayCase is a delivery that is kept for a reason, something that changes then, and what its
// replay does.
type replayCase struct {
	changes map[string]any // of the payload of a
	body    func([]byte) []byte
	before  func(t *testing.T, h *harness)
	refused string // the code that the sender gets
	then    func(t *testing.T, h *harness)
	// code is why the replay is not applied, or verdict what it does; err is why it is refused.
	code    string
	verdict operation.Verdict
	err     error
	state   operation.State // of a, after the replay
}

// ended lets a end, by another channel or another delivery.
func ended(state operation.State, status adcp.Status) func(*testing.T, *harness) {
	return func(t *testing.T, h *harness) {
		h.change(t, "a", func(op *operation.Operation) {
			changed, _, verdict := operation.Apply(*op, operation.Observation{Channel: operation.ByPoll, At: now,
				Answer: adcp.Answer{Status: status, TaskID: op.TaskID, Value: []byte(`{"media_buy_id":"mb_a"}`)}})
			changed.Version = op.Version
			if *op = changed; verdict != operation.Advanced || op.State != state {
				t.Fatalf("%s became %s", verdict, op.State)
			}
		})
	}
}

func otherTask(task string) func(*testing.T, *harness) {
	return func(t *testing.T, h *harness) { h.change(t, "a", func(op *operation.Operation) { op.TaskID = task }) }
}

func replayCases() map[string]replayCase {
	wrongToken := map[string]any{"token": strings.Repeat("x", 43)}
	return map[string]replayCase{
		"a wrong token stays wrong": {changes: wrongToken, refused: "token_mismatch", code: "token_mismatch",
			state: operation.Submitted},
		"no token": {changes: map[string]any{"token": nil}, refused: "token_mismatch", code: "token_mismatch",
			state: operation.Submitted},
		"another's operation": {changes: map[string]any{"operation_id": "op_" + strings.Repeat("a", 26)},
			refused: "unknown_operation", code: "unknown_operation", state: operation.Submitted},
		"no operation": {changes: map[string]any{"operation_id": nil}, refused: "missing_envelope_fields",
			code: "missing_envelope_fields", state: operation.Submitted},
		"no key": {changes: map[string]any{"idempotency_key": nil}, refused: "missing_idempotency_key",
			code: "missing_idempotency_key", state: operation.Submitted},
		"a short key": {changes: map[string]any{"idempotency_key": "k"}, refused: "malformed_envelope",
			code: "malformed_envelope", state: operation.Submitted},
		"a wrong status": {changes: map[string]any{"status": "active"}, refused: "invalid_envelope_status",
			code: "invalid_envelope_status", state: operation.Submitted},
		"a number for a text": {changes: map[string]any{"task_id": 7}, refused: "malformed_envelope",
			code: "malformed_envelope", state: operation.Submitted},
		"another task": {changes: map[string]any{"task_id": "other"}, refused: "conflict", code: "conflict",
			state: operation.Submitted},
		"another task type": {changes: map[string]any{"task_type": "sync_creatives"}, refused: "conflict",
			code: "conflict", state: operation.Submitted},
		"a task that is known by now": {changes: map[string]any{"task_id": "task_new"}, refused: "conflict",
			then: otherTask("task_new"), verdict: operation.Advanced, state: operation.Completed},
		"progress of a task that is known by now": {changes: map[string]any{"task_id": "task_new", "status": "working"},
			refused: "conflict", then: otherTask("task_new"), verdict: operation.Advanced, state: operation.Working},
		"nothing new of a task that is known by now": {
			changes: map[string]any{"task_id": "task_new", "status": "submitted"},
			refused: "conflict", then: otherTask("task_new"), verdict: operation.Repeated, state: operation.Submitted},
		"a failure of a task that is known by now": {
			changes: map[string]any{"task_id": "task_new", "status": "rejected", "result": nil},
			refused: "conflict", then: otherTask("task_new"), verdict: operation.Advanced, state: operation.Rejected},
		"another's task": {changes: map[string]any{"task_id": "task_b"}, refused: "conflict",
			before: otherTask(""), code: "conflict", state: operation.Submitted},
		"the end came meanwhile": {changes: map[string]any{"task_id": "task_new"}, refused: "conflict",
			then: func(t *testing.T, h *harness) {
				otherTask("task_new")(t, h)
				ended(operation.Completed, adcp.StatusCompleted)(t, h)
			}, verdict: operation.Duplicate, err: orchestrator.ErrEnded, state: operation.Completed},
		"another end came meanwhile": {changes: map[string]any{"task_id": "task_new"}, refused: "conflict",
			then: func(t *testing.T, h *harness) {
				otherTask("task_new")(t, h)
				ended(operation.Rejected, adcp.StatusRejected)(t, h)
			}, verdict: operation.Conflict, err: orchestrator.ErrEnded, state: operation.Rejected},
		"progress, and the end came meanwhile": {changes: map[string]any{"task_id": "task_new", "status": "working"},
			refused: "conflict", then: func(t *testing.T, h *harness) {
				otherTask("task_new")(t, h)
				ended(operation.Completed, adcp.StatusCompleted)(t, h)
			}, verdict: operation.Stale, err: orchestrator.ErrEnded, state: operation.Completed},
		"an end that contradicts the known one": {changes: map[string]any{"status": "failed", "result": nil},
			before: ended(operation.Completed, adcp.StatusCompleted), refused: "conflict",
			verdict: operation.Conflict, err: orchestrator.ErrEnded, state: operation.Completed},
		"a key of another payload": {changes: map[string]any{"status": "working"}, refused: "idempotency_key_reused",
			before: func(t *testing.T, h *harness) {
				h.Handle(t.Context(), h.signed("a", h.payload("a", map[string]any{"status": "submitted"})))
			}, code: "idempotency_key_reused", state: operation.Submitted},
		"a key that occurs twice": {body: func(b []byte) []byte {
			return append([]byte(`{"status":"failed",`), b[1:]...)
		}, refused: "webhook_body_malformed", code: "webhook_body_malformed", state: operation.Submitted},
		"no JSON": {body: func([]byte) []byte { return []byte("completed") }, refused: "malformed_envelope",
			code: "malformed_envelope", state: operation.Submitted},
	}
}

// Each kept delivery, replayed, has the verdict that it would have if it came now.
func TestReplayHasTheVerdictOfADelivery(t *testing.T) {
	t.Parallel()
	if n := len(replayCases()); n < 20 {
		t.Errorf("%d kinds of deliveries", n)
	}
	for name, tc := range replayCases() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHarness(t, operation.WebhookHMAC)
			if tc.before != nil {
				tc.before(t, h)
			}
			body := h.payload("a", tc.changes)
			if tc.body != nil {
				body = tc.body(body)
			}
			q := h.keep(t, h.signed("a", body), tc.refused)
			if tc.then != nil {
				tc.then(t, h)
			}
			for range 2 { // the second is the same
				got, err := h.replay(t, q.ID())
				applied := tc.err == nil && tc.code == ""
				if !errors.Is(err, tc.err) || got.Applied != applied || got.Code != tc.code ||
					tc.verdict != "" && got.Verdict != tc.verdict || h.state(t, "a") != tc.state {
					t.Fatalf("got %+v, %v; a is %s", got, err, h.state(t, "a"))
				}
			}
			kept, err := h.store.QuarantinedByID(t.Context(), "acme", q.ID())
			want := map[bool]inbox.QuarantineState{true: inbox.Replayed, false: inbox.Kept}[tc.err == nil && tc.code == ""]
			if err != nil || kept.State != want {
				t.Errorf("the record is %s, %v", kept.State, err)
			}
			if tc.err == nil && (kept.Handled.Actor != operator || kept.Handled.Code != tc.code) {
				t.Errorf("handled: %+v", kept.Handled)
			}
		})
	}
}

// replayable quarantines a delivery that completes a once its task is known.
func (h *harness) replayable(t *testing.T) inbox.Quarantined {
	t.Helper()
	q := h.keep(t, h.signed("a", h.payload("a", map[string]any{"task_id": "task_new"})), "conflict")
	otherTask("task_new")(t, h)
	return q
}

func (h *harness) replayEvents(t *testing.T) (n int) {
	t.Helper()
	r, err := h.store.Load(t.Context(), "acme", h.id("a"))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range r.Events {
		if e.Actor != nil && e.Kind != operation.EventCreated {
			if n++; *e.Actor != operator || e.Channel != operation.ByWebhook || !strings.Contains(e.Detail, "qd_") {
				t.Errorf("event %+v", e)
			}
		}
	}
	return n
}

// However many replay at once, one is applied, and all get its verdict.
func TestReplaysAtOnceApplyOnce(t *testing.T) {
	t.Parallel()
	inEachMode(t, func(t *testing.T, h *harness) {
		q := h.replayable(t)
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				got, err := h.replayer().Run(context.Background(), "acme", q.ID(), "because", operator)
				if err != nil || !got.Applied || got.Verdict != operation.Advanced {
					t.Errorf("got %+v, %v", got, err)
				}
			})
		}
		wg.Wait()
		if n := h.replayEvents(t); n != 1 || h.state(t, "a") != operation.Completed {
			t.Errorf("%d events, a is %s", n, h.state(t, "a"))
		}
		if len(h.wakes) == 0 || !strings.HasSuffix(h.wakes[0], string(operation.NextSettle)) {
			t.Errorf("woke %q", h.wakes)
		}
	})
}

// dyingStore fails to store what became of a delivery.
type dyingStore struct {
	webhook.ReplayStore
	err error
}

func (d dyingStore) HandleQuarantined(context.Context, string, string, inbox.QuarantineState, inbox.Handled) error {
	return d.err
}

func TestReplayThatDiedBeforeItsMarkIsFinished(t *testing.T) {
	t.Parallel()
	h := newHarness(t, operation.WebhookRFC9421)
	q := h.replayable(t)
	dying, broken := h.replayer(), errors.New("gone")
	dying.Store = dyingStore{h.store, broken}
	if _, err := dying.Run(t.Context(), "acme", q.ID(), "because", operator); !errors.Is(err, broken) {
		t.Fatal(err)
	}
	woken := len(h.wakes)
	got, err := h.replay(t, q.ID())
	if err != nil || !got.Applied || got.Verdict != operation.Advanced || got.Quarantined.State != inbox.Replayed {
		t.Errorf("got %+v, %v", got, err)
	}
	if n := h.replayEvents(t); n != 1 || len(h.wakes) == woken { // the first may have died before its signal, too
		t.Errorf("%d events, %d wakes", n, len(h.wakes)-woken)
	}
}

// The agent's own repetition and a replay are one delivery, whichever comes first.
func TestReplayAndRepetitionAreOne(t *testing.T) {
	t.Parallel()
	inEachMode(t, func(t *testing.T, h *harness) {
		// The operation was not known by this task, and no key was claimed.
		body := h.payload("a", map[string]any{"task_id": "task_b"})
		otherTask("")(t, h)
		q := h.keep(t, h.signed("a", body), "conflict")
		h.change(t, "a", func(op *operation.Operation) { op.TaskID = "task_b" })
		if got := h.Handle(t.Context(), h.signed("a", body)); got.Code != "advanced" {
			t.Fatalf("the repetition got %+v", got)
		}
		got, err := h.replay(t, q.ID())
		if !errors.Is(err, orchestrator.ErrAlreadyApplied) || got.Verdict != operation.Advanced {
			t.Errorf("got %+v, %v", got, err)
		}
		if n := h.replayEvents(t); n != 0 {
			t.Errorf("%d events of replays", n)
		}
	})
	t.Run("the replay first", func(t *testing.T) {
		t.Parallel()
		h := newHarness(t, operation.WebhookBearer)
		q := h.replayable(t)
		if _, err := h.replay(t, q.ID()); err != nil {
			t.Fatal(err)
		}
		again := h.signed("a", h.payload("a", map[string]any{"task_id": "task_new"}))
		if got := h.Handle(t.Context(), again); got.Status != 200 || got.Code != "duplicate" {
			t.Errorf("the repetition got %+v", got)
		}
	})
}

func TestOnlyAuthenticKeptDeliveriesAreReplayed(t *testing.T) {
	t.Parallel()
	h := newHarness(t, operation.WebhookHMAC)
	forged := h.signed("a", h.payload("a", nil))
	forged.Header.Set(webhook.HeaderSignature, "sha256="+strings.Repeat("0", 64))
	stranger := h.keep(t, forged, "unauthenticated")
	if _, err := h.replay(t, stranger.ID()); !errors.Is(err, webhook.ErrNotAuthentic) {
		t.Errorf("a stranger's: %v", err)
	}
	if _, err := h.store.QuarantinedBody(t.Context(), "acme", stranger.ID()); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a stranger's body: %v", err)
	}
	if _, err := h.replay(t, "qd_"+strings.Repeat("a", 26)); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("an unknown one: %v", err)
	}
	none := inbox.Quarantined{Tenant: "acme", OperationID: h.id("a"), At: now, Authentic: true, Digest: "d"}
	if err := h.store.Quarantine(t.Context(), none); err != nil {
		t.Fatal(err)
	}
	if _, err := h.replay(t, none.ID()); !errors.Is(err, webhook.ErrBodyGone) {
		t.Errorf("without a body: %v", err)
	}
	h.expectUnchanged(t)
}

func TestDiscardedIsNotReplayedAndReplayedNotDiscarded(t *testing.T) {
	t.Parallel()
	h := newHarness(t, operation.WebhookHMAC)
	q := h.replayable(t)
	for _, reason := range []string{"a test of the seller", "again"} {
		got, err := h.replayer().Discard(t.Context(), "acme", q.ID(), reason, operator)
		if err != nil || got.State != inbox.Discarded || got.Handled.Reason != "a test of the seller" {
			t.Errorf("got %+v, %v", got, err)
		}
	}
	if _, err := h.replay(t, q.ID()); !errors.Is(err, webhook.ErrDiscarded) {
		t.Error(err)
	}
	h = newHarness(t, operation.WebhookHMAC)
	q = h.replayable(t)
	if _, err := h.replay(t, q.ID()); err != nil {
		t.Fatal(err)
	}
	_, err := h.replayer().Discard(t.Context(), "acme", q.ID(), "why", operator)
	if !errors.Is(err, orchestrator.ErrAlreadyApplied) {
		t.Error(err)
	}
}

// Whoever reads a kept body finds nothing in it that a delivery could be sent with.
func TestKeptBodiesHaveNoSecrets(t *testing.T) {
	t.Parallel()
	inEachMode(t, func(t *testing.T, h *harness) {
		credential := inbox.WebhookCredential(root, "acme", h.id("a"))
		url := base + "/v1/webhooks/" + h.route["a"]
		echo := map[string]any{"url": url, "token": h.push["a"], "credentials": credential,
			"note": "you said " + h.push["a"] + " and " + credential}
		body := h.payload("a", map[string]any{"task_id": "other", "result": echo})
		push := h.push["a"]
		escaped := strings.ReplaceAll(string(body), push, fmt.Sprintf(`\u%04x%s`, push[0], push[1:]))
		for _, sent := range []string{string(body), escaped} {
			if got := h.Handle(t.Context(), h.signed("a", []byte(sent))); got.Code != "conflict" {
				t.Fatalf("got %+v", got)
			}
		}
		for _, q := range h.quarantined(t) {
			kept, err := h.store.QuarantinedBody(t.Context(), "acme", q.ID())
			if err != nil {
				t.Fatal(err)
			}
			secret := strings.Split(h.route["a"], ".")[3]
			for name, s := range map[string]string{"push token": h.push["a"], "callback token": secret,
				"credential": credential} {
				if name == "credential" && h.mode == operation.WebhookRFC9421 {
					continue // there is none: the agent signs
				}
				// Whatever follows its first character would do: a text is told by less.
				if bytes.Contains(kept, []byte(s[1:])) {
					t.Errorf("the %s is kept", name)
				}
			}
		}
	})
}
