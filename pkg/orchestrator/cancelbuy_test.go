package orchestrator_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/orchestrator"
	"adcp-orchestrator/pkg/store/memory"
)

func (h *harness) buys() orchestrator.CancelBuys {
	return orchestrator.CancelBuys{Store: h.store, Workflow: h.workflow, Deps: h.deps}
}

// wished is a purchase that is to be canceled and that the agent works on.
func wished(t *testing.T) *harness {
	t.Helper()
	h, _ := submittedHarness(t)
	if _, err := h.acts().Cancel(t.Context(), "acme", h.id, by, operation.CancelBuy); err != nil {
		t.Fatal(err)
	}
	return h
}

// complete has the agent report the end of the purchase.
func (h *harness) complete() {
	h.t.Helper()
	h.deliver(adcp.CreateMediaBuy, "whk-1", `{"media_buy_id":"mb_1","packages":[]}`)
}

// dyingStore dies at one of its writes, before it or after it.
type dyingStore struct {
	*memory.Store
	at     int
	after  bool
	writes int
}

var errDied = errors.New("died")

func (s *dyingStore) write(do func() error) error {
	s.writes++
	if s.writes == s.at && !s.after {
		return errDied
	}
	if err := do(); err != nil {
		return err
	}
	if s.writes == s.at {
		return errDied
	}
	return nil
}

func (s *dyingStore) Commit(ctx context.Context, c operation.Change) error {
	return s.write(func() error { return s.Store.Commit(ctx, c) })
}

func (s *dyingStore) Create(ctx context.Context, n orchestrator.NewOperation) error {
	return s.write(func() error { return s.Store.Create(ctx, n) })
}

// cancellation returns the one operation that cancels the buy, checked.
func (h *harness) cancellation() operation.Operation {
	h.t.Helper()
	op := h.op()
	if c := op.Cancellation; op.State != operation.Completed || c == nil || c.State != operation.CancelSent {
		h.t.Fatalf("%s, %+v", op.State, c)
	}
	made, err := h.store.Load(h.t.Context(), "acme", op.Cancellation.OperationID)
	if err != nil {
		h.t.Fatal(err)
	}
	if made.Op.Cancels != h.id || made.Op.Target != op.Target || !made.Op.NotAfter.IsZero() ||
		*made.Events[0].Actor != by.Actor {
		h.t.Errorf("%+v, %+v", made.Op, made.Events[0].Actor)
	}
	var request map[string]json.RawMessage
	if err := json.Unmarshal(made.Request, &request); err != nil {
		h.t.Fatal(err)
	}
	for name, want := range map[string]string{"media_buy_id": `"mb_1"`, "canceled": "true",
		"cancellation_reason": `"wrong dates"`, "account": `{"account_id":"a"}`} {
		if string(request[name]) != want {
			h.t.Errorf("%s is %s, want %s", name, request[name], want)
		}
	}
	return made.Op
}

// A purchase that is completed though it was to be canceled keeps its state, and its buy is
// canceled by one operation, whoever dies at whichever write, and whoever goes on.
func TestTheBuyOfACanceledPurchaseIsCanceledOnce(t *testing.T) {
	t.Parallel()
	deaths := 0
	for at := range 8 {
		for _, after := range []bool{false, true} {
			h := wished(t)
			h.complete()
			settle := h.settle(&fakePublisher{})
			dying := &dyingStore{Store: h.store, at: at, after: after}
			buys := h.buys()
			buys.Store = dying
			settle.Store, settle.Buys = dying, &buys
			if _, err := settle.Run(t.Context(), "acme", h.id); errors.Is(err, errDied) {
				deaths++
			}
			for range 3 {
				buys := h.buys()
				settle := h.settle(&fakePublisher{})
				settle.Buys = &buys
				h.at = h.at.Add(time.Minute) // longer than a publication's lease
				if _, err := settle.Run(t.Context(), "acme", h.id); err != nil {
					t.Fatal(err)
				}
			}
			h.cancellation()
			if op := h.op(); !op.DueAt.IsZero() || op.PublishedAt.IsZero() {
				t.Errorf("died at %d: due at %v", at, op.DueAt)
			}
			if n := h.operations(); n != 2 {
				t.Errorf("died at %d: %d operations", at, n)
			}
		}
	}
	if deaths < 8 {
		t.Errorf("died %d times", deaths)
	}
}

// operations counts the operations that were ever stored.
func (h *harness) operations() int {
	h.t.Helper()
	list, err := h.store.Due(h.t.Context(), h.at.Add(365*24*time.Hour), 100)
	if err != nil {
		h.t.Fatal(err)
	}
	n := len(list.Refs)
	if op := h.op(); op.LooksAt().IsZero() {
		n++
	}
	return n
}

// Until the cancellation of its buy is made, the reconciler comes back to a settled operation.
func TestTheReconcilerHasTheCancellationMade(t *testing.T) {
	t.Parallel()
	h := wished(t)
	h.complete()
	settle := h.settle(&fakePublisher{})
	if _, err := settle.Run(t.Context(), "acme", h.id); err != nil { // it dies before it makes it
		t.Fatal(err)
	}
	h.workflow.status[execution(h.id, 1)] = orchestrator.ExecutionOver
	h.at = h.at.Add(5 * time.Minute)
	if s := h.reconcile(); s.Restarted != 1 {
		t.Fatalf("%+v", s)
	}
	if d := h.dispatch(); d.Next != operation.NextSettle {
		t.Fatalf("%+v", d)
	}
	buys := h.buys()
	settle.Buys = &buys
	if _, err := settle.Run(t.Context(), "acme", h.id); err != nil {
		t.Fatal(err)
	}
	h.cancellation()
}

// The buy of a completed purchase is canceled at a person's request, however many request it at
// once, and the request says that the cancellation is on its way and not that the buy is canceled.
func TestCancelAfterTheEnd(t *testing.T) {
	t.Parallel()
	profile := buyProfile()
	profile.Tasks = append(profile.Tasks, "update_media_buy")
	completed := answerWith(`{"status":"completed","media_buy_id":"mb_1","packages":[]}`)
	h := newHarness(t, &fakeAgent{profile: profile, answers: []adcp.Response{completed}})
	h.dispatch()
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			op, err := h.acts().Cancel(t.Context(), "acme", h.id, by, operation.CancelBuy)
			if err != nil || op.State != operation.Completed {
				t.Errorf("%s, %v", op.State, err)
			}
		})
	}
	wg.Wait()
	made := h.cancellation()
	if kinds := h.actEvents(); len(kinds) != 1 || h.operations() != 2 {
		t.Errorf("%v, %d operations", kinds, h.operations())
	}
	_, err := h.acts().Withdraw(t.Context(), "acme", h.id, by)
	wantRefusal(t, err, operation.CancellationSent)
	first := h.id
	h.id = made.ID
	h.agent.answers = []adcp.Response{answerWith(`{"media_buy_id":"mb_1","status":"canceled","revision":2}`)}
	h.dispatch()
	if sent := h.agent.sent[len(h.agent.sent)-1]; !strings.Contains(sent, `"canceled":true`) {
		t.Errorf("sent %s", sent)
	}
	if op := h.op(); op.State != operation.Completed || op.Attention != nil {
		t.Errorf("the cancellation is %s, attention %+v", op.State, op.Attention)
	}
	h.id = first
	if op := h.op(); op.State != operation.Completed {
		t.Errorf("the purchase is %s", op.State)
	}
}

// The cancellation goes to the agent that has the buy, and not to who has its entry by now; it
// waits for a change of the buy that is open.
func TestTheCancellationGoesToTheBuysAgent(t *testing.T) {
	t.Parallel()
	h, _, _ := endedHarness(t)
	change := h.submit(strings.NewReplacer(`"create_media_buy"`, `"update_media_buy"`, `"brand": {"domain": "d"},`,
		`"media_buy_id": "mb_1",`, `"start_time": "asap",`, "", `"end_time": "2027-06-30T23:59:59Z",`, "",
		`"packages": [{"product_id":"p","pricing_option_id":"cpm","budget":1000,"ext":{"adcp_version":"3.1"}}],`,
		`"paused": true,`).Replace(buySubmission), "k2")
	entry, err := h.store.Agent(t.Context(), "acme", "seller")
	if err != nil {
		t.Fatal(err)
	}
	entry.URL, entry.Version = "https://another.example/mcp", entry.Version+1
	if err := h.store.PutAgent(t.Context(), entry); err != nil {
		t.Fatal(err)
	}
	if _, err := h.acts().Cancel(t.Context(), "acme", h.id, by, operation.CancelBuy); err != nil {
		t.Fatal(err)
	}
	if made := h.cancellation(); made.WaitsFor != change.ID {
		t.Errorf("waits for %q, want %s", made.WaitsFor, change.ID)
	}
}

// A purchase that is to be canceled is not sent again when its call did nothing.
func TestACanceledPurchaseIsNotSentAgain(t *testing.T) {
	t.Parallel()
	h := newHarness(t, &fakeAgent{profile: buyProfile(), answers: []adcp.Response{errorWith("RATE_LIMITED", "")}})
	h.caller = &early{h.agent, func() {
		if op, err := h.acts().Cancel(t.Context(), "acme", h.id, by, operation.CancelBuy); err != nil ||
			op.State != operation.CallingAdCP {
			t.Errorf("%s, %v", op.State, err)
		}
	}}
	h.agent.profile.Capabilities.Idempotency = adcp.IdempotencyOffer{Support: adcp.Supported, ReplayTTL: 24 * time.Hour}
	if d := h.dispatch(); d.Next != operation.NextRetry {
		t.Fatalf("%+v", d)
	}
	h.caller = h.agent
	if d := h.dispatch(); d.Next != operation.NextSettle || len(h.agent.sent) != 1 {
		t.Errorf("%+v, %d calls", d, len(h.agent.sent))
	}
	if op := h.op(); op.State != operation.Canceled || op.Cancellation.State != operation.CancelDone {
		t.Errorf("%s, %+v", op.State, op.Cancellation)
	}
}
