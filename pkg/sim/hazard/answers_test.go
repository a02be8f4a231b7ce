package hazard

import (
	"strings"
	"testing"
	"time"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/operation"
)

// A2A tasks that wait for input and say in words for what, in both releases.
const (
	questionV1 = `{"id":"native-7","contextId":"ctx-7","status":{"state":"TASK_STATE_INPUT_REQUIRED",` +
		`"message":{"messageId":"m","role":"ROLE_AGENT","parts":[{"text":"Is the budget meant?"}]}}}`
	questionV03 = `{"kind":"task","id":"native-7","contextId":"ctx-7","status":{"state":"input-required",` +
		`"message":{"kind":"message","messageId":"m","role":"agent",` +
		`"parts":[{"kind":"text","text":"Is the budget meant?"}]}}}`
)

// answerHazards are answers that say less, or something else, than they seem to.
func answerHazards() []scenario {
	const unconfirmed = `{"status":"completed","media_buy_id":"mb_task_1","media_buy_status":"pending_start",` +
		`"confirmed_at":null,"revision":1,"packages":[]}`
	const confirmed = `"result":{"media_buy_id":"mb_task_1","confirmed_at":"2026-11-24T12:00:00Z",` +
		`"revision":2,"packages":[]}`
	afterPurchase := func(payload string) func(call) *fakeAnswer {
		return onTool("create_media_buy", func(call) *fakeAnswer { return answerWith(payload) })
	}
	asked := func(t *testing.T, h *harness) {
		t.Helper()
		r := h.op.InputRequest
		if string(r.Prompt) != `{"message":"Is the budget meant?"}` || !h.op.Answerable() ||
			r.Continuation != (adcp.Continuation{TaskID: "native-7", ContextID: "ctx-7"}) || h.op.TaskID != "" {
			t.Errorf("the input request is %+v, the prompt %s, the task %q", r, r.Prompt, h.op.TaskID)
		}
		purchaseCalls(1)(t, h)
	}
	named := func(t *testing.T, h *harness) {
		t.Helper()
		if !strings.Contains(h.op.Attention.Detail, "media buy mb_task_1") {
			t.Errorf("the attention says %q", h.op.Attention.Detail)
		}
	}
	return []scenario{
		{
			name: "A2A 1.0: a question in words",
			seller: &seller{a2a: "1.0", noDedup: true, before: onTool("create_media_buy", func(call) *fakeAnswer {
				return &fakeAnswer{a2aTask: questionV1}
			})},
			horizon:   time.Hour,
			state:     operation.InputRequired,
			attention: operation.InputNeeded,
			check:     asked,
		},
		{
			name: "A2A 0.3: a question in words",
			seller: &seller{a2a: "0.3", before: onTool("create_media_buy", func(call) *fakeAnswer {
				return &fakeAnswer{a2aTask: questionV03}
			})},
			horizon:   time.Hour,
			state:     operation.InputRequired,
			attention: operation.InputNeeded,
			check:     asked,
		},
		{
			name: "the submitted task in a framework's wrapper",
			seller: &seller{after: onTool("create_media_buy", func(c call) *fakeAnswer {
				return answerWith(`{"result":{"status":"submitted","task_id":"` + c.task.id + `"}}`)
			})},
			state:     operation.Completed,
			purchases: 1,
		},
		{
			name: "a buy that is not confirmed, and the confirmation by webhook a day later",
			seller: &seller{
				pollTools: []string{},
				workTime:  day,
				after:     afterPurchase(unconfirmed),
				push: func(t *task) []push {
					return []push{
						{delay: -12 * time.Hour, body: t.webhookBody(`"idempotency_key":"whk_provisional_012345",` +
							`"result":` + unconfirmed)},
						{body: t.webhookBody(confirmed)},
					}
				},
			},
			state:     operation.Completed,
			purchases: 1,
			check: func(t *testing.T, h *harness) {
				repliesAndEnd("200 repeated, 200 advanced", operation.ByWebhook)(t, h)
				if !h.wasIn(operation.Submitted) || h.op.MediaBuyID != "mb_task_1" ||
					!strings.Contains(string(h.result), "2026-11-24") {
					t.Errorf("buy %q, result %s", h.op.MediaBuyID, h.result)
				}
			},
		},
		{
			name: "a buy that is not confirmed, and then rejected",
			seller: &seller{
				outcome:   adcp.StatusRejected,
				pollTools: []string{},
				workTime:  day,
				after:     afterPurchase(unconfirmed),
				push:      webhooks(`"status":"rejected","message":"IO rejected by trafficker","result":null`),
			},
			state: operation.Rejected,
			check: func(t *testing.T, h *harness) {
				repliesAndEnd("200 advanced", operation.ByWebhook)(t, h)
				if e := h.op.Error; e == nil || e.Code != adcp.Unspecified || e.Message != "IO rejected by trafficker" {
					t.Errorf("the error is %+v", e)
				}
			},
		},
		{
			name: "a poll that shows a buy before its confirmation",
			seller: &seller{after: onTool("get_task_status", func(c call) *fakeAnswer {
				if c.at.Before(c.task.doneAt) || c.at.After(c.task.doneAt.Add(12*time.Hour)) {
					return nil
				}
				return answerWith(`{"task_id":"` + c.task.id + `","task_type":"create_media_buy","status":"completed",` +
					`"result":` + unconfirmed + `}`)
			})},
			state:     operation.Completed,
			purchases: 1,
			check: func(t *testing.T, h *harness) {
				if early := h.op.Terminal.At.Before(h.seller.tasks[0].doneAt.Add(12 * time.Hour)); early {
					t.Errorf("completed at %s", h.op.Terminal.At)
				}
			},
		},
		{
			name:      "a status that is none, beside the buy's id",
			seller:    &seller{noDedup: true, after: afterPurchase(`{"status":"pending_approval","media_buy_id":"mb_task_1"}`)},
			state:     operation.CallingAdCP,
			attention: operation.OutcomeUnclear,
			purchases: 1,
			check:     named,
		},
		{
			name:      "submitted without a task, beside the buy's id",
			seller:    &seller{noDedup: true, after: afterPurchase(`{"status":"submitted","media_buy_id":"mb_task_1"}`)},
			state:     operation.CallingAdCP,
			attention: operation.OutcomeUnclear,
			purchases: 1,
			check:     named,
		},
		{
			name: "odd members beside a completed buy",
			seller: &seller{noDedup: true, after: afterPurchase(
				`{"status":"completed","media_buy_id":"mb_task_1","message":{"text":"ok"},"context_id":7,"replayed":"false"}`)},
			state:     operation.Completed,
			purchases: 1,
		},
		{
			name: "a direct answer of unknown status that names its task",
			seller: &seller{after: onTool("create_media_buy", func(c call) *fakeAnswer {
				return answerWith(`{"status":"unknown","task_id":"` + c.task.id + `"}`)
			})},
			state:     operation.Completed,
			purchases: 1,
			check:     purchaseCalls(1),
		},
		{
			name: "a body that is no response",
			seller: &seller{noDedup: true, intercept: interceptNth("tools/call", "create_media_buy", 1,
				respondWith(200, `{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"busy"}}`))},
			state:     operation.CallingAdCP,
			attention: operation.OutcomeUnclear,
			check:     purchaseCalls(0),
		},
	}
}
