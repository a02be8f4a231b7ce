package adcp

import (
	"encoding/json"
	"testing"
)

// everyChannel reads a completed body of a task in a direct answer, a poll and a webhook.
func everyChannel(t *testing.T, task Task, body string) map[string]Answer {
	t.Helper()
	d, ok := direct(task, `{"status":"completed",`+body[1:])
	if !ok {
		t.Errorf("the answer %s is not readable", body)
	}
	poll, ok := ReadPoll(task,
		Response{Payload: json.RawMessage(`{"task_id":"t","status":"completed","result":` + body + `}`)})
	if !ok {
		t.Errorf("the poll %s is not readable", body)
	}
	return map[string]Answer{"direct": d, "poll": poll, "webhook": ReadWebhook(task,
		Webhook{TaskID: "t", Status: StatusCompleted, Result: json.RawMessage(body)})}
}

// accepted is the body of an accept_proposal of a kind, after which the buy has a status.
func accepted(kind, buy, more string) string {
	return `{"media_buy_id":"mb_1","revision":3,"media_buy_status":"` + buy +
		`","accepted_proposal":{"proposal_id":"pr_1"` + kind + `},"purchase_bindings":[],"available_actions":[]` + more + `}`
}

const (
	newBuy       = `,"proposal_kind":"new_media_buy"`
	amendment    = `,"proposal_kind":"media_buy_update","base_media_buy_revision":2`
	cancellation = `,"proposal_kind":"media_buy_cancellation","base_media_buy_revision":2`
)

// An accepted proposal that changes or cancels a buy is accepted, however that buy stands then. A
// buy that the proposal has made is judged by its status like every other purchase.
func TestAcceptedProposalIsJudgedByWhatItDid(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, body string
		want       Status
	}{
		{"a buy", accepted(newBuy, "pending_creatives", ""), StatusCompleted},
		{"a buy that the seller rejects", accepted(newBuy, "rejected", ""), StatusRejected},
		{"a buy that is canceled", accepted(newBuy, "canceled", ""), StatusCanceled},
		{"a buy that is not confirmed", accepted(newBuy, "pending_start", `,"confirmed_at":null`), StatusSubmitted},
		{"a cancellation", accepted(cancellation, "canceled", ""), StatusCompleted},
		{"a cancellation that takes effect later", accepted(cancellation, "active", ""), StatusCompleted},
		{"an amendment", accepted(amendment, "active", ""), StatusCompleted},
		{"an amendment of a paused buy", accepted(amendment, "paused", ""), StatusCompleted},
		{"an amendment of a buy canceled since", accepted(amendment, "canceled", ""), StatusCompleted},
		{"an amendment of a buy rejected since", accepted(amendment, "rejected", ""), StatusCompleted},
		{"an amendment before the buy is confirmed", accepted(amendment, "pending_start", `,"confirmed_at":null`),
			StatusCompleted},
		{"a kind that is not said, canceled", accepted("", "canceled", ""), StatusCompleted},
		{"a kind that is not said, rejected", accepted("", "rejected", ""), StatusRejected},
		{"a kind that only its base shows", accepted(`,"base_media_buy_revision":2`, "rejected", ""), StatusCompleted},
	} {
		for channel, a := range everyChannel(t, AcceptProposal, tc.body) {
			if a.Status != tc.want || a.Provisional != (tc.want == StatusSubmitted) || a.MediaBuyID != "mb_1" ||
				a.ResultMissing || a.EndOfBuy != (tc.want == StatusRejected || tc.want == StatusCanceled) {
				t.Errorf("%s by %s is %+v, want %s", tc.name, channel, a, tc.want)
			}
		}
	}
}

func TestBuyOfBuyProductsIsJudgedLikeOneOfCreateMediaBuy(t *testing.T) {
	t.Parallel()
	for buy, want := range map[string]Status{"pending_creatives": StatusCompleted, "active": StatusCompleted,
		"rejected": StatusRejected, "canceled": StatusCanceled, "draft": StatusSubmitted} {
		for channel, a := range everyChannel(t, BuyProducts, accepted(newBuy, buy, "")) {
			if a.Status != want || a.MediaBuyID != "mb_1" {
				t.Errorf("%s by %s is %+v, want %s", buy, channel, a, want)
			}
		}
	}
}

// Agents write the buy's own status where the task's belongs (contract A7). A change that has
// canceled the buy is done.
func TestChangeThatCanceledItsBuyIsCompleted(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name string
		task Task
		body string
		want Status
	}{
		{"control, by the buy's own member", ControlMediaBuy,
			`{"status":"completed","media_buy_id":"mb_1","revision":4,"media_buy_status":"canceled"}`, StatusCompleted},
		{"control, in the task's place", ControlMediaBuy,
			`{"status":"canceled","media_buy_id":"mb_1","revision":4}`, StatusCompleted},
		{"control, with the reason and the packages", ControlMediaBuy,
			`{"status":"canceled","media_buy_id":"mb_1","affected_package_ids":["p"],"reason":"asked for"}`, StatusCompleted},
		{"control, paused", ControlMediaBuy, `{"status":"paused","media_buy_id":"mb_1","revision":4}`, StatusCompleted},
		{"control, canceled itself", ControlMediaBuy, `{"status":"canceled","media_buy_id":"mb_1","reason":"no"}`,
			StatusCanceled},
		{"control, rejected itself", ControlMediaBuy, `{"status":"rejected","media_buy_id":"mb_1","reason":"no"}`,
			StatusRejected},
		{"control, failed", ControlMediaBuy, `{"status":"failed","errors":[{"code":"ACTION_NOT_ALLOWED"}]}`, StatusFailed},
		{"a cancellation, in the task's place", AcceptProposal,
			`{"status":"canceled",` + accepted(cancellation, "canceled", "")[1:], StatusCompleted},
		{"an acceptance canceled itself", AcceptProposal, `{"status":"canceled","media_buy_id":"mb_1"}`, StatusCanceled},
		{"an acceptance rejected itself", AcceptProposal,
			`{"status":"rejected","media_buy_id":"mb_1","reason":"expired"}`, StatusRejected},
	} {
		if a, ok := direct(tc.task, tc.body); !ok || a.Status != tc.want || a.MediaBuyID != "" && a.MediaBuyID != "mb_1" {
			t.Errorf("%s is %+v, %v; want %s", tc.name, a, ok, tc.want)
		}
	}
}

// A seller that proposes nothing has answered: no channel makes a failure of it (contract A33).
func TestOutcomeOfProposalsIsAResultOnEveryChannel(t *testing.T) {
	t.Parallel()
	for body, task := range map[string]Task{
		`{"outcome":"rejected","reason":"no inventory"}`:                                            RequestProposals,
		`{"errors":[{"code":"X","message":"a hint"}],"outcome":"rejected","reason":"no inventory"}`: RequestProposals,
		`{"products":[],"results":[{"source_proposal_id":"p","outcome":"unable","reason":"no"}]}`:   RefineProposals,
		`{"results":[{"proposal_id":"p","outcome":"unable","reason":"accepted"}]}`:                  DeclineProposals,
	} {
		for channel, a := range everyChannel(t, task, body) {
			if a.Status != StatusCompleted || a.ResultMissing || a.Reason() != nil || string(a.Value) != body {
				t.Errorf("%s: %s by %s is %+v", task, body, channel, a)
			}
		}
	}
}
