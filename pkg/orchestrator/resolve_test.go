package orchestrator_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/orchestrator"
)

func (h *harness) resolve() orchestrator.Resolve {
	newKey := func() string { h.keys++; return fmt.Sprint("key-", h.keys) }
	return orchestrator.Resolve{Store: h.store, Agents: h.caller, NewKey: newKey, Breaker: h.breaker,
		Workflow: h.workflow, Deps: h.deps}
}

// resolved resolves the operation as it stands.
func (h *harness) resolved(in orchestrator.Resolution) error {
	h.t.Helper()
	act := by
	act.IfVersion = h.op().Version
	in.Reason = act.Reason
	_, err := h.resolve().Run(h.t.Context(), "acme", h.id, act, in)
	return err
}

// unclear is a purchase whose answer is lost, at an agent that does not deduplicate.
func unclear(t *testing.T, agent *failingAgent) *harness {
	t.Helper()
	agent.err, agent.status = &adcp.CallError{Outcome: adcp.Ambiguous}, "unknown to its own list"
	h := newHarnessWith(t, agent, withOrder(buySubmission))
	list, listErr := agent.list, agent.listErr
	agent.list, agent.listErr = `{"media_buys":[]}`, nil
	h.follow(time.Hour)
	agent.list, agent.listErr = list, listErr
	if h.attention() != operation.OutcomeUnclear || agent.calls != 1 {
		t.Fatalf("attention %q, %d purchases", h.attention(), agent.calls)
	}
	return h
}

// A purchase is resolved as not made only if the agent shows that nothing is there; a live buy
// stays unclear, and so does one whose agent can't be asked, unless an administrator says
// otherwise.
func TestAPurchaseIsResolvedOnlyAfterALook(t *testing.T) {
	t.Parallel()
	ours := func(h *harness, status string) string {
		return fmt.Sprintf(`{"media_buys":[{"media_buy_id":"mb_1","status":%q,"context":{"adcp_operation_id":%q},`+
			`"packages":[]}],"pagination":{"has_more":false}}`, status, h.id)
	}
	for name, tc := range map[string]struct {
		list       func(*harness) string
		listErr    error
		unverified bool
		want       operation.Refusal
	}{
		"nothing is there":        {func(*harness) string { return lagging }, nil, false, ""},
		"nothing, and unverified": {func(*harness) string { return lagging }, nil, true, ""},
		"the buy was rejected":    {func(h *harness) string { return ours(h, "rejected") }, nil, false, ""},
		"the buy lives":           {func(h *harness) string { return ours(h, "active") }, nil, false, operation.LiveBuy},
		"the buy waits":           {func(h *harness) string { return ours(h, "paused") }, nil, true, operation.LiveBuy},
		"it lives, unverified":    {func(h *harness) string { return ours(h, "active") }, nil, true, operation.LiveBuy},
		"a list that proves nothing": {
			func(*harness) string { return `{"media_buys":[]}` }, nil, false, operation.LookUpFailed,
		},
		"an agent that is away": {
			func(*harness) string { return "" }, &adcp.CallError{Outcome: adcp.Unsent}, false, operation.LookUpFailed,
		},
		"away, and unverified": {func(*harness) string { return "" }, &adcp.CallError{Outcome: adcp.Unsent}, true, ""},
	} {
		for _, state := range []operation.State{operation.Failed, operation.Rejected, operation.Canceled} {
			agent := &failingAgent{}
			h := unclear(t, agent)
			agent.list, agent.listErr = tc.list(h), tc.listErr
			before := h.op()
			err := h.resolved(orchestrator.Resolution{State: state, Unverified: tc.unverified})
			after := h.op()
			if tc.want != "" {
				wantRefusal(t, err, tc.want)
				if after.Version != before.Version {
					t.Errorf("%s: stored in version %d", name, after.Version)
				}
				continue
			}
			away := tc.listErr != nil
			if err != nil || after.State != state || after.Terminal.Channel != operation.ByOperator ||
				after.Resolution.Unverified != away || after.Attention != nil {
				t.Errorf("%s: %s, %+v, %v", name, after.State, after.Resolution, err)
			}
			if agent.calls != 1 {
				t.Errorf("%s: %d purchases", name, agent.calls)
			}
			if kinds := h.actEvents(); len(kinds) != 1 {
				t.Errorf("%s: %v", name, kinds)
			}
			if again := h.submit(withOrder(buySubmission), "k2"); again.ID == h.id {
				t.Errorf("%s: the purchase order is still taken", name)
			}
			wantRefusal(t, h.resolved(orchestrator.Resolution{State: state}), operation.OperationEnded)
		}
	}
}

// What a person says of a completed purchase needs no look, and keeps its purchase order: its buy
// is known from then on.
func TestAPurchaseIsResolvedAsCompleted(t *testing.T) {
	t.Parallel()
	agent := &failingAgent{}
	h := unclear(t, agent)
	looks := agent.lookUps
	in := orchestrator.Resolution{State: operation.Completed, MediaBuyID: "mb_1", Evidence: "ticket 1",
		Result: json.RawMessage(`{"media_buy_id":"mb_1","packages":[]}`)}
	if err := h.resolved(in); err != nil {
		t.Fatal(err)
	}
	record, err := h.store.Load(t.Context(), "acme", h.id)
	if err != nil || record.Op.State != operation.Completed || record.Op.BuyID() != "mb_1" || len(record.Result) == 0 ||
		record.Op.Resolution.Evidence != "ticket 1" || agent.lookUps != looks {
		t.Errorf("%+v, result %s, %v", record.Op.Resolution, record.Result, err)
	}
	if again := h.submit(withOrder(buySubmission), "k2"); again.ID != h.id {
		t.Error("the purchase order is free")
	}
}

// A task that the agent still works on is not over because polling has ended.
func TestAnOpenTaskIsNotResolved(t *testing.T) {
	t.Parallel()
	working := answerWith(`{"task_id":"task_1","task_type":"create_media_buy","protocol":"media-buy","status":"working",` +
		`"created_at":"2026-11-23T12:00:00Z","updated_at":"2026-11-23T12:00:00Z"}`)
	h := newHarness(t, &fakeAgent{profile: buyProfile(), answers: []adcp.Response{submitted, working}})
	h.dispatch()
	h.at = h.op().FollowUntil
	h.poll()
	h.at = h.op().FollowUntil.Add(time.Hour)
	if h.poll(); h.attention() != operation.GaveUp {
		t.Fatalf("attention %q", h.attention())
	}
	wantRefusal(t, h.resolved(orchestrator.Resolution{State: operation.Failed, Unverified: true}), operation.LiveBuy)
}
