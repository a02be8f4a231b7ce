package orchestrator_test

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/registry"
)

// lostSeller carries a purchase out, deduplicates nothing, and loses its answer, or gives another
// one. It lists buys: OURS stands for the context of the purchase.
type lostSeller struct {
	calls  int
	ours   string
	answer *adcp.Response // nil is lost
	buys   []string
}

func (*lostSeller) Discover(context.Context, registry.Agent) (registry.Profile, error) {
	p := lifeCycleProfile()
	p.Tasks = append(p.Tasks, "get_media_buys")
	p.Capabilities.Idempotency.Support = adcp.Unsupported
	return p, nil
}

func (l *lostSeller) Call(_ context.Context, _ registry.Agent, tool string, arguments json.RawMessage) (
	adcp.Response, error) {
	var in struct {
		Context  json.RawMessage
		Statuses []string `json:"status_filter"`
	}
	if err := json.Unmarshal(arguments, &in); err != nil {
		return adcp.Response{}, err
	}
	switch {
	case tool != "get_media_buys" && l.answer != nil:
		l.calls, l.ours = l.calls+1, string(in.Context)
		return *l.answer, nil
	case tool != "get_media_buys":
		l.calls, l.ours = l.calls+1, string(in.Context)
		return adcp.Response{}, &adcp.CallError{Outcome: adcp.Ambiguous}
	}
	var shown []string
	for _, b := range l.buys {
		var buy struct{ Status string }
		b = strings.ReplaceAll(b, "OURS", l.ours)
		if err := json.Unmarshal([]byte(b), &buy); err != nil {
			return adcp.Response{}, err
		}
		if slices.Contains(in.Statuses, buy.Status) {
			shown = append(shown, b)
		}
	}
	return answerWith(`{"media_buys":[` + strings.Join(shown, ",") + `],"pagination":{"has_more":false}}`), nil
}

const (
	theTerms   = `"accepted_proposal_terms_digest":"sha256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"`
	othersBuy  = `"context":{"adcp_operation_id":"op_other"}`
	onProposal = `"accepted_proposal_id":"pr_1",` + theTerms +
		`,"accepted_proposal":{"proposal_id":"pr_1","proposal_kind":`
	onOther = `"accepted_proposal_id":"pr_9"`
)

// An acceptance whose answer was lost is found by its proposal: the buy that it changed keeps the
// context of the task that made it. That such a buy is there proves nothing.
func TestLostAcceptanceIsFoundByItsProposal(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		buy  string
		want operation.State
	}{
		"a new buy": {`{"media_buy_id":"mb_1","status":"pending_start","context":OURS,` + onProposal + `"new_media_buy"}}`,
			operation.Completed},
		"a new buy, by its context alone": {`{"media_buy_id":"mb_1","status":"pending_start","context":OURS}`,
			operation.Completed},
		"a new buy, rejected": {`{"media_buy_id":"mb_1","status":"rejected","context":OURS,` + onProposal +
			`"new_media_buy"}}`, operation.Rejected},
		"a new buy without a context": {`{"media_buy_id":"mb_1","status":"active",` + onProposal + `"new_media_buy"}}`,
			operation.Completed},
		"the buy of an earlier acceptance": {`{"media_buy_id":"mb_1","status":"active",` + othersBuy + `,` + onProposal +
			`"new_media_buy"}}`, operation.CallingAdCP},
		"a buy of an acceptance that ended": {`{"media_buy_id":"mb_1","status":"canceled",` + onProposal +
			`"new_media_buy"}}`, operation.CallingAdCP},
		"an amendment": {`{"media_buy_id":"mb_1","status":"active",` + othersBuy + `,` + onProposal + `"media_buy_update"}}`,
			operation.Completed},
		"an amendment of a buy without a context": {`{"media_buy_id":"mb_1","status":"paused",` + onProposal +
			`"media_buy_update"}}`, operation.Completed},
		"a cancellation": {`{"media_buy_id":"mb_1","status":"canceled",` + othersBuy + `,` + onProposal +
			`"media_buy_cancellation"}}`, operation.Completed},
		"not accepted": {`{"media_buy_id":"mb_1","status":"active",` + othersBuy + `,` + onOther + `}`,
			operation.CallingAdCP},
		"other terms": {`{"media_buy_id":"mb_1","status":"active","accepted_proposal_id":"pr_1",` +
			`"accepted_proposal_terms_digest":"sha256:B"}`, operation.CallingAdCP},
		"no proposals":     {`{"media_buy_id":"mb_1","status":"active",` + othersBuy + `}`, operation.CallingAdCP},
		"no origin at all": {`{"media_buy_id":"mb_1","status":"active"}`, operation.CallingAdCP},
	} {
		agent := &lostSeller{buys: []string{tc.buy}}
		h := newHarnessWith(t, agent, acceptSubmission)
		h.dispatch()
		h.poll()
		if op := h.op(); op.State != tc.want || agent.calls != 1 {
			t.Errorf("%s: %s after %d calls", name, op.State, agent.calls)
		}
	}
}

func TestLostBuyOfBuyProductsIsFound(t *testing.T) {
	t.Parallel()
	for status, want := range map[string]operation.State{"active": operation.Completed, "rejected": operation.Rejected,
		"canceled": operation.Canceled} {
		agent := &lostSeller{buys: []string{`{"media_buy_id":"mb_1","status":"` + status + `","context":OURS}`}}
		h := newHarnessWith(t, agent, buyProductsSubmission)
		h.dispatch()
		h.poll()
		if op := h.op(); op.State != want || agent.calls != 1 {
			t.Errorf("%s: %s after %d calls", status, op.State, agent.calls)
		}
	}
}

// An agent that fails after it has bought, or that names the buy that it was to change, has said
// nothing of the end: the operation does not fail while a buy may be live, and nothing is sent
// again.
func TestErrorAfterBuyingIsNoFailure(t *testing.T) {
	t.Parallel()
	internal := errorWith("INTERNAL_ERROR", "")
	for name, tc := range map[string]struct {
		submission string
		answer     adcp.Response
		buy        string
		want       operation.State
	}{
		"buy_products, bought": {buyProductsSubmission, internal,
			`{"media_buy_id":"mb_1","status":"active","context":OURS}`, operation.Completed},
		"accept_proposal, amended": {acceptSubmission, internal,
			`{"media_buy_id":"mb_1","status":"active",` + othersBuy + `,` + onProposal + `"media_buy_update"}}`,
			operation.Completed},
		"accept_proposal, named and not amended": {acceptSubmission,
			answerWith(`{"status":"working","media_buy_id":"mb_1"}`),
			`{"media_buy_id":"mb_1","status":"active","created_at":"2026-01-01T00:00:00Z"}`, operation.Working},
		"accept_proposal, named, made and canceled": {acceptSubmission,
			answerWith(`{"status":"working","media_buy_id":"mb_1"}`),
			`{"media_buy_id":"mb_1","status":"canceled",` + onProposal + `"new_media_buy"}}`, operation.Canceled},
		"accept_proposal, named and made": {acceptSubmission, answerWith(`{"status":"working","media_buy_id":"mb_1"}`),
			`{"media_buy_id":"mb_1","status":"active","created_at":"2026-11-23T12:00:00Z"}`, operation.Completed},
	} {
		agent := &lostSeller{answer: &tc.answer, buys: []string{tc.buy}}
		h := newHarnessWith(t, agent, tc.submission)
		h.dispatch()
		if op := h.op(); op.State.Terminal() {
			t.Errorf("%s: %s by the answer alone", name, op.State)
		}
		h.poll()
		if op := h.op(); op.State != tc.want || agent.calls != 1 {
			t.Errorf("%s: %s after %d calls", name, op.State, agent.calls)
		}
	}
}

// A clean look-up is what allows a second call. It can't be had where the list shows no proposals:
// the buy that was changed may be any of them.
func TestListWithoutProposalsIsNoCleanLookUpForAnAcceptance(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		buys  string
		calls int
	}{
		"with proposals":    {`{"media_buy_id":"mb_1","status":"active",` + othersBuy + `,` + onOther + `}`, 2},
		"without proposals": {`{"media_buy_id":"mb_1","status":"active",` + othersBuy + `}`, 1},
	} {
		// The agent says that it failed and may be called again, and not that it did nothing.
		down := errorWith("SERVICE_UNAVAILABLE", "")
		agent := &lostSeller{answer: &down, buys: []string{tc.buys}}
		h := newHarnessWith(t, agent, acceptSubmission)
		for range 6 {
			if op := h.op(); op.Call.LookUpAfter.IsZero() {
				h.dispatch()
			} else {
				h.poll()
			}
		}
		if agent.calls != tc.calls {
			t.Errorf("%s: called %d times, want %d", name, agent.calls, tc.calls)
		}
	}
}

// A list without contexts can't show whose a buy is. Only the proposal that an acceptance names can
// take the place of a context, and not where another acceptance of it may have made the buy.
func TestListWithoutContextsIsSaidToShowNothing(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		submission, buy string
		said            bool
	}{
		"buy_products": {buyProductsSubmission,
			`{"media_buy_id":"mb_1","status":"active",` + onOther + `}`, true},
		"accept_proposal, another one's buy": {acceptSubmission,
			`{"media_buy_id":"mb_1","status":"active",` + onOther + `}`, false},
		"accept_proposal, a canceled buy of the proposal": {acceptSubmission,
			`{"media_buy_id":"mb_1","status":"canceled",` + onProposal + `"new_media_buy"}}`, true},
	} {
		agent := &lostSeller{buys: []string{tc.buy}}
		h := newHarnessWith(t, agent, tc.submission)
		h.dispatch()
		h.at = h.at.Add(48 * time.Hour)
		h.poll()
		a := h.op().Attention
		if said := a != nil && strings.Contains(a.Detail, "show no contexts"); said != tc.said {
			t.Errorf("%s: attention %+v", name, a)
		}
	}
}
