package adcp

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// direct reads what a tool has returned as its structured content.
func direct(task Task, payload string) (Answer, bool) {
	return ReadDirect(task, ToolResult{Structured: json.RawMessage(payload)}.Response())
}

// successOf returns the smallest success of a task by its response schema.
func successOf(t *testing.T, task Task) string {
	t.Helper()
	s, ok := map[Task]string{
		CreateMediaBuy: `{"media_buy_id":"mb_1","packages":[]}`,
		UpdateMediaBuy: `{"media_buy_id":"mb_1"}`,
		SyncCreatives:  `{"creatives":[]}`,
		BuildCreative:  `{"creative_manifest":{"format_id":{"id":"f"}}}`,
		GetProducts:    `{"products":[]}`,
		GetSignals:     `{"signals":[]}`,
		ActivateSignal: `{"deployments":[]}`,
		SyncCatalogs:   `{"catalogs":[]}`,
		SyncAccounts:   `{"accounts":[]}`,
		SyncAudiences:  `{"audiences":[]}`,
		BuyProducts: `{"accepted_proposal":{"proposal_id":"p","proposal_kind":"new_media_buy"},"available_actions":[],` +
			`"media_buy_id":"mb_1","purchase_bindings":[],"revision":1}`,
		AcceptProposal: `{"accepted_proposal":{"proposal_id":"p","proposal_kind":"new_media_buy"},"available_actions":[],` +
			`"media_buy_id":"mb_1","purchase_bindings":[],"revision":1}`,
		ControlMediaBuy:  `{"media_buy_id":"mb_1","revision":2}`,
		RequestProposals: `{"outcome":"proposed","products":[],"proposals":[]}`,
		RefineProposals:  `{"products":[],"results":[]}`,
		DeclineProposals: `{"results":[]}`,
	}[task]
	if !ok {
		return successBySchema(t, task)
	}
	return s
}

// Every form in which agents were seen to fail, or to say nothing, without a status.
var nothingProven = []string{
	`{}`,
	`{"success":false,"message":"Use explicit skill invocation."}`,
	`{"error":"creative library is down"}`,
	`{"error":{"code":"X","message":"no"}}`,
	`{"errors":[{"code":"X","message":"no"}],"total_count":0}`,
	`{"errors":["no"]}`,
	`{"detail":"Not authenticated"}`,
	`{"result":{"detail":"Not authenticated"}}`,
	`{"result":{"success":false}}`,
	`{"result":"done"}`,
	`{"result":null}`,
	`{"message":"ok","context":{"a":1}}`,
	`{"status":"completed"}`,
	`{"status":"completed","success":true,"total_count":0}`,
	`{"Products":[],"CREATIVES":[],"Media_Buy_ID":"mb_1"}`,
}

func TestDirectAnswerThatProvesNothingIsNoSuccess(t *testing.T) {
	t.Parallel()
	for _, task := range Tasks() {
		for _, payload := range nothingProven {
			if strings.Contains(payload, `"success":true`) && slices.Contains(onlySaysSuccess, task) {
				continue
			}
			if a, ok := direct(task, payload); ok {
				t.Errorf("%s: %s is %+v", task, payload, a)
			}
		}
	}
}

func TestSuccessBodyBesideAnErrorArmIsNoSuccess(t *testing.T) {
	t.Parallel()
	for _, task := range Tasks() {
		body := strings.TrimSuffix(successOf(t, task), "}")
		for _, arm := range []string{`"success":false`, `"error":"down"`, `"error":{"code":"X"}`, `"success":"false"`,
			`"success":"False"`, `"ok":false`, `"ok":"false"`, `"isError":true`} {
			if a, ok := direct(task, body+`,`+arm+`}`); ok {
				t.Errorf("%s with %s is %+v", task, arm, a)
			}
			poll := fmt.Sprintf(`{"task_id":"t","status":"completed","result":%s,%s}}`, body, arm)
			if a, _ := ReadPoll(task, Response{Payload: json.RawMessage(poll)}); !a.ResultMissing {
				t.Errorf("%s with %s in a poll is %+v", task, arm, a)
			}
		}
		// What says nothing, and warnings beside a success (contract D5).
		for _, arm := range []string{`"success":true`, `"ok":true`, `"isError":false`, `"success":null`, `"error":null`,
			`"errors":[]`, `"errors":[{"code":"X"}]`} {
			if arm == `"success":null` && slices.Contains(onlySaysSuccess, task) {
				continue
			}
			payload := `{"status":"completed",` + body[1:] + `,` + arm + `}`
			if a, ok := direct(task, payload); !ok || a.Status != StatusCompleted {
				t.Errorf("%s with %s is %+v, %v", task, arm, a, ok)
			}
		}
	}
}

func TestEverySuccessOfEveryTaskIsRead(t *testing.T) {
	t.Parallel()
	more := map[Task][]string{
		BuildCreative: {
			`{"creative_manifests":[]}`,
			`{"creatives":[]}`,
			`{"estimate":{"cost":1},"mode":"estimate"}`,
		},
		GetProducts: {`{"cache_scope":"public","unchanged":true,"wholesale_feed_version":"v"}`},
		GetSignals:  {`{"cache_scope":"public","unchanged":true,"wholesale_feed_version":"v"}`},
		// A seller's no is an answer, and so is an agent's that knows no proposals (contract A33).
		RequestProposals: {
			`{"outcome":"rejected","reason":"no inventory","suggestions":["later"]}`,
			`{"outcome":"products_available","products":[],"purchase_continuation":{"kind":"listed_purchase"}}`,
		},
		RefineProposals: {`{"products":[],"results":[{"outcome":"unable","reason":"no","reason_code":"other",` +
			`"source_proposal_id":"pr_1"}]}`},
		DeclineProposals: {`{"results":[{"outcome":"unable","proposal_id":"pr_1","reason":"accepted"}]}`},
	}
	for _, task := range Tasks() {
		for _, success := range append(more[task], successOf(t, task)) {
			bare := []string{success, `{"status":"completed",` + success[1:], `{"result":` + success + `}`}
			for _, payload := range bare {
				if a, ok := direct(task, payload); !ok || a.Status != StatusCompleted || string(a.Value) != success {
					t.Errorf("%s: %s is %+v, %v", task, payload, a, ok)
				}
			}
			poll := json.RawMessage(`{"task_id":"t","status":"completed","result":` + success + `}`)
			if a, ok := ReadPoll(task, Response{Payload: poll}); !ok || a.ResultMissing || string(a.Value) != success {
				t.Errorf("%s: the poll %s is %+v, %v", task, poll, a, ok)
			}
		}
	}
}

// Frameworks wrap what a tool returns. The work in the wrapper is followed, and its errors are
// errors.
func TestLoneResultWrapperIsUnwrapped(t *testing.T) {
	t.Parallel()
	for _, task := range Tasks() {
		for _, payload := range []string{
			`{"result":{"status":"submitted","task_id":"t1"}}`,
			`{"result":"{\"status\":\"submitted\",\"task_id\":\"t1\"}"}`,
		} {
			a, ok := direct(task, payload)
			if !ok || a.Status != StatusSubmitted || a.TaskID != "t1" {
				t.Errorf("%s: %s is %+v, %v", task, payload, a, ok)
			}
		}
		a, ok := direct(task, `{"result":{"errors":[{"code":"ACCOUNT_NOT_FOUND","message":"no"}]}}`)
		if !ok || a.Status != StatusFailed || a.Err == nil || a.Err.Code != "ACCOUNT_NOT_FOUND" {
			t.Errorf("%s: the error in a wrapper is %+v, %v", task, a, ok)
		}
		twice := `{"result":{"result":` + successOf(t, task) + `}}`
		if s, _ := toolOf(string(task)); s.wrapped {
			continue // the inner one is no wrapper
		}
		if a, ok := direct(task, twice); ok {
			t.Errorf("%s: a wrapper in a wrapper is %+v", task, a)
		}
	}
}

func TestOddUnneededMemberDoesNotMakeAnAnswerUnreadable(t *testing.T) {
	t.Parallel()
	odd := []string{
		`"message":["a"]`, `"message":{"text":"a"}`, `"context_id":7`, `"replayed":"false"`, `"task_type":1`,
		`"progress":"half"`, `"task_id":7`, `"status":null`,
	}
	for _, task := range Tasks() {
		for _, member := range odd {
			payload := `{` + member + `,` + successOf(t, task)[1:]
			if a, ok := direct(task, payload); !ok || a.Status != StatusCompleted || a.TaskID != "" || a.Replayed {
				t.Errorf("%s: %s is %+v, %v", task, payload, a, ok)
			}
		}
	}
	for _, member := range odd[:6] {
		poll := json.RawMessage(`{"task_id":"t","status":"working",` + member + `}`)
		if a, ok := ReadPoll(CreateMediaBuy, Response{Payload: poll}); !ok || a.TaskID != "t" {
			t.Errorf("the poll %s is %+v, %v", poll, a, ok)
		}
	}
	for _, payload := range []string{`{"status":7,"media_buy_id":"mb_1"}`, `{"status":{},"media_buy_id":"mb_1"}`} {
		if a, ok := direct(CreateMediaBuy, payload); ok {
			t.Errorf("%s is %+v: its status can't be read", payload, a)
		}
	}
}

func TestMemberNamesCountInTheirExactCaseOnly(t *testing.T) {
	t.Parallel()
	a, ok := direct(CreateMediaBuy,
		`{"status":"working","task_id":"t","STATUS":"completed","Task_ID":"u","media_buy_id":"b"}`)
	if !ok || a.Status != StatusWorking || a.TaskID != "t" {
		t.Errorf("the answer is %+v, %v", a, ok)
	}
	poll := json.RawMessage(`{"status":"working","task_id":"t","STATUS":"completed","Result":{"media_buy_id":"b"}}`)
	if a, ok := ReadPoll(CreateMediaBuy, Response{Payload: poll}); !ok || a.Status != StatusWorking {
		t.Errorf("the poll is %+v, %v", a, ok)
	}
}

// Contract A9: by every channel, and whatever else the answer says.
func TestUnconfirmedBuyIsNotCompleted(t *testing.T) {
	t.Parallel()
	const buy = `"media_buy_id":"mb_1","confirmed_at":null,"packages":[]`
	direct30, ok30 := direct(CreateMediaBuy, `{"status":"pending_start",`+buy+`}`)
	direct31, ok31 := direct(CreateMediaBuy, `{"status":"completed","media_buy_status":"pending_start",`+buy+`}`)
	bare, okBare := direct(CreateMediaBuy, `{`+buy+`}`)
	poll, okPoll := ReadPoll(CreateMediaBuy,
		Response{Payload: json.RawMessage(`{"task_id":"t","status":"completed","result":{` + buy + `}}`)})
	webhook := ReadWebhook(CreateMediaBuy,
		Webhook{TaskID: "t", Status: StatusCompleted, Result: json.RawMessage(`{` + buy + `}`)})
	if !ok30 || !ok31 || !okBare || !okPoll {
		t.Error("an answer is not readable")
	}
	for name, a := range map[string]Answer{
		"3.0": direct30, "3.1": direct31, "without a status": bare, "poll": poll, "webhook": webhook,
	} {
		if a.Status != StatusSubmitted || !a.Provisional || a.MediaBuyID != "mb_1" || a.Value != nil || a.ResultMissing {
			t.Errorf("%s: %+v", name, a)
		}
	}
	for _, body := range []string{
		`"media_buy_id":"mb_1","confirmed_at":"2026-11-26T12:00:00Z"`, // 3.1
		`"media_buy_id":"mb_1"`, // 3.0 has no such member
	} {
		a, ok := direct(CreateMediaBuy, `{"status":"completed",`+body+`}`)
		if !ok || a.Provisional || a.Status != StatusCompleted {
			t.Errorf("%s: %+v, %v", body, a, ok)
		}
	}
	if a, ok := direct(UpdateMediaBuy, `{`+buy+`}`); !ok || a.Status != StatusCompleted {
		t.Errorf("an update has no confirmation of its own: %+v, %v", a, ok)
	}
}

// A canceled buy is what a cancellation asks for (contract A7).
func TestSuccessfulCancellationIsACompletedUpdate(t *testing.T) {
	t.Parallel()
	const v30 = `{"media_buy_id":"mb_1","status":"canceled","affected_packages":[]}`
	const v31 = `{"media_buy_id":"mb_1","status":"canceled","media_buy_status":"canceled","revision":2}`
	const v32 = `{"media_buy_id":"mb_1","media_buy_status":"canceled","revision":2}`
	const reasoned = `{"media_buy_id":"mb_1","status":"canceled","reason":"buyer asked","affected_packages":[]}`
	const noErrors = `{"media_buy_id":"mb_1","status":"canceled","errors":{}}`
	for _, body := range []string{v30, v31, v32, reasoned, noErrors} {
		direct, ok := direct(UpdateMediaBuy, body)
		if !ok || direct.Status != StatusCompleted || direct.MediaBuyID != "mb_1" {
			t.Errorf("%s is %+v, %v", body, direct, ok)
		}
		for _, outer := range []Status{StatusCompleted, StatusCanceled} {
			poll, ok := ReadPoll(UpdateMediaBuy,
				Response{Payload: json.RawMessage(fmt.Sprintf(`{"task_id":"t","status":%q,"result":%s}`, outer, body))})
			webhook := ReadWebhook(UpdateMediaBuy, Webhook{TaskID: "t", Status: outer, Result: json.RawMessage(body)})
			a2a, err := ParseA2AWebhook([]byte(a2aTask("completed", body)))
			if !ok || err != nil || poll.Status != StatusCompleted || webhook.Status != StatusCompleted ||
				ReadWebhook(UpdateMediaBuy, a2a).Status != StatusCompleted {
				t.Errorf("%s: poll %+v, webhook %+v, A2A %+v, %v", body, poll, webhook, a2a, err)
			}
			if !strings.Contains(string(direct.Value), `canceled`) {
				t.Errorf("the result does not say how the buy stands: %s", direct.Value)
			}
			equalJSON(t, poll.Value, direct.Value)
			equalJSON(t, webhook.Value, direct.Value)
			equalJSON(t, ReadWebhook(UpdateMediaBuy, a2a).Value, direct.Value)
		}
	}
	for body, want := range map[string]Status{
		`{"status":"canceled"}`: StatusCanceled,
		`{"status":"canceled","media_buy_id":"mb_1","errors":[{"code":"X"}]}`:                    StatusCanceled,
		`{"status":"canceled","media_buy_id":"mb_1","media_buy_status":"active"}`:                StatusCanceled,
		`{"status":"canceled","media_buy_id":"mb_1","reason":"superseded"}`:                      StatusCanceled,
		`{"status":"rejected","media_buy_id":"mb_1","reason":"no"}`:                              StatusRejected,
		`{"status":"rejected","media_buy_id":"mb_1","reason":"no","affected_packages":[]}`:       StatusRejected,
		`{"status":"rejected","media_buy_id":"mb_1","message":"no"}`:                             StatusRejected,
		`{"status":"rejected","media_buy_id":"mb_1","media_buy_status":"rejected","revision":2}`: StatusCompleted,
	} {
		if a, ok := direct(UpdateMediaBuy, body); !ok || a.Status != want {
			t.Errorf("%s is %+v, %v", body, a, ok)
		}
	}
	if a, ok := direct(CreateMediaBuy, v31); !ok || a.Status != StatusCanceled {
		t.Errorf("a new buy that is canceled at once is %+v, %v", a, ok)
	}
}

// Where the schema wants a text, an agent writes its database's number. That proves no success, and
// names the buy for the person who looks for it.
func TestNumericMediaBuyIDIsShown(t *testing.T) {
	t.Parallel()
	const body = `{"media_buy_id":12345,"packages":[]}`
	if a, ok := direct(CreateMediaBuy, body); ok || a.Named() != "media buy 12345" {
		t.Errorf("the answer names %q, %v", a.Named(), ok)
	}
	poll, ok := ReadPoll(CreateMediaBuy,
		Response{Payload: json.RawMessage(`{"task_id":"t","status":"completed","result":` + body + `}`)})
	if !ok || poll.MediaBuyID != "12345" || !poll.ResultMissing {
		t.Errorf("the poll is %+v, %v", poll, ok)
	}
	for _, odd := range []string{`1.5`, `-1`, `1e3`, `true`, `null`, `{}`, strings.Repeat("1", 513)} {
		if a, _ := direct(CreateMediaBuy, `{"media_buy_id":`+odd+`}`); a.MediaBuyID != "" {
			t.Errorf("%.20s names %q", odd, a.MediaBuyID)
		}
	}
}
