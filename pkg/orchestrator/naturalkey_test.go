package orchestrator_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/orchestrator"
	"adcp-orchestrator/pkg/store/memory"
)

// with returns a submission with texts replaced by others.
func with(t *testing.T, submission string, replace ...string) string {
	t.Helper()
	changed := strings.NewReplacer(replace...).Replace(submission)
	if changed == submission {
		t.Fatalf("%q replaced nothing", replace)
	}
	return changed
}

// poSubmission is buySubmission with a purchase order.
var poSubmission = strings.Replace(buySubmission, `"account"`, `"po_number": "PO-1", "account"`, 1)

// poHarness is an operation with a purchase order. Its agent gives the answers.
func poHarness(t *testing.T, answers ...adcp.Response) *harness {
	t.Helper()
	h := newHarnessWith(t, nil, poSubmission)
	h.caller = &fakeAgent{profile: buyProfile(), answers: answers}
	return h
}

// submitStore is a store in which something happens before an operation is created.
type submitStore struct {
	*memory.Store
	beforeCreate func()
}

func (s submitStore) Create(ctx context.Context, n orchestrator.NewOperation) error {
	s.beforeCreate()
	return s.Store.Create(ctx, n)
}

// trySubmit submits for the tenant acme.
func (h *harness) trySubmit(submission, key string) (operation.Operation, orchestrator.DedupMatch, error) {
	h.t.Helper()
	return h.submitTo(h.store, submission, key)
}

func (h *harness) submitTo(s orchestrator.SubmitStore, submission, key string) (
	operation.Operation, orchestrator.DedupMatch, error) {
	h.t.Helper()
	r, err := orchestrator.ParseSubmitRequest([]byte(submission))
	if err != nil {
		h.t.Error(err)
		return operation.Operation{}, "", err
	}
	submit := orchestrator.Submit{Store: s, Workflow: notStarted{}, Deps: h.deps, BaseURL: "https://api.example"}
	return submit.Run(context.Background(), "acme", key, r)
}

// wantRefused checks that a submission was refused because of an operation that is in a state.
func wantRefused(t *testing.T, err error, code orchestrator.SubmitRefusal, id string, state operation.State) {
	t.Helper()
	var refused *orchestrator.SubmitRefusedError
	want := orchestrator.SubmitRefusedError{Code: code, OperationID: id, State: state}
	if !errors.As(err, &refused) || *refused != want {
		t.Errorf("got %+v, %v; want %s of %s, which is %s", refused, err, code, id, state)
	}
}

const (
	theAccount = `{"account_id": "a"}`
	theBudget  = `"budget":1000`
)

func TestTheSamePurchaseOrderInAnotherAccountIsAnotherBuy(t *testing.T) {
	t.Parallel()
	h := poHarness(t)
	other, match, err := h.trySubmit(with(t, poSubmission, theAccount, `{"account_id": "b"}`), "k-2")
	if err != nil || other.ID == h.id || match != orchestrator.MatchNew {
		t.Errorf("the other account's buy is %s, matched by %q; %v", other.ID, match, err)
	}
}

func TestAnotherBuyUnderAPurchaseOrderIsNotSwallowed(t *testing.T) {
	t.Parallel()
	h := poHarness(t, answerWith(`{"status":"completed","media_buy_id":"mb_1","packages":[]}`))
	other := with(t, poSubmission, theBudget, `"budget":99000`)
	_, _, err := h.trySubmit(other, "k-2")
	wantRefused(t, err, orchestrator.PONumberInUse, h.id, operation.Requested)
	h.dispatch()
	_, _, err = h.trySubmit(other, "k-2")
	wantRefused(t, err, orchestrator.PONumberInUse, h.id, operation.Completed)
	// The refusals have bound no key: the client corrects the submission and keeps its key.
	op, match, err := h.trySubmit(with(t, other, "PO-1", "PO-2"), "k-2")
	if err != nil || op.ID == h.id || match != orchestrator.MatchNew {
		t.Errorf("under its own purchase order it is %s, matched by %q; %v", op.ID, match, err)
	}
}

func TestACompletedBuyIsNotBoughtAgainUnderItsPurchaseOrder(t *testing.T) {
	t.Parallel()
	h := poHarness(t, answerWith(`{"status":"completed","media_buy_id":"mb_1","packages":[]}`))
	h.dispatch()
	for _, want := range []orchestrator.DedupMatch{orchestrator.MatchNatural, orchestrator.MatchKey} {
		again, match, err := h.trySubmit(poSubmission, "k-2")
		if err != nil || again.ID != h.id || match != want {
			t.Errorf("got %s, matched by %q, want %s by %q; %v", again.ID, match, h.id, want, err)
		}
	}
}

// The members that differ from attempt to attempt, the order of members and white space do not make
// another buy.
func TestTheSameBuyIsKnownByWhatTheClientWants(t *testing.T) {
	t.Parallel()
	byBrand := with(t, poSubmission, theAccount, `{"brand":{"domain":"d"},"operator":"o"}`)
	for name, tc := range map[string]struct{ first, second string }{
		"another context":            {poSubmission, with(t, poSubmission, `{"mine":1}`, `{"trace":"2"}`)},
		"no context":                 {poSubmission, with(t, poSubmission, ",\n\t\t\"context\": {\"mine\":1}", "")},
		"another governance context": {poSubmission, with(t, poSubmission, `"brand"`, `"governance_context":"g","brand"`)},
		"the account in another order": {
			byBrand,
			with(t, byBrand, `{"brand":{"domain":"d"},"operator":"o"}`, `{ "operator": "o", "brand": {"domain": "d"} }`),
		},
		"the account's default named": {
			byBrand, with(t, byBrand, `"operator"`, `"sandbox":false,"operator"`),
		},
		"the account's default not named": {
			with(t, byBrand, `"operator"`, `"sandbox":false,"operator"`), byBrand,
		},
		"the default named": {poSubmission, with(t, poSubmission, `"type"`, `"dedupe_by":"po_number","type"`)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHarnessWith(t, nil, tc.first)
			op, match, err := h.trySubmit(tc.second, "k-2")
			if err != nil || op.ID != h.id || match != orchestrator.MatchNatural {
				t.Errorf("got %s, matched by %q, want %s; %v", op.ID, match, h.id, err)
			}
		})
	}
}

func TestAClientCanBuyTwiceUnderOnePurchaseOrder(t *testing.T) {
	t.Parallel()
	h := poHarness(t)
	twice := with(t, poSubmission, `"type"`, `"dedupe_by":"none","type"`)
	second, match, err := h.trySubmit(twice, "k-2")
	if err != nil || second.ID == h.id || match != orchestrator.MatchNew {
		t.Fatalf("got %s, matched by %q; %v", second.ID, match, err)
	}
	if op, match, err := h.trySubmit(twice, "k-2"); err != nil || op.ID != second.ID || match != orchestrator.MatchKey {
		t.Errorf("its repetition got %s, matched by %q; %v", op.ID, match, err)
	}
	if _, _, err := h.trySubmit(poSubmission, "k-2"); !errors.Is(err, orchestrator.ErrPayloadDiffers) {
		t.Errorf("the key with another dedupe_by: %v", err)
	}
	if op, _, err := h.trySubmit(poSubmission, "k-3"); err != nil || op.ID != h.id { // it took the key from nobody
		t.Errorf("the purchase order names %s, want %s; %v", op.ID, h.id, err)
	}
}

func TestABuyThatCameToNothingFreesItsPurchaseOrder(t *testing.T) {
	t.Parallel()
	for _, status := range []string{"failed", "rejected", "canceled"} {
		t.Run(status, func(t *testing.T) {
			t.Parallel()
			h := poHarness(t, answerWith(`{"status":"submitted","task_id":"t"}`),
				answerWith(fmt.Sprintf(`{"status":%q,"task_id":"t","task_type":"create_media_buy"}`, status)))
			h.dispatch()
			h.poll()
			if op := h.op(); string(op.State) != status {
				t.Fatalf("the first is %s", op.State)
			}
			next, match, err := h.trySubmit(with(t, poSubmission, theBudget, `"budget":5`), "k-2")
			if err != nil || next.ID == h.id || match != orchestrator.MatchNew {
				t.Errorf("got %s, matched by %q; %v", next.ID, match, err)
			}
		})
	}
}

func TestTheEndFreesTheNaturalKeyInTheSameWrite(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		h    func(*testing.T, ...adcp.Response) *harness
		end  adcp.Response
		held bool
	}{
		"a completed purchase keeps it": {
			poHarness, answerWith(`{"status":"completed","media_buy_id":"mb_1","packages":[]}`), true,
		},
		"a failed purchase":  {poHarness, errorWith("BUDGET_TOO_LOW", ``), false},
		"a completed change": {updateHarness, updated, false},
		"a failed change":    {updateHarness, errorWith("BUDGET_TOO_LOW", ``), false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := tc.h(t, tc.end)
			holds := func(probe string) bool {
				record := orchestrator.IdempotencyRecord{OperationID: h.id}
				return h.store.Bind(t.Context(), "acme", probe, h.op().NaturalKey, record) == nil
			}
			if !holds("before") {
				t.Fatal("it holds no key")
			}
			h.dispatch()
			if op := h.op(); !op.State.Terminal() || holds("after") != tc.held {
				t.Errorf("it is %s, and holds its key: %v", op.State, !tc.held)
			}
		})
	}
}

// The holder ends between the look at it and the write that depends on it.
func TestAPurchaseOrderThatIsFreedMeanwhileIsTaken(t *testing.T) {
	t.Parallel()
	h := poHarness(t)
	other := with(t, poSubmission, theBudget, `"budget":5`)
	free := submitStore{h.store, func() {
		op := h.op()
		if op.State.Terminal() {
			return
		}
		op.State = operation.Canceled
		op.BumpVersion(h.at)
		if err := h.store.Commit(t.Context(), operation.Change{Op: op, FreeNaturalKey: true}); err != nil {
			t.Error(err)
		}
	}}
	op, match, err := h.submitTo(free, other, "k-2")
	if err != nil || op.ID == h.id || match != orchestrator.MatchNew {
		t.Errorf("got %s, matched by %q; %v", op.ID, match, err)
	}
}
