package orchestrator_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/orchestrator"
)

// Complete submissions of 3.2's tools that spend.
const (
	buyProductsSubmission = `{
	"agent_id": "seller",
	"type": "buy_products",
	"request": {
		"account": {"account_id": "a"},
		"brand": {"domain": "d"},
		"feed_version": "f1",
		"purchases": [{"product_id": "p", "pricing_option_id": "o"}],
		"start_time": "asap",
		"end_time": "2027-06-30T23:59:59Z",
		"purchase_order_ref": "PO-1"
	}
}`
	acceptSubmission = `{
	"agent_id": "seller",
	"type": "accept_proposal",
	"request": {
		"account": {"account_id": "a"},
		"proposal_id": "pr_1",
		"proposal_terms_digest": "sha256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
	}
}`
	controlSubmission = `{
	"agent_id": "seller",
	"type": "control_media_buy",
	"request": {"account": {"account_id":"a"}, "media_buy_id": "mb_1", "revision": 3, "paused": true}
}`
)

// acceptPO is acceptSubmission with a purchase order.
var acceptPO = strings.Replace(acceptSubmission, `"proposal_id"`, `"purchase_order_ref": "PO-1", "proposal_id"`, 1)

// wantInUse checks that a submission was refused because of an operation.
func wantInUse(t *testing.T, what string, err error, code orchestrator.SubmitRefusal, id, member string) {
	t.Helper()
	var refused *orchestrator.SubmitRefusedError
	if !errors.As(err, &refused) || refused.Code != code || refused.OperationID != id || refused.Member != member {
		t.Errorf("%s: got %+v, %v; want %s of %s by %q", what, refused, err, code, id, member)
	}
}

func TestPurchaseOrderIsOnePurchaseWhicheverToolNamesIt(t *testing.T) {
	t.Parallel()
	all := map[adcp.Task]string{
		adcp.CreateMediaBuy: poSubmission, adcp.BuyProducts: buyProductsSubmission, adcp.AcceptProposal: acceptPO,
	}
	for first, submission := range all {
		h := newHarnessWith(t, nil, submission)
		if op := h.op(); op.PONumber != "PO-1" {
			t.Errorf("%s shows the purchase order %q", first, op.PONumber)
		}
		for second, other := range all {
			if second == first {
				continue
			}
			member := "purchase_order_ref"
			if second == adcp.CreateMediaBuy {
				member = ""
			}
			_, _, err := h.trySubmit(other, "k-"+string(second))
			wantInUse(t, fmt.Sprintf("%s after %s", second, first), err, orchestrator.PONumberInUse, h.id, member)
			further := with(t, other, `"type"`, `"dedupe_by":"none","type"`)
			if op, match, err := h.trySubmit(further, "f-"+string(second)); err != nil || match != orchestrator.MatchNew ||
				op.ID == h.id {
				t.Errorf("a further %s after %s: %s, %q, %v", second, first, op.ID, match, err)
			}
		}
	}
}

func TestBuyProductsIsBoughtOncePerPurchaseOrder(t *testing.T) {
	t.Parallel()
	h := newHarnessWith(t, nil, buyProductsSubmission)
	op, match, err := h.trySubmit(buyProductsSubmission, "k-2")
	if err != nil || op.ID != h.id || match != orchestrator.MatchNatural {
		t.Errorf("the same got %s, matched by %q; %v", op.ID, match, err)
	}
	_, _, err = h.trySubmit(with(t, buyProductsSubmission, `"p"`, `"q"`), "k-3")
	wantInUse(t, "another purchase", err, orchestrator.PONumberInUse, h.id, "purchase_order_ref")
}

// What older code has bought for a purchase order, no newer tool buys again.
func TestPurchaseOrderOfOlderCodeIsFoundByEveryTool(t *testing.T) {
	t.Parallel()
	h := newHarness(t, &fakeAgent{profile: buyProfile()})
	old, _, err := h.submitTo(olderCode{h.store, theAccount, "PO-1"}, poSubmission, "k-old")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{buyProductsSubmission, acceptPO} {
		_, _, err = h.trySubmit(s, "k-2")
		wantInUse(t, s, err, orchestrator.PONumberInUse, old.ID, "purchase_order_ref")
	}
}

func TestProposalIsAcceptedOnceWhateverTheKey(t *testing.T) {
	t.Parallel()
	h := newHarnessWith(t, nil, acceptSubmission)
	for i, same := range []string{
		acceptSubmission,
		with(t, acceptSubmission, `"type"`, `"dedupe_by":"none","type"`),
		with(t, acceptSubmission, `"account_id": "a"}`, `"account_id": "a"} `),
	} {
		op, match, err := h.trySubmit(same, fmt.Sprint("same-", i))
		if err != nil || op.ID != h.id || match != orchestrator.MatchProposal {
			t.Errorf("%d got %s, matched by %q; %v", i, op.ID, match, err)
		}
	}
	budget := with(t, acceptSubmission, `"proposal_id"`, `"total_budget":{"amount":5,"currency":"EUR"},"proposal_id"`)
	for i, other := range []string{budget, acceptPO} {
		_, _, err := h.trySubmit(other, fmt.Sprint("other-", i))
		wantInUse(t, other, err, orchestrator.ProposalInUse, h.id, "")
	}
	for name, other := range map[string]string{
		"another proposal": with(t, acceptSubmission, "pr_1", "pr_2"),
		"other terms":      with(t, acceptSubmission, "sha256:A", "sha256:B"),
		"another account":  with(t, acceptSubmission, `"a"`, `"b"`),
	} {
		if op, match, err := h.trySubmit(other, name); err != nil || op.ID == h.id || match != orchestrator.MatchNew {
			t.Errorf("%s: got %s, matched by %q; %v", name, op.ID, match, err)
		}
	}
}

func TestOfManyAcceptancesAtOnceOneIsMade(t *testing.T) {
	t.Parallel()
	for name, submission := range map[string]string{"without an order": acceptSubmission, "with an order": acceptPO} {
		h := newHarnessWith(t, nil, with(t, acceptSubmission, "pr_1", "pr_0"))
		var made atomic.Int32
		var all sync.WaitGroup
		for i := range 20 {
			all.Go(func() {
				_, match, err := h.trySubmit(submission, fmt.Sprint("key-", i))
				if err != nil {
					t.Error(err)
				}
				if match == orchestrator.MatchNew {
					made.Add(1)
				}
			})
		}
		all.Wait()
		if n := made.Load(); n != 1 {
			t.Errorf("%s: the proposal was accepted %d times", name, n)
		}
	}
}

// Its proposal and its purchase order are held together, and freed together.
func TestAcceptanceHoldsItsProposalAndItsPurchaseOrder(t *testing.T) {
	t.Parallel()
	byOrder := with(t, acceptPO, "pr_1", "pr_2")
	byProposal := with(t, acceptPO, "PO-1", "PO-2")
	for name, tc := range map[string]struct {
		answer adcp.Response
		held   bool
	}{
		"completed": {answerWith(`{"status":"completed","media_buy_id":"mb_1","revision":1,"accepted_proposal":` +
			`{"proposal_id":"pr_1","proposal_kind":"new_media_buy"}}`), true},
		"failed": {errorWith("PROPOSAL_EXPIRED", ""), false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHarnessWith(t, nil, acceptPO)
			h.caller = &fakeAgent{profile: lifeCycleProfile(), answers: []adcp.Response{tc.answer}}
			refused := func(when string) {
				t.Helper()
				_, _, err := h.trySubmit(byOrder, "k-2")
				wantInUse(t, when, err, orchestrator.PONumberInUse, h.id, "purchase_order_ref")
				_, _, err = h.trySubmit(byProposal, "k-3")
				wantInUse(t, when, err, orchestrator.ProposalInUse, h.id, "")
			}
			refused("open")
			h.dispatch()
			if op := h.op(); !op.State.Terminal() || op.HoldsNaturalKey() != tc.held {
				t.Fatalf("it is %s and holds its keys: %v", op.State, op.HoldsNaturalKey())
			}
			if tc.held {
				refused("completed")
				return
			}
			if op, match, err := h.trySubmit(acceptPO, "k-4"); err != nil || op.ID == h.id || match != orchestrator.MatchNew {
				t.Errorf("got %s, matched by %q; %v", op.ID, match, err)
			}
		})
	}
}

// Keys that an end has left behind are taken over, from two holders in one write.
func TestAcceptanceTakesBothKeysOverFromWhatHasEnded(t *testing.T) {
	t.Parallel()
	h := newHarnessWith(t, nil, acceptSubmission)
	order, _, err := h.trySubmit(buyProductsSubmission, "k-order")
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{h.id, order.ID} {
		op := h.get(id)
		op.State = operation.Failed
		op.BumpVersion(h.at)
		if err := h.store.Commit(t.Context(), operation.Change{Op: op}); err != nil { // its keys stay
			t.Fatal(err)
		}
	}
	op, match, err := h.trySubmit(acceptPO, "k-2")
	if err != nil || match != orchestrator.MatchNew {
		t.Fatalf("got %s, matched by %q; %v", op.ID, match, err)
	}
	for _, key := range op.NaturalKeys() {
		if r, err := h.store.NaturalKeyHolder(t.Context(), "acme", key); err != nil || r.OperationID != op.ID {
			t.Errorf("held by %s; %v", r.OperationID, err)
		}
	}
	if n := len(op.NaturalKeys()); n != 2 {
		t.Errorf("it has %d natural keys", n)
	}
}

// Whichever tool changes a buy, its changes make one line, also behind one of older code.
func TestChangesOfOneBuyMakeOneLineWhicheverToolChangesIt(t *testing.T) {
	t.Parallel()
	for _, older := range []bool{false, true} {
		for first, second := range map[string]string{
			updateSubmission: controlSubmission, controlSubmission: updateSubmission,
		} {
			if older && first == controlSubmission {
				continue
			}
			h := newHarness(t, &fakeAgent{profile: lifeCycleProfile(), answers: []adcp.Response{updated}})
			var store orchestrator.SubmitStore = h.store
			if older {
				store = olderCode{h.store, theUpdatesAccount, "mb_1"}
			}
			open, _, err := h.submitTo(store, first, "k-1")
			if err != nil {
				t.Fatal(err)
			}
			_, _, err = h.trySubmit(second, "k-2")
			wantRefused(t, err, orchestrator.BuyHasOpenChange, open.ID, operation.Requested)
			waiting, _, err := h.trySubmit(with(t, second, `"type"`, `"on_conflict":"wait","type"`), "k-3")
			if err != nil || waiting.WaitsFor != open.ID {
				t.Fatalf("it waits for %q, want %s; %v", waiting.WaitsFor, open.ID, err)
			}
			h.change(waiting.ID, func() { h.dispatch() })
			if len(h.agent.sent) != 0 {
				t.Error("it overtook the first")
			}
			h.change(open.ID, func() { h.dispatch() })
			h.change(waiting.ID, func() { h.dispatch() })
			if op := h.get(waiting.ID); op.State != operation.Completed || len(h.agent.sent) != 2 {
				t.Errorf("the second is %s after %d calls", op.State, len(h.agent.sent))
			}
		}
	}
}

// The label of an operator's unit may change, and does not make another account.
func TestLabelOfAnAccountsUnitMakesNoOtherAccount(t *testing.T) {
	t.Parallel()
	unit := func(unit string) string {
		return with(t, poSubmission, theAccount, `{"brand":{"domain":"d"},"operator":"o","operator_unit":`+unit+`}`)
	}
	h := newHarness(t, &fakeAgent{profile: buyProfile()})
	h.knows("3.2") // older releases know no units
	h.id = h.submit(unit(`{"id":"u","name":"EMEA"}`), "k-unit").ID
	for i, same := range []string{unit(`{"id":"u","name":"Europe"}`), unit(`{"id":"u"}`)} {
		if op, match, err := h.trySubmit(same, fmt.Sprint("k-", i)); err != nil || op.ID != h.id ||
			match != orchestrator.MatchNatural {
			t.Errorf("got %s, matched by %q; %v", op.ID, match, err)
		}
	}
	if op, _, err := h.trySubmit(unit(`{"id":"v","name":"EMEA"}`), "k-other"); err != nil || op.ID == h.id {
		t.Errorf("another unit got %s; %v", op.ID, err)
	}
}
