package orchestrator_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/digest"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/orchestrator"
	"adcp-orchestrator/pkg/store"
	"adcp-orchestrator/pkg/store/memory"
)

var bought = answerWith(`{"status":"completed","media_buy_id":"mb_1","packages":[]}`)

// keeping is a Settle that keeps ended operations for the shortest time.
func (h *harness) keeping(s orchestrator.SettleStore) orchestrator.Settle {
	settle := h.settle(&fakePublisher{})
	settle.Store, settle.KeepEnded = s, operation.MinKeepEnded
	return settle
}

// settled is an operation with a purchase order that has completed and expires.
func settled(t *testing.T) (h *harness, expiresAt time.Time) {
	t.Helper()
	h = poHarness(t, bought)
	h.dispatch()
	h.runSettle(h.keeping(h.store))
	op := h.op()
	if want := op.PublishedAt.Add(operation.MinKeepEnded); op.ExpiresAt.Sub(want).Abs() > time.Second {
		t.Fatalf("it expires at %v, want %v", op.ExpiresAt, want)
	}
	if op.ExpiryPending || !op.DueAt.IsZero() {
		t.Errorf("not finished: pending %v, due %v", op.ExpiryPending, op.DueAt)
	}
	return h, op.ExpiresAt
}

func (h *harness) runSettle(s orchestrator.Settle) {
	h.t.Helper()
	if _, err := s.Run(h.t.Context(), "acme", h.id); err != nil {
		h.t.Fatal(err)
	}
}

// ttls returns how many items of the operation have a ttl, and how many have none.
func (h *harness) ttls() (some, none int) {
	h.t.Helper()
	ttls, err := h.store.TTLs(h.t.Context(), "acme", h.id)
	if err != nil {
		h.t.Fatal(err)
	}
	for _, ttl := range ttls {
		if ttl != 0 {
			some++
		} else {
			none++
		}
	}
	return some, none
}

func TestEndedOperationsAreNotKeptForEver(t *testing.T) {
	t.Parallel()
	h, expiresAt := settled(t)
	all := func() bool { return true }
	if n := h.store.Sweep(expiresAt, all); n != 0 {
		t.Errorf("the table may delete %d items while the operation can be read", n)
	}
	h.at = expiresAt
	if _, err := h.store.Load(t.Context(), "acme", h.id); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("after its expiry: %v", err)
	}
	h.store.Sweep(expiresAt.Add(operation.KeysOutlive+time.Minute), all)
	if some, none := h.ttls(); some+none != 0 {
		t.Errorf("%d items are left, %d of them for ever", some+none, none)
	}
}

func TestWithoutASettingEndedOperationsAreKept(t *testing.T) {
	t.Parallel()
	h := poHarness(t, bought)
	h.dispatch()
	h.runSettle(h.settle(&fakePublisher{}))
	if op := h.op(); !op.ExpiresAt.IsZero() || op.ExpiryPending || !op.DueAt.IsZero() {
		t.Errorf("%+v", op)
	}
	if some, _ := h.ttls(); some != 0 {
		t.Errorf("%d items expire", some)
	}
}

func TestWhatIsOpenUnpublishedOrNeedsAPersonDoesNotExpire(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		prepare func(h *harness, s *orchestrator.Settle)
	}{
		"open": {func(h *harness, _ *orchestrator.Settle) {
			h.caller.(*fakeAgent).answers = []adcp.Response{submitted}
			h.dispatch()
		}},
		"unpublished": {func(h *harness, s *orchestrator.Settle) {
			h.dispatch()
			s.Publisher = &fakePublisher{err: errors.New("no answer")}
		}},
		"needs a person": {func(h *harness, _ *orchestrator.Settle) {
			h.dispatch()
			op := h.op()
			op.Flag(operation.ResultTooLarge, h.at, "")
			op.Version++
			if err := h.store.Commit(h.t.Context(), operation.Change{Op: op}); err != nil {
				h.t.Fatal(err)
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := poHarness(t, bought)
			s := h.keeping(h.store)
			tc.prepare(h, &s)
			_, _ = s.Run(t.Context(), "acme", h.id)
			if some, _ := h.ttls(); some != 0 || !h.op().ExpiresAt.IsZero() || h.op().ExpiryPending {
				t.Errorf("%d items expire, the operation at %v", some, h.op().ExpiresAt)
			}
		})
	}
}

// crashing is a store whose SetExpiry fails before or after it has written.
type crashing struct {
	*memory.Store
	before, after bool
}

var errCrash = errors.New("the process died")

func (c *crashing) SetExpiry(ctx context.Context, op operation.Operation) error {
	if c.before {
		return errCrash
	}
	if err := c.Store.SetExpiry(ctx, op); err != nil || !c.after {
		return err
	}
	return errCrash
}

// A process can die between the write of the operation's expiry and those of its items': else some
// would stay for ever, bound to an operation that is gone.
func TestADeathWhileTheItemsGetTheirExpiryIsMadeUpFor(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]crashing{"before": {before: true}, "after": {after: true}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := poHarness(t, bought)
			h.dispatch()
			fault.Store = h.store
			if _, err := h.keeping(&fault).Run(t.Context(), "acme", h.id); !errors.Is(err, errCrash) {
				t.Fatal(err)
			}
			h.completeExpiry()
			if some, none := h.ttls(); none != 0 || some == 0 {
				t.Errorf("%d items expire, %d do not", some, none)
			}
		})
	}
}

// completeExpiry runs what the reconciler and the execution that it starts do.
func (h *harness) completeExpiry() {
	h.t.Helper()
	if op := h.op(); !op.ExpiryPending || op.DueAt.IsZero() {
		h.t.Fatalf("the reconciler does not see that the expiry is pending: %+v", op)
	}
	h.at = h.at.Add(time.Hour)
	h.workflow.status[execution(h.id, h.op().Generation)] = orchestrator.ExecutionOver
	if got := h.reconcile(); got.Restarted != 1 {
		h.t.Fatalf("reconciled %+v", got)
	}
	if d := h.dispatch(); d.Next != operation.NextSettle {
		h.t.Fatalf("decided %+v", d)
	}
	s := h.keeping(h.store)
	s.Publisher = &fakePublisher{before: func() { h.t.Error("published again") }}
	h.runSettle(s)
	if op := h.op(); op.ExpiryPending || !op.DueAt.IsZero() {
		h.t.Errorf("not finished: %+v", op)
	}
}

// conflict stores a webhook that contradicts the end.
func (h *harness) conflict() {
	h.t.Helper()
	r := orchestrator.Receive{Store: h.store, Workflow: h.workflow, Deps: h.deps}
	op := h.op()
	token := "push"
	op.Webhook.TokenHash = digest.Hex(token)
	op.Version++
	if err := h.store.Commit(h.t.Context(), operation.Change{Op: op}); err != nil {
		h.t.Fatal(err)
	}
	_, err := r.Run(h.t.Context(), op, adcp.Webhook{OperationID: op.ID, Token: token, IdempotencyKey: "late",
		TaskType: string(op.Type), Status: adcp.StatusFailed}, "f")
	if !errors.Is(err, orchestrator.ErrConflict) || h.attention() != operation.ProtocolClash {
		h.t.Fatalf("%v, attention %q", err, h.attention())
	}
}

func TestWhatNeedsAPersonAfterItsEndDoesNotExpire(t *testing.T) {
	t.Parallel()
	h, expiresAt := settled(t)
	h.conflict()
	h.completeExpiry()
	if some, none := h.ttls(); some != 0 || none == 0 {
		t.Errorf("%d items expire, %d do not", some, none)
	}
	h.at = expiresAt.Add(time.Hour)
	if h.op().Attention == nil {
		t.Error("nobody is asked to look")
	}
}

// An answer that comes after the publication plans again: that must not hide a pending expiry from
// the reconciler.
func TestALateAnswerDoesNotHideAPendingExpiry(t *testing.T) {
	t.Parallel()
	h := poHarness(t, bought)
	h.dispatch()
	_, _ = h.keeping(&crashing{Store: h.store, before: true}).Run(t.Context(), "acme", h.id)
	op := h.op()
	op.Plan(h.at, 0, operation.AgentSupport{})
	op.Version++
	if err := h.store.Commit(t.Context(), operation.Change{Op: op}); err != nil {
		t.Fatal(err)
	}
	h.completeExpiry()
}

// slow is a store in which something happens before SetExpiry.
type slow struct {
	*memory.Store
	before func()
}

func (s *slow) SetExpiry(ctx context.Context, op operation.Operation) error {
	if do := s.before; do != nil {
		s.before = nil
		do()
	}
	return s.Store.SetExpiry(ctx, op)
}

func TestAnExpiryThatIsTakenBackMeanwhileIsNotWritten(t *testing.T) {
	t.Parallel()
	h := poHarness(t, bought)
	h.dispatch()
	h.runSettle(h.keeping(&slow{h.store, h.conflict}))
	if some, _ := h.ttls(); some != 0 || h.op().ExpiryPending {
		t.Errorf("%d items expire, pending %v", some, h.op().ExpiryPending)
	}
}

// Whatever the table has deleted by then, in any order: a repetition by the old key, or by another
// key with the old purchase order, finds the whole operation or learns that it has expired, until
// both are free at once.
func TestARepetitionNeverFindsHalfOfAnExpiredOperationNorBuysAgain(t *testing.T) {
	t.Parallel()
	for seed := range uint64(100) {
		h, expiresAt := settled(t)
		random := rand.New(rand.NewPCG(seed, 1))
		free := expiresAt.Add(operation.KeysOutlive + 2*time.Second)
		for h.at = expiresAt.Add(-time.Hour); h.at.Before(free); {
			for _, key := range []string{"k", fmt.Sprint("other-", h.at.Unix())} {
				op, _, err := h.trySubmit(poSubmission, key)
				if h.at.Before(expiresAt) {
					if err != nil || op.ID != h.id {
						t.Fatalf("seed %d, %s before: %s, %v", seed, key, op.ID, err)
					}
					continue
				}
				wantRefused(t, err, orchestrator.OperationExpired, h.id, "")
				if t.Failed() {
					t.Fatalf("seed %d, %s: got %s after %v", seed, key, op.ID, h.at.Sub(expiresAt))
				}
			}
			_, err := h.store.Load(t.Context(), "acme", h.id)
			if gone := errors.Is(err, store.ErrNotFound); gone == h.at.Before(expiresAt) || err != nil && !gone {
				t.Fatalf("seed %d: read %v before its expiry: %v", seed, expiresAt.Sub(h.at), err)
			}
			h.at = h.at.Add(time.Hour + time.Duration(random.Int64N(int64(20*time.Hour))))
			h.store.Sweep(h.at, func() bool { return random.IntN(2) == 0 })
		}
		h.at = free
		h.store.Sweep(h.at, func() bool { return random.IntN(2) == 0 })
		op, match, err := h.trySubmit(poSubmission, "k")
		if err != nil || op.ID == h.id || match != orchestrator.MatchNew {
			t.Fatalf("seed %d: when all is free got %s, %q, %v", seed, op.ID, match, err)
		}
	}
}

// A change can wait for another one for longer than that one exists.
func TestAChangeTakesItsTurnAfterTheOneBeforeItHasExpired(t *testing.T) {
	t.Parallel()
	h := updateHarness(t, updated)
	second := h.submit(with(t, waitingUpdate, `"type"`, `"not_after": "2028-01-01T00:00:00Z", "type"`), "k-2")
	h.dispatch()
	h.runSettle(h.keeping(h.store))
	h.at = h.op().ExpiresAt
	h.change(second.ID, func() {
		h.dispatch()
		if op := h.op(); op.State != operation.Completed || op.WaitsFor != "" {
			t.Errorf("it is %s and waits for %q", op.State, op.WaitsFor)
		}
	})
}

// An operation that ended in the line shows the one behind it what that one has to wait for.
func TestAnOperationThatEndedInTheLineDoesNotExpire(t *testing.T) {
	t.Parallel()
	h := updateHarness(t, submitted)
	h.dispatch()
	short := with(t, waitingUpdate, `"type"`, `"not_after": "`+h.at.Add(time.Hour).Format(time.RFC3339)+`", "type"`)
	second := h.submit(short, "k-2")
	third := h.submit(waitingUpdate, "k-3")
	h.at = h.at.Add(2 * time.Hour)
	h.change(second.ID, func() {
		h.dispatch()
		h.runSettle(h.keeping(h.store))
		if op := h.op(); op.State != operation.Canceled || op.PublishedAt.IsZero() || !op.ExpiresAt.IsZero() {
			t.Fatalf("it is %s, published at %v, expires at %v", op.State, op.PublishedAt, op.ExpiresAt)
		}
	})
	h.at = h.at.Add(2 * operation.MinKeepEnded)
	sent := len(h.agent.sent)
	h.change(third.ID, func() { h.dispatch() })
	if len(h.agent.sent) != sent {
		t.Error("the third change was sent while the first is open")
	}
}

func TestAWebhookForAnExpiredOperationIsForAnUnknownOne(t *testing.T) {
	t.Parallel()
	h, expiresAt := settled(t)
	op := h.op()
	op.Webhook.TokenHash = digest.Hex("push")
	r := orchestrator.Receive{Store: &expiring{h.store, func() { h.at = expiresAt.Add(time.Minute) }},
		Workflow: h.workflow, Deps: h.deps}
	op.Version-- // another writer was faster, so the operation is read again: by then it has expired
	got, err := r.Run(t.Context(), op, adcp.Webhook{OperationID: op.ID, Token: "push", IdempotencyKey: "late",
		TaskType: string(op.Type), Status: adcp.StatusFailed}, "f")
	if !errors.Is(err, orchestrator.ErrUnknownOperation) || got.Operation.ID != h.id {
		t.Errorf("got %+v, %v", got, err)
	}
}

// expiring is a store in which time passes before an operation is read.
type expiring struct {
	*memory.Store
	pass func()
}

func (e *expiring) Get(ctx context.Context, tenant, id string) (operation.Operation, error) {
	e.pass()
	return e.Store.Get(ctx, tenant, id)
}
