package orchestrator_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/digest"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/orchestrator"
	"adcp-orchestrator/pkg/registry"
	"adcp-orchestrator/pkg/store/memory"
)

// theUpdatesAccount is updateSubmission's account.
const theUpdatesAccount = `{"account_id":"a"}`

// registerAgain stores a second entry for the harness's seller.
func (h *harness) registerAgain(id, url string) {
	h.t.Helper()
	a := registry.Agent{Tenant: "acme", ID: id, URL: url, Transport: adcp.MCP,
		WebhookMode: operation.WebhookRFC9421, Version: 1}
	if err := h.store.PutAgent(h.t.Context(), a); err != nil {
		h.t.Fatal(err)
	}
}

// An account that is named by brand and operator, with its default, and its sandbox.
const (
	brandAccount = `{"brand":{"domain":"d"},"operator":"o"}`
	brandDefault = `{"brand":{"domain":"d"},"operator":"o","sandbox":false}`
	brandSandbox = `{"brand":{"domain":"d"},"operator":"o","sandbox":true}`
)

// The seller is known by its URL, whatever its entries are called.
func TestOneSellerUnderTwoIDsDoesNotSellTwice(t *testing.T) {
	t.Parallel()
	h := poHarness(t)
	h.registerAgain("again", "https://seller.example/mcp")
	h.registerAgain("other", "https://other.example/mcp")
	again := with(t, poSubmission, `"seller"`, `"again"`)
	op, match, err := h.trySubmit(again, "k-2")
	if err != nil || op.ID != h.id || match != orchestrator.MatchNatural {
		t.Errorf("got %s, matched by %q, want %s; %v", op.ID, match, h.id, err)
	}
	_, _, err = h.trySubmit(with(t, again, theBudget, `"budget":5`), "k-3")
	wantRefused(t, err, orchestrator.PONumberInUse, h.id, operation.Requested)
	for name, other := range map[string]string{
		"another seller":  with(t, poSubmission, `"seller"`, `"other"`),
		"another account": with(t, poSubmission, theAccount, brandAccount),
		"its sandbox":     with(t, poSubmission, theAccount, brandSandbox),
	} {
		if op, match, err := h.trySubmit(other, name); err != nil || op.ID == h.id || match != orchestrator.MatchNew {
			t.Errorf("%s: got %s, matched by %q; %v", name, op.ID, match, err)
		}
	}
}

func TestTwoChangesOfOneBuyAreNotBothOpenHoweverTheyAreWritten(t *testing.T) {
	t.Parallel()
	first := with(t, updateSubmission, theUpdatesAccount, brandAccount)
	h := newHarnessWith(t, &fakeAgent{}, first)
	h.registerAgain("again", "https://seller.example/mcp")
	second := with(t, first, "true", "false")
	for i, change := range []string{
		with(t, second, brandAccount, brandDefault),
		with(t, second, brandAccount, `{ "operator": "o", "brand": {"domain": "d"} }`),
		with(t, second, `"seller"`, `"again"`),
	} {
		_, _, err := h.trySubmit(change, fmt.Sprint("k-", i+2))
		wantRefused(t, err, orchestrator.BuyHasOpenChange, h.id, operation.Requested)
	}
}

// olderCode stores an operation under the natural key that older code gave it: by the id of the
// agent's entry, and by the account as it was written.
type olderCode struct {
	*memory.Store
	account, name string
}

func (o olderCode) Create(ctx context.Context, n orchestrator.NewOperation) error {
	account, err := digest.JSON([]byte(o.account))
	if err != nil {
		return err
	}
	n.Op.NaturalKey = digest.Hex(string(n.Op.Type) + "\x00" + n.Op.AgentID + "\x00" + account + "\x00" + o.name)
	return o.Store.Create(ctx, n)
}

// An upgrade must not buy again what is open or completed under a natural key of the old form.
func TestBuyOfOlderCodeIsNotBoughtAgain(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ stored, again string }{
		"the same":                   {theAccount, theAccount},
		"stored with the default":    {brandDefault, brandDefault},
		"submitted with the default": {brandAccount, brandDefault},
	} {
		for _, completed := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, completed %v", name, completed), func(t *testing.T) {
				t.Parallel()
				h := newHarness(t, &fakeAgent{profile: buyProfile(), answers: []adcp.Response{
					answerWith(`{"status":"completed","media_buy_id":"mb_1","packages":[]}`)}})
				older := olderCode{h.store, tc.stored, "PO-1"}
				old, _, err := h.submitTo(older, swap(poSubmission, theAccount, tc.stored), "k-old")
				if err != nil {
					t.Fatal(err)
				}
				h.id = old.ID
				if completed {
					h.dispatch()
				}
				again := swap(poSubmission, theAccount, tc.again)
				var wait sync.WaitGroup
				for i := range 4 {
					wait.Go(func() {
						op, match, err := h.trySubmit(again, fmt.Sprint("k-", i))
						if err != nil || op.ID != old.ID || match != orchestrator.MatchNatural {
							t.Errorf("got %s, matched by %q, want %s; %v", op.ID, match, old.ID, err)
						}
					})
				}
				wait.Wait()
				if op, match, err := h.trySubmit(again, "k-0"); err != nil || op.ID != old.ID || match != orchestrator.MatchKey {
					t.Errorf("its repetition got %s, matched by %q; %v", op.ID, match, err)
				}
				_, _, err = h.trySubmit(with(t, again, theBudget, `"budget":5`), "k-other")
				wantRefused(t, err, orchestrator.PONumberInUse, old.ID, h.op().State)
			})
		}
	}
}

func TestBuyOfOlderCodeThatFailedFreesItsPurchaseOrder(t *testing.T) {
	t.Parallel()
	h := newHarness(t, &fakeAgent{profile: buyProfile(), answers: []adcp.Response{errorWith("BUDGET_TOO_LOW", "")}})
	old, _, err := h.submitTo(olderCode{h.store, theAccount, "PO-1"}, poSubmission, "k-old")
	if err != nil {
		t.Fatal(err)
	}
	h.id = old.ID
	h.dispatch()
	next, match, err := h.trySubmit(poSubmission, "k-2")
	if err != nil || next.ID == old.ID || match != orchestrator.MatchNew {
		t.Errorf("got %s, matched by %q; %v", next.ID, match, err)
	}
	if op, _, err := h.trySubmit(poSubmission, "k-3"); err != nil || op.ID != next.ID {
		t.Errorf("got %s, want %s; %v", op.ID, next.ID, err)
	}
}

// The line of changes goes on behind a change that older code has stored.
func TestChangesWaitForOneOfOlderCode(t *testing.T) {
	t.Parallel()
	h := newHarness(t, &fakeAgent{profile: buyProfile(), answers: []adcp.Response{
		answerWith(`{"status":"submitted","task_id":"t"}`)}})
	h.agent.profile.Tasks = []string{"update_media_buy"}
	old, _, err := h.submitTo(olderCode{h.store, theUpdatesAccount, "mb_1"}, updateSubmission, "k-old")
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = h.trySubmit(with(t, updateSubmission, "true", "false"), "k-2")
	wantRefused(t, err, orchestrator.BuyHasOpenChange, old.ID, operation.Requested)
	last := old.ID
	for i := range 3 {
		op, _, err := h.trySubmit(waitingUpdate, fmt.Sprint("k-w", i))
		if err != nil || op.WaitsFor != last {
			t.Fatalf("change %d waits for %q, want %s; %v", i, op.WaitsFor, last, err)
		}
		last = op.ID
	}
	h.change(last, func() { h.dispatch() })
	h.change(old.ID, func() { h.dispatch() })
	if len(h.agent.sent) != 1 {
		t.Errorf("%d changes were sent, want the first", len(h.agent.sent))
	}
}

// swap is with, for a text that may stay the same.
func swap(submission, old, text string) string {
	return strings.Replace(submission, old, text, 1)
}
