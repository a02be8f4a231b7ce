package orchestrator_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/orchestrator"
	"adcp-orchestrator/pkg/registry"
	"adcp-orchestrator/pkg/validation"
)

// lifeCycleProfile is an agent that offers 3.2's media-buy tools beside the ones before them.
func lifeCycleProfile() registry.Profile {
	return registry.Profile{PollTool: "get_task_status", Tasks: []string{
		"create_media_buy", "update_media_buy", "buy_products", "accept_proposal", "control_media_buy",
		"request_proposals", "refine_proposals", "decline_proposals",
	}}
}

// lifeCycleTools are the tools with a submission, a result, and the end that it is.
var lifeCycleTools = []struct {
	task       adcp.Task
	submission string
	result     string
	want       operation.State
	buy        string
}{
	{"buy_products", buyProductsSubmission, `{"media_buy_id":"mb_1","revision":1,"media_buy_status":"pending_creatives",` +
		acceptedAs("new_media_buy") + `}`, operation.Completed, "mb_1"},
	{"buy_products", buyProductsSubmission, `{"media_buy_id":"mb_1","revision":1,"media_buy_status":"rejected",` +
		acceptedAs("new_media_buy") + `}`, operation.Rejected, "mb_1"},
	{"accept_proposal", acceptSubmission, `{"media_buy_id":"mb_1","revision":1,` + acceptedAs("new_media_buy") + `}`,
		operation.Completed, "mb_1"},
	{"accept_proposal", acceptSubmission, `{"media_buy_id":"mb_1","revision":4,"media_buy_status":"active",` +
		acceptedAs("media_buy_update") + `}`, operation.Completed, "mb_1"},
	{"accept_proposal", acceptSubmission, `{"media_buy_id":"mb_1","revision":4,"media_buy_status":"canceled",` +
		acceptedAs("media_buy_cancellation") + `}`, operation.Completed, "mb_1"},
	{"control_media_buy", controlSubmission, `{"media_buy_id":"mb_1","revision":4,"media_buy_status":"paused"}`,
		operation.Completed, ""},
	{"control_media_buy", with2(controlSubmission, `"paused"`, `"canceled"`),
		`{"media_buy_id":"mb_1","revision":4,"media_buy_status":"canceled"}`, operation.Completed, ""},
	{"request_proposals", lifeCycle("request_proposals", `"brand":{"domain":"d"},"brief":"summer"`),
		`{"outcome":"proposed","proposals":[{"proposal_id":"pr_1"}],"products":[{"product_id":"p"}]}`,
		operation.Completed, ""},
	{"request_proposals", lifeCycle("request_proposals", `"brand":{"domain":"d"},"brief":"summer"`),
		`{"outcome":"rejected","reason":"no inventory"}`, operation.Completed, ""},
	{"refine_proposals", lifeCycle("refine_proposals", `"refinements":[{"proposal_id":"pr_1","action":"finalize"}]`),
		`{"results":[{"source_proposal_id":"pr_1","outcome":"unable","reason_code":"other","reason":"no"}],"products":[]}`,
		operation.Completed, ""},
	{"decline_proposals", lifeCycle("decline_proposals", `"declines":[{"proposal_id":"pr_1","reason":"price"}]`),
		`{"results":[{"proposal_id":"pr_1","outcome":"unable","reason":"accepted"}]}`, operation.Completed, ""},
}

func lifeCycle(task, request string) string {
	return fmt.Sprintf(`{"agent_id":"seller","type":%q,"request":{%s}}`, task, request)
}

func acceptedAs(kind string) string {
	return fmt.Sprintf(`"accepted_proposal":{"proposal_id":"pr_1","proposal_kind":%q,"proposal_status":"accepted"},`+
		`"purchase_bindings":[{"purchase_index":0,"product_id":"p","package_id":"pk"}],"available_actions":[]`, kind)
}

func with2(s, old, text string) string { return strings.ReplaceAll(s, old, text) }

// deliver delivers the end of the operation's task by webhook.
func (h *harness) deliver(task adcp.Task, key, result string) orchestrator.ReceiveResult {
	h.t.Helper()
	raw, err := h.store.Request(h.t.Context(), "acme", h.id)
	if err != nil {
		h.t.Fatal(err)
	}
	var request struct {
		Push struct {
			Token string `json:"token"`
		} `json:"push_notification_config"`
	}
	if err := json.Unmarshal(raw, &request); err != nil {
		h.t.Fatal(err)
	}
	r := orchestrator.Receive{Store: h.store, Workflow: h.workflow, Deps: h.deps}
	got, err := r.Run(h.t.Context(), h.op(), adcp.Webhook{IdempotencyKey: key, OperationID: h.id, TaskID: "task_1",
		TaskType: string(task), Status: adcp.StatusCompleted, Token: request.Push.Token,
		Result: json.RawMessage(result)}, key)
	if err != nil {
		h.t.Fatal(err)
	}
	return got
}

// The same end by every channel is the same end of the operation, and once one is known, what the
// others say of it is no contradiction.
func TestLifeCycleToolsConvergeOnEveryChannel(t *testing.T) {
	t.Parallel()
	for _, tc := range lifeCycleTools {
		poll := fmt.Sprintf(`{"task_id":"task_1","task_type":%q,"status":"completed","result":%s}`, tc.task, tc.result)
		bare := tc.result
		if tc.task != adcp.DeclineProposals {
			bare = `{"status":"completed",` + tc.result[1:]
		}
		for channel, end := range map[string]func(h *harness){
			"direct": func(h *harness) { h.agent.answers[0] = answerWith(bare); h.dispatch() },
			"poll": func(h *harness) {
				h.dispatch()
				h.agent.answers[1] = answerWith(poll)
				h.poll()
			},
			"webhook": func(h *harness) { h.dispatch(); h.deliver(tc.task, "whk-1", tc.result) },
			"webhook before the answer": func(h *harness) {
				h.caller = &early{h.agent, func() { h.deliver(tc.task, "whk-1", tc.result) }}
				h.dispatch()
			},
		} {
			h := newHarnessWith(t, nil, tc.submission)
			h.agent = &fakeAgent{profile: lifeCycleProfile(), answers: []adcp.Response{submitted, submitted}}
			h.caller = h.agent
			end(h)
			op := h.op()
			record, err := h.store.Load(t.Context(), "acme", h.id)
			if err != nil || op.State != tc.want || op.MediaBuyID != tc.buy || op.Attention != nil ||
				tc.want == operation.Completed && (op.Error != nil || len(record.Result) == 0) {
				t.Errorf("%s by %s: %s is %s with the buy %q, attention %+v, error %v, result %s; %v", tc.task, channel,
					tc.result, op.State, op.MediaBuyID, op.Attention, op.Error, record.Result, err)
			}
			for _, name := range op.Names() {
				found, err := h.store.List(t.Context(), "acme", operation.ListQuery{Any: name, Limit: 10})
				if err != nil || len(found.Items) != 1 || found.Items[0].ID != h.id {
					t.Errorf("%s by %s: %q finds %d operations, %v", tc.task, channel, name, len(found.Items), err)
				}
			}
			if v := h.deliver(tc.task, "whk-2", tc.result).Verdict; v != operation.Duplicate {
				t.Errorf("%s by %s, and again by webhook: %s", tc.task, channel, v)
			}
			if op = h.op(); op.State != tc.want || op.Attention != nil {
				t.Errorf("%s by %s, and again: %s, %+v", tc.task, channel, op.State, op.Attention)
			}
		}
	}
}

// early is an agent whose webhook is faster than its answer.
type early struct {
	*fakeAgent
	webhook func()
}

func (e *early) Call(ctx context.Context, a registry.Agent, tool string, arguments json.RawMessage) (
	adcp.Response, error) {
	e.webhook()
	return e.fakeAgent.Call(ctx, a, tool, arguments)
}

// contract C25: the same bytes can never succeed for an outdated revision.
func TestOutdatedRevisionEndsAControlLikeAnUpdate(t *testing.T) {
	t.Parallel()
	for _, submission := range []string{updateSubmission, controlSubmission} {
		h := newHarnessWith(t, nil, submission)
		h.agent = &fakeAgent{profile: lifeCycleProfile(), answers: []adcp.Response{errorWith("CONFLICT", "")}}
		h.caller = h.agent
		h.dispatch()
		if op := h.op(); op.State != operation.Failed || len(h.agent.sent) != 1 || op.Error.Code != "CONFLICT" {
			t.Errorf("%s is %s after %d calls", op.Type, op.State, len(h.agent.sent))
		}
	}
}

// A buy that was made and not confirmed is named, and followed until the seller commits itself.
func TestUnconfirmedBuyOfEveryBuyingToolIsFollowed(t *testing.T) {
	t.Parallel()
	for _, submission := range []string{buySubmission, buyProductsSubmission, acceptSubmission} {
		h := newHarnessWith(t, nil, submission)
		task := h.op().Type
		h.agent = &fakeAgent{profile: lifeCycleProfile(), answers: []adcp.Response{
			answerWith(`{"status":"completed","task_id":"task_1","media_buy_id":"mb_1","packages":[],"confirmed_at":null,` +
				acceptedAs("new_media_buy") + `}`),
			answerWith(fmt.Sprintf(`{"task_id":"task_1","task_type":%q,"status":"completed","result":{"media_buy_id":"mb_1",`+
				`"packages":[],"confirmed_at":"2026-11-23T12:00:00Z","media_buy_status":"active",%s}}`, task,
				acceptedAs("new_media_buy"))),
		}}
		h.caller = h.agent
		h.dispatch()
		if op := h.op(); op.State != operation.Submitted || op.MediaBuyID != "mb_1" {
			t.Errorf("%s is %s, with the buy %q", task, op.State, op.MediaBuyID)
		}
		h.poll()
		if op := h.op(); op.State != operation.Completed {
			t.Errorf("%s is %s once the buy is confirmed", task, op.State)
		}
	}
}

// The natural key of an acceptance is made of its proposal: an input can't accept another one.
func TestInputCannotAcceptAnotherProposal(t *testing.T) {
	t.Parallel()
	for submission, refused := range map[string]bool{acceptSubmission: true, buySubmission: false} {
		h := newHarnessWith(t, nil, submission)
		h.agent = &fakeAgent{profile: lifeCycleProfile(), answers: []adcp.Response{inputRequired(continuationA)}}
		h.caller = h.agent
		h.dispatch()
		_, err := h.sendInput(`{"generation":1,"on_behalf_of":"j","input":{"proposal_id":"pr_2",` +
			`"proposal_terms_digest":"sha256:B"}}`)
		var invalid *validation.Error
		if got := errors.As(err, &invalid) && len(invalid.Fields) == 2; got != refused {
			t.Errorf("%s: %v", h.op().Type, err)
		}
	}
}
