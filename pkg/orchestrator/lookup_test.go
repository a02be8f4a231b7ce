package orchestrator_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/registry"
)

// lossyAgent carries a purchase out and loses the answer. It deduplicates nothing: a second call
// would buy again. It lists its buys as the schema of get_media_buys says: only active ones, unless
// it is asked for others.
type lossyAgent struct {
	calls, lookUps int
	bought         json.RawMessage // the context of what was bought
	losesPurchase  bool            // not only the answer
	pagesBefore    int             // pages before the one that has the buy
	status         string          // of the buy
	more           string          // further members of the buy
	hidesContexts  bool            // its list shows no contexts
	noPolling      bool            // it has no polling tool
	answer         string          // its answer, which is not lost then
	lookUpErr      *adcp.Error
	// refuses are errors for questions that have a member.
	refuses map[string]*adcp.Error
}

func (l *lossyAgent) Discover(context.Context, registry.Agent) (registry.Profile, error) {
	p := registry.Profile{PollTool: "get_task_status", Tasks: []string{"create_media_buy", "get_media_buys"}}
	p.Capabilities.Idempotency.Support = adcp.Unsupported
	if l.noPolling {
		p.PollTool = ""
	}
	return p, nil
}

func (l *lossyAgent) Call(_ context.Context, _ registry.Agent, tool string, arguments json.RawMessage) (
	adcp.Response, error) {
	var in struct {
		Context    json.RawMessage
		Statuses   []string `json:"status_filter"`
		Pagination struct{ Cursor string }
	}
	var members map[string]any
	if err := errors.Join(json.Unmarshal(arguments, &in), json.Unmarshal(arguments, &members)); err != nil {
		return adcp.Response{}, err
	}
	if in.Statuses == nil {
		in.Statuses = []string{"active"}
	}
	if tool == "create_media_buy" {
		l.calls++
		if !l.losesPurchase {
			l.bought = in.Context
		}
		if l.answer != "" {
			return answerWith(l.answer), nil
		}
		return adcp.Response{}, &adcp.CallError{Outcome: adcp.Ambiguous}
	}
	l.lookUps++
	for member, e := range l.refuses {
		if members[member] != nil {
			return adcp.Response{Err: e}, nil
		}
	}
	if l.lookUpErr != nil {
		return adcp.Response{Err: l.lookUpErr}, nil
	}
	buys := `{"media_buy_id":"mb_other","status":"active","context":{"adcp_operation_id":"op_other"}},` +
		`{"media_buy_id":"mb_none","status":"active"}`
	page := strings.Count(in.Pagination.Cursor, "x")
	asked := slices.Contains(in.Statuses, l.status) || !slices.Contains(mediaBuyStatuses, l.status)
	if l.bought != nil && page == l.pagesBefore && asked {
		buys += fmt.Sprintf(`,{"media_buy_id":"mb_1","status":%q,"context":%s,"packages":[]%s}`, l.status, l.bought, l.more)
	}
	if l.hidesContexts {
		buys = strings.ReplaceAll(buys, `"context"`, `"hidden"`)
	}
	return answerWith(fmt.Sprintf(`{"media_buys":[%s],"pagination":{"has_more":%v,"cursor":%q}}`,
		buys, page < l.pagesBefore, in.Pagination.Cursor+"x")), nil
}

// mediaBuyStatuses are enums/media-buy-status.json.
var mediaBuyStatuses = []string{
	"pending_creatives", "pending_start", "active", "paused", "completed", "rejected", "canceled",
}

// contract C16, C19, G10: a purchase whose answer was lost at an agent that does not deduplicate is
// searched for, and never made again.
func TestLostPurchaseIsFound(t *testing.T) {
	t.Parallel()
	limited := &adcp.Error{Code: "RATE_LIMITED", Recovery: adcp.Transient}
	for name, tc := range map[string]struct {
		agent   lossyAgent
		state   operation.State
		lookUps int
	}{
		"bought":                {lossyAgent{status: "active"}, operation.Completed, 1},
		"on the third page":     {lossyAgent{status: "pending_creatives", pagesBefore: 2}, operation.Completed, 3},
		"bought, then rejected": {lossyAgent{status: "rejected"}, operation.Rejected, 1},
		"bought, then canceled": {lossyAgent{status: "canceled"}, operation.Canceled, 1},
		"not bought":            {lossyAgent{losesPurchase: true}, operation.CallingAdCP, 1},
		"the look-up fails":     {lossyAgent{status: "active", lookUpErr: limited}, operation.CallingAdCP, 1},
		"behind endless pages":  {lossyAgent{status: "active", pagesBefore: 1000}, operation.CallingAdCP, 100},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			agent := tc.agent
			h := newHarnessWith(t, &agent, buySubmission)
			if d := h.dispatch(); d.Next != operation.NextAwait {
				t.Fatalf("after the lost answer: %+v", d)
			}
			d := h.poll()
			r, err := h.store.Load(t.Context(), "acme", h.id)
			if err != nil || r.Op.State != tc.state || agent.calls != 1 || agent.lookUps != tc.lookUps ||
				h.keys != tc.lookUps {
				t.Errorf("%s after %d calls and %d look-ups with %d keys, %v", r.Op.State, agent.calls, agent.lookUps,
					h.keys, err)
			}
			open := tc.state == operation.CallingAdCP
			if open != (h.attention() == operation.OutcomeUnclear) || open != (d.Next == operation.NextAwait) {
				t.Errorf("attention %+v, next %s", r.Op.Attention, d.Next)
			}
			if tc.state == operation.Completed && !strings.Contains(string(r.Result), "mb_1") {
				t.Errorf("result %s", r.Result)
			}
			sent := string(agent.bought)
			if agent.bought != nil && (!strings.Contains(sent, `"mine":1`) || !strings.Contains(sent, h.id)) {
				t.Errorf("the agent received the context %s", sent)
			}
			if tc.state == operation.Completed {
				checkLaterWebhookIsDuplicate(t, r.Op)
			}
		})
	}
}

// checkLaterWebhookIsDuplicate: a snapshot is compared with nothing, so the task's own webhook is
// the known end and no conflict (contract H5).
func checkLaterWebhookIsDuplicate(t *testing.T, op operation.Operation) {
	t.Helper()
	a := adcp.Answer{Status: adcp.StatusCompleted, Value: json.RawMessage(`{"media_buy_id":"mb_1"}`)}
	_, _, verdict := operation.Apply(op, operation.Observation{Channel: operation.ByWebhook, At: now, Answer: a})
	if verdict != operation.Duplicate {
		t.Errorf("the webhook is %s", verdict)
	}
}

// listedBuy is the answer of get_media_buys with the buy of an operation.
func listedBuy(id, status string) adcp.Response {
	return answerWith(`{"media_buys":[{"media_buy_id":"mb_1","status":"` + status +
		`","context":{"adcp_operation_id":"` + id + `"}}]}`)
}

// contract J10: an approval that was given elsewhere is found, even if no task is known to poll. A
// buy that waits for approval is none yet.
func TestApprovedElsewhereIsFound(t *testing.T) {
	t.Parallel()
	for status, state := range map[string]operation.State{
		"active":           operation.Completed,
		"rejected":         operation.Rejected,
		"pending_approval": operation.InputRequired,
	} {
		t.Run(status, func(t *testing.T) {
			t.Parallel()
			agent := &fakeAgent{
				profile: registry.Profile{Tasks: []string{"create_media_buy", "get_media_buys"}},
				answers: []adcp.Response{inputRequired(continuationA)},
			}
			h := newHarness(t, agent)
			h.dispatch()
			agent.answers = append(agent.answers, listedBuy(h.id, status))
			h.poll()
			if op := h.op(); op.State != state || agent.tools[1] != "get_media_buys" {
				t.Errorf("%s, called %v", op.State, agent.tools)
			}
		})
	}
}

// Agents without a polling tool still list what a submitted task has made: PyPI's adcp 7 and 8 have
// none (seen on the wire).
func TestBuyOfATaskThatCantBePolledIsFound(t *testing.T) {
	t.Parallel()
	agent := &fakeAgent{
		profile: registry.Profile{Tasks: []string{"create_media_buy", "get_media_buys"}},
		answers: []adcp.Response{submitted},
	}
	h := newHarness(t, agent)
	h.dispatch()
	agent.answers = append(agent.answers, answerWith(`{"media_buys":[]}`))
	h.poll()
	if op := h.op(); op.State != operation.Submitted || op.TaskID == "" || agent.tools[1] != "get_media_buys" {
		t.Fatalf("%s, task %q, called %v", op.State, op.TaskID, agent.tools)
	}
	agent.answers = append(agent.answers, listedBuy(h.id, "pending_approval"))
	h.poll()
	if op := h.op(); op.State != operation.Submitted {
		t.Errorf("%s because of a buy that is not approved", op.State)
	}
	agent.answers = append(agent.answers, listedBuy(h.id, "pending_creatives"))
	if d := h.poll(); d.Next != operation.NextSettle || h.op().State != operation.Completed {
		t.Errorf("%+v, %s", d, h.op().State)
	}
}

// contract D8: what an agent asks for beside an answer that can be applied counts as well.
func TestTimeThatTheAgentAsksForBesideABuyIsGranted(t *testing.T) {
	t.Parallel()
	limited := adcp.Response{Err: &adcp.Error{Code: "RATE_LIMITED", Recovery: adcp.Transient, RetryAfter: time.Hour}}
	for name, tc := range map[string]struct {
		answer, first string // to the call and to the first question
		limited       string // the tool that asks for time
	}{
		"a buy waits, and tasks are not listed now": {`{"status":"working"}`, "", "list_tasks"},
		"a task has no result, and buys are not listed now": {
			`{"status":"submitted","task_id":"t_1"}`,
			`{"status":"completed","task_id":"t_1","task_type":"create_media_buy"}`, "get_media_buys",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			agent := &fakeAgent{
				profile: registry.Profile{PollTool: "get_task_status", ListTool: "list_tasks",
					Tasks: []string{"create_media_buy", "get_media_buys"}},
				answers: []adcp.Response{answerWith(tc.answer)},
			}
			h := newHarness(t, agent)
			h.dispatch()
			if tc.first == "" {
				tc.first = `{"media_buys":[{"media_buy_id":"mb_1","status":"pending_start","confirmed_at":null,` +
					`"context":{"adcp_operation_id":"` + h.id + `"}}]}`
			}
			agent.answers = append(agent.answers, answerWith(tc.first), limited)
			h.poll()
			if tool := agent.tools[len(agent.tools)-1]; tool != tc.limited {
				t.Fatalf("the last call was of %s", tool)
			}
			if op := h.op(); op.NotBefore.Before(op.UpdatedAt.Add(time.Hour)) {
				t.Errorf("called again from %s on, at %s", op.NotBefore, op.UpdatedAt)
			}
		})
	}
}
