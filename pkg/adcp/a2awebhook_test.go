package adcp

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
)

func TestDetectFormat(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]Format{
		`{"status":"completed","task_id":"t"}`:         FormatMCP,
		`{"status":"completed"}`:                       "",
		`{"task_id":"t"}`:                              "",
		`{"status":"completed","task_id":""}`:          "",
		`{"id":"t","status":{"state":"working"}}`:      FormatA2A,
		`{"task_id":"t","status":{"state":"working"}}`: FormatA2A,
		`{"status":{"state":""},"task_id":"t"}`:        "",
		`{"status":[{"state":"working"}]}`:             "",
		`{"task":{"status":{"state":"x"}}}`:            FormatA2A,
		`{"statusUpdate":{}}`:                          FormatA2A,
		`{"message":{}}`:                               FormatA2A,
		`{"artifactUpdate":{}}`:                        FormatA2A,
		`{"task":"t"}`:                                 "",
		`{"task":{},"x":1}`:                            "",
		`{"Status":"completed","task_id":"t"}`:         "",
		`{"notification_type":"scheduled"}`:            "",
		``:                                             "", `[]`: "", `null`: "", `{`: "",
	} {
		if got := DetectFormat([]byte(body)); got != want {
			t.Errorf("%s: %q, want %q", body, got, want)
		}
	}
}

// a2aTask returns a task in 1.0's envelope.
func a2aTask(state, data string) string {
	return `{"task":{
		"id":"a2a-1",
		"contextId":"ctx",
		"status":{"state":"` + state + `","timestamp":"2026-11-23T12:00:00Z"},
		"artifacts":[{
			"artifactId":"r",
			"parts":[{"text":"Said"},{"data":` + data + `}],
			"metadata":{"adcp_task_id":"legacy"}
		}]
	}}`
}

func TestParseA2AWebhook(t *testing.T) {
	t.Parallel()
	whole, err := ParseA2AWebhook([]byte(a2aTask("TASK_STATE_COMPLETED", `{
		"status":"completed","task_id":"t1","task_type":"create_media_buy","message":"Done",
		"operation_id":"op","idempotency_key":"whk_0123456789abcdef","token":"secret-secret-00",
		"notification_id":"n","context_id":"c","timestamp":"2026-11-23T13:00:00Z","adcp_version":"3.1",
		"context":{"x":1},"media_buy_id":"mb","media_buy_status":"active","packages":[]
	}`)))
	if err != nil {
		t.Fatal(err)
	}
	equalWebhook(t, whole, Webhook{
		IdempotencyKey: "whk_0123456789abcdef",
		OperationID:    "op",
		TaskID:         "t1",
		TaskType:       "create_media_buy",
		Status:         StatusCompleted,
		Timestamp:      "2026-11-23T13:00:00Z",
		NotificationID: "n",
		Message:        "Done",
		ContextID:      "c",
		Token:          "secret-secret-00",
		Result:         json.RawMessage(`{"context":{"x":1},"media_buy_id":"mb","media_buy_status":"active","packages":[]}`),
	})

	bare, err := ParseA2AWebhook([]byte(`{"id":"a2a-1","contextId":"ctx","status":{
		"state":"working",
		"timestamp":"2026-11-23T12:00:00Z",
		"message":{"role":"agent","parts":[
			{"kind":"text","text":"Looking"},
			{"kind":"data","data":{"percentage":60,"message":{"odd":1}}}
		]}
	}}`))
	if err != nil {
		t.Fatal(err)
	}
	equalWebhook(t, bare, Webhook{
		Status:    StatusWorking,
		Timestamp: "2026-11-23T12:00:00Z",
		Message:   "Looking",
		ContextID: "ctx",
		Result:    json.RawMessage(`{"percentage":60}`),
	})
	if a := ReadWebhook(CreateMediaBuy, bare); string(a.Progress) != `{"percentage":60}` || a.Value != nil {
		t.Errorf("%+v", a)
	}
}

func TestA2AWebhookStatus(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		state, data  string
		status       Status
		task, result string
	}{
		"the work continues": {
			state:  "TASK_STATE_COMPLETED",
			data:   `{"status":"submitted","task_id":"t"}`,
			status: StatusSubmitted,
			task:   "t",
		},
		"the task's id beside the data": {"completed", `{"status":"submitted"}`, StatusSubmitted, "legacy", ``},
		"a business rejection": {
			state:  "completed",
			data:   `{"status":"rejected","task_id":"t","media_buy_id":"mb","reason":"r"}`,
			status: StatusRejected,
			task:   "t",
			result: `{"media_buy_id":"mb","reason":"r"}`,
		},
		"a rejection with errors": {
			state:  "completed",
			data:   `{"status":"rejected","media_buy_id":"mb","errors":[{"code":"A"}]}`,
			status: StatusRejected,
			task:   "legacy",
			result: `{"errors":[{"code":"A"}],"media_buy_id":"mb"}`,
		},
		"no status": {
			state:  "completed",
			data:   `{"media_buy_id":"mb"}`,
			status: StatusCompleted,
			task:   "legacy",
			result: `{"media_buy_id":"mb"}`,
		},
		"a status of another type": {"failed", `{"status":7,"errors":[]}`, StatusFailed, "legacy", `{"errors":[]}`},
		"the buy's status in 3.0": {
			state:  "completed",
			data:   `{"status":"pending_creatives","media_buy_id":"mb"}`,
			status: StatusCompleted,
			task:   "legacy",
			result: `{"status":"pending_creatives","media_buy_id":"mb"}`,
		},
		"the buy's ambiguous status in 3.0": {
			state:  "completed",
			data:   `{"status":"canceled","media_buy_id":"mb"}`,
			status: StatusCompleted,
			task:   "legacy",
			result: `{"status":"canceled","media_buy_id":"mb"}`,
		},
		"the task's status in 3.1": {
			state:  "completed",
			data:   `{"status":"canceled","media_buy_id":"mb","media_buy_status":"canceled"}`,
			status: StatusCanceled,
			task:   "legacy",
			result: `{"media_buy_id":"mb","media_buy_status":"canceled"}`,
		},
		"an answer about the task": {
			state: "completed",
			data: `{"task_id":"t","task_type":"create_media_buy","status":"completed","created_at":"x",` +
				`"result":{"media_buy_id":"mb"}}`,
			status: StatusCompleted,
			task:   "t",
			result: `{"media_buy_id":"mb"}`,
		},
		"a body with a result": {
			state:  "completed",
			data:   `{"result":{"x":1},"y":2}`,
			status: StatusCompleted,
			task:   "legacy",
			result: `{"result":{"x":1},"y":2}`,
		},
		"failed with the error beside the result": {
			state:  "completed",
			data:   `{"task_id":"t","status":"failed","error":{"code":"A"},"result":{"x":1}}`,
			status: StatusFailed,
			task:   "t",
			result: `{"error":{"code":"A"},"result":{"x":1}}`,
		},
		"failed with the error in the result": {
			state:  "completed",
			data:   `{"task_id":"t","status":"failed","result":{"errors":[{"code":"A"}]}}`,
			status: StatusFailed,
			task:   "t",
			result: `{"errors":[{"code":"A"}]}`,
		},
		"failed before the work": {
			state:  "failed",
			data:   `{"adcp_error":{"code":"A"}}`,
			status: StatusFailed,
			task:   "legacy",
			result: `{"adcp_error":{"code":"A"}}`,
		},
		"nothing but the envelope": {"completed", `{"status":"completed","task_id":"t"}`, StatusCompleted, "t", ``},
		"canceled":                 {"canceled", `{"status":"canceled"}`, StatusCanceled, "legacy", ``},
		"a later A2A's state": {
			state:  "TASK_STATE_PAUSED",
			data:   `{"status":"completed","task_id":"t"}`,
			status: StatusUnknown,
			task:   "legacy",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, err := ParseA2AWebhook([]byte(a2aTask(c.state, c.data)))
			if err != nil || w.Status != c.status || w.TaskID != c.task || string(w.Result) != c.result {
				t.Errorf("%v: status %s, task %s, result %s", err, w.Status, w.TaskID, w.Result)
			}
			if c.status == StatusFailed && strings.Contains(c.result, `"A"`) {
				if a := ReadWebhook(CreateMediaBuy, w); a.Err == nil || a.Err.Code != "A" {
					t.Errorf("error %+v", a.Err)
				}
			}
		})
	}
}

func TestParseA2AWebhookRejectsMalformedPayloads(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ body, fields string }{
		"not JSON":                         {`x`, ""},
		"a list":                           {`[]`, ""},
		"no status":                        {`{"id":"t"}`, "status.state"},
		"MCP's form":                       {`{"task_id":"t","status":"completed"}`, "status.state"},
		"an envelope in an envelope":       {`{"task":{"task":{"status":{"state":"completed"}}}}`, "task.task"},
		"a wrapper":                        {a2aTask("completed", `{"response":{}}`), "response"},
		"a task_id that is not a string":   {a2aTask("completed", `{"task_id":7}`), "task_id"},
		"two members that are not strings": {a2aTask("completed", `{"token":{},"operation_id":[]}`), "operation_id,token"},
		"a key of other characters": {
			body:   a2aTask("completed", `{"idempotency_key":"key with spaces in it"}`),
			fields: "idempotency_key",
		},
		"submitted without a task_id": {
			body:   `{"status":{"state":"completed"},"artifacts":[{"parts":[{"data":{"status":"submitted"}}]}]}`,
			fields: "task_id",
		},
		"A2A's own submitted without a task_id": {
			body:   `{"statusUpdate":{"taskId":"a2a","status":{"state":"TASK_STATE_SUBMITTED"}}}`,
			fields: "task_id",
		},
		"submitted with an empty task_id": {
			body: `{"status":{"state":"completed"},` +
				`"artifacts":[{"parts":[{"data":{"status":"submitted","task_id":""}}]}]}`,
			fields: "task_id",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := ParseA2AWebhook([]byte(c.body))
			var e *EnvelopeError
			if !errors.As(err, &e) || e.Code != "malformed_envelope" || strings.Join(e.Fields, ",") != c.fields {
				t.Errorf("%v, want %s", err, c.fields)
			}
		})
	}
	for body, key := range map[string]string{
		`{"task":{"status":{"state":"completed"},"status":{"state":"failed"}}}`: "status",
		a2aTask("completed", `{"task_id":"a","task_id":"b"}`):                   "task_id",
		a2aTask("completed", `{"packages":[{"x":1,"\u0078":2}]}`):               "x",
	} {
		_, err := ParseA2AWebhook([]byte(body))
		var dup *DuplicateKeyError
		if !errors.As(err, &dup) || dup.Key != key {
			t.Errorf("%s: %v, want the duplicate %s", body, err, key)
		}
	}
}

// An end has the same value on every channel (contract H4).
func TestOneEndHasOneValueOnEveryChannel(t *testing.T) {
	t.Parallel()
	const body = `"media_buy_id":"mb","confirmed_at":"2026-11-23T12:00:00Z","revision":1,` +
		`"packages":[{"package_id":"p","budget":1000.00}],"context":{"x":1}`
	const envelope = `"status":"completed","task_id":"t","message":"Done","adcp_version":"3.1"`
	const outer = `"task_id":"t","task_type":"create_media_buy","status":"completed","timestamp":"2026-11-23T12:00:00Z"`
	const keyed = `"idempotency_key":"whk_0123456789abcdef","operation_id":"op",` + outer
	payload := func(members string) Response { return Response{Payload: json.RawMessage(`{` + members + `}`)} }
	webhook := func(w Webhook, err error) Answer {
		t.Helper()
		if w.TaskType = "create_media_buy"; err != nil {
			t.Fatal(err)
		}
		return ReadWebhook(CreateMediaBuy, w)
	}
	mcp := func(members string) Answer {
		t.Helper()
		return webhook(ParseWebhook([]byte(`{` + members + `}`)))
	}
	a2a := func(members string) Answer {
		t.Helper()
		return webhook(ParseA2AWebhook([]byte(a2aTask("completed", `{`+members+`}`))))
	}
	direct, _ := ReadDirect(CreateMediaBuy, payload(envelope+`,`+body))
	polled, _ := ReadPoll(CreateMediaBuy, payload(outer+`,"result":{`+body+`}`))
	polledWhole, _ := ReadPoll(CreateMediaBuy, payload(outer+`,"result":{`+envelope+`,`+body+`}`))
	for name, got := range map[string]Answer{
		"direct":                    direct,
		"poll":                      polled,
		"poll with envelope":        polledWhole,
		"MCP webhook":               mcp(keyed + `,"result":{` + body + `}`),
		"MCP webhook with envelope": mcp(keyed + `,"result":{` + envelope + `,` + body + `}`),
		"A2A webhook":               a2a(envelope + `,` + body),
		"A2A webhook, no envelope":  a2a(body),
		"A2A webhook in MCP's form": a2a(keyed + `,"token":"secret-secret-00","result":{` + body + `}`),
	} {
		if got.Status != StatusCompleted || got.Value == nil {
			t.Errorf("%s: %+v", name, got)
			continue
		}
		equalJSON(t, got.Value, json.RawMessage(`{`+body+`}`))
	}
}

func equalWebhook(t *testing.T, got, want Webhook) {
	t.Helper()
	g, _ := json.Marshal(got)
	w, _ := json.Marshal(want)
	if string(g) != string(w) {
		t.Errorf("got  %s\nwant %s", g, w)
	}
}
