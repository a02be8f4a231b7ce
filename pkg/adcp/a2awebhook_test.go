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

// a2aTask is a task in 1.0's envelope.
func a2aTask(state, data string) string {
	return `{"task":{"id":"a2a-1","contextId":"ctx","status":{"state":"` + state + `","timestamp":"2026-11-23T12:00:00Z"},"artifacts":[{"artifactId":"r",
		"parts":[{"text":"Said"},{"data":` + data + `}],"metadata":{"adcp_task_id":"legacy"}}]}}`
}

func TestParseA2AWebhook(t *testing.T) {
	t.Parallel()
	whole, err := ParseA2AWebhook([]byte(a2aTask("TASK_STATE_COMPLETED", `{"status":"completed","task_id":"t1","task_type":"create_media_buy","message":"Done",
		"operation_id":"op","idempotency_key":"whk_0123456789abcdef","token":"secret-secret-00","notification_id":"n","context_id":"c",
		"timestamp":"2026-11-23T13:00:00Z","adcp_version":"3.1","context":{"x":1},"media_buy_id":"mb","media_buy_status":"active","packages":[]}`)))
	if err != nil {
		t.Fatal(err)
	}
	want := Webhook{IdempotencyKey: "whk_0123456789abcdef", OperationID: "op", TaskID: "t1", TaskType: "create_media_buy", Status: StatusCompleted,
		Timestamp: "2026-11-23T13:00:00Z", NotificationID: "n", Message: "Done", ContextID: "c", Token: "secret-secret-00",
		Result: json.RawMessage(`{"context":{"x":1},"media_buy_id":"mb","media_buy_status":"active","packages":[]}`)}
	equalWebhook(t, whole, want)

	bare, err := ParseA2AWebhook([]byte(`{"id":"a2a-1","contextId":"ctx","status":{"state":"working","timestamp":"2026-11-23T12:00:00Z",
		"message":{"role":"agent","parts":[{"kind":"text","text":"Looking"},{"kind":"data","data":{"percentage":60,"message":{"odd":1}}}]}}}`))
	if err != nil {
		t.Fatal(err)
	}
	equalWebhook(t, bare, Webhook{Status: StatusWorking, Timestamp: "2026-11-23T12:00:00Z", Message: "Looking", ContextID: "ctx",
		Result: json.RawMessage(`{"percentage":60}`)})
	if a := ReadWebhook(bare); string(a.Progress) != `{"percentage":60}` || a.Value != nil {
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
		"the work goes on":            {"TASK_STATE_COMPLETED", `{"status":"submitted","task_id":"t"}`, StatusSubmitted, "t", ``},
		"the task's id beside":        {"completed", `{"status":"submitted"}`, StatusSubmitted, "legacy", ``},
		"a business rejection":        {"completed", `{"status":"rejected","task_id":"t","media_buy_id":"mb","reason":"r"}`, StatusRejected, "t", `{"media_buy_id":"mb","reason":"r"}`},
		"a rejection with errors":     {"completed", `{"status":"rejected","media_buy_id":"mb","errors":[{"code":"A"}]}`, StatusRejected, "legacy", `{"errors":[{"code":"A"}],"media_buy_id":"mb"}`},
		"no status":                   {"completed", `{"media_buy_id":"mb"}`, StatusCompleted, "legacy", `{"media_buy_id":"mb"}`},
		"a status of another type":    {"failed", `{"status":7,"errors":[]}`, StatusFailed, "legacy", `{"errors":[]}`},
		"the buy's status, 3.0":       {"completed", `{"status":"pending_creatives","media_buy_id":"mb"}`, StatusCompleted, "legacy", `{"status":"pending_creatives","media_buy_id":"mb"}`},
		"the buy's ambiguous, 3.0":    {"completed", `{"status":"canceled","media_buy_id":"mb"}`, StatusCompleted, "legacy", `{"status":"canceled","media_buy_id":"mb"}`},
		"the task's, 3.1":             {"completed", `{"status":"canceled","media_buy_id":"mb","media_buy_status":"canceled"}`, StatusCanceled, "legacy", `{"media_buy_id":"mb","media_buy_status":"canceled"}`},
		"an answer about the task":    {"completed", `{"task_id":"t","task_type":"create_media_buy","status":"completed","created_at":"x","result":{"media_buy_id":"mb"}}`, StatusCompleted, "t", `{"media_buy_id":"mb"}`},
		"a body with a result":        {"completed", `{"result":{"x":1},"y":2}`, StatusCompleted, "legacy", `{"result":{"x":1},"y":2}`},
		"failed, the error beside":    {"completed", `{"task_id":"t","status":"failed","error":{"code":"A"},"result":{"x":1}}`, StatusFailed, "t", `{"error":{"code":"A"},"result":{"x":1}}`},
		"failed, the error in result": {"completed", `{"task_id":"t","status":"failed","result":{"errors":[{"code":"A"}]}}`, StatusFailed, "t", `{"errors":[{"code":"A"}]}`},
		"failed before the work":      {"failed", `{"adcp_error":{"code":"A"}}`, StatusFailed, "legacy", `{"adcp_error":{"code":"A"}}`},
		"nothing but the envelope":    {"completed", `{"status":"completed","task_id":"t"}`, StatusCompleted, "t", ``},
		"canceled":                    {"canceled", `{"status":"canceled"}`, StatusCanceled, "legacy", ``},
		"a later A2A's state":         {"TASK_STATE_PAUSED", `{"status":"completed","task_id":"t"}`, StatusUnknown, "legacy", ``},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, err := ParseA2AWebhook([]byte(a2aTask(c.state, c.data)))
			if err != nil || w.Status != c.status || w.TaskID != c.task || string(w.Result) != c.result {
				t.Errorf("%v: status %s, task %s, result %s", err, w.Status, w.TaskID, w.Result)
			}
			if c.status == StatusFailed && strings.Contains(c.result, `"A"`) {
				if a := ReadWebhook(w); a.Err == nil || a.Err.Code != "A" {
					t.Errorf("error %+v", a.Err)
				}
			}
		})
	}
}

func TestParseA2AWebhookRefuses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ body, fields string }{
		"no JSON":                         {`x`, ""},
		"a list":                          {`[]`, ""},
		"no status":                       {`{"id":"t"}`, "status.state"},
		"MCP's form":                      {`{"task_id":"t","status":"completed"}`, "status.state"},
		"an envelope in an envelope":      {`{"task":{"task":{"status":{"state":"completed"}}}}`, "task.task"},
		"a wrapper":                       {a2aTask("completed", `{"response":{}}`), "response"},
		"a task_id that is no text":       {a2aTask("completed", `{"task_id":7}`), "task_id"},
		"more than one":                   {a2aTask("completed", `{"token":{},"operation_id":[]}`), "operation_id,token"},
		"a key of other letters":          {a2aTask("completed", `{"idempotency_key":"key with spaces in it"}`), "idempotency_key"},
		"submitted without the work":      {`{"status":{"state":"completed"},"artifacts":[{"parts":[{"data":{"status":"submitted"}}]}]}`, "task_id"},
		"A2A's own submitted without it":  {`{"statusUpdate":{"taskId":"a2a","status":{"state":"TASK_STATE_SUBMITTED"}}}`, "task_id"},
		"an empty task_id is none at all": {`{"status":{"state":"completed"},"artifacts":[{"parts":[{"data":{"status":"submitted","task_id":""}}]}]}`, "task_id"},
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

// One end is one value, by whatever channel it comes (contract H4).
func TestOneEndOneValue(t *testing.T) {
	t.Parallel()
	const body = `"media_buy_id":"mb","confirmed_at":null,"revision":1,"packages":[{"package_id":"p","budget":1000.00}],"context":{"x":1}`
	const envelope = `"status":"completed","task_id":"t","message":"Done","adcp_version":"3.1"`
	const outer = `"task_id":"t","task_type":"create_media_buy","status":"completed","timestamp":"2026-11-23T12:00:00Z"`
	pushed := func(w Webhook, err error) Answer {
		t.Helper()
		if w.TaskType = "create_media_buy"; err != nil {
			t.Fatal(err)
		}
		return ReadWebhook(w)
	}
	keyed := `"idempotency_key":"whk_0123456789abcdef","operation_id":"op",` + outer
	polled, _ := ReadPoll(CreateMediaBuy, Response{Payload: json.RawMessage(`{` + outer + `,"result":{` + body + `}}`)})
	polledWhole, _ := ReadPoll(CreateMediaBuy, Response{Payload: json.RawMessage(`{` + outer + `,"result":{` + envelope + `,` + body + `}}`)})
	direct, _ := ReadDirect(CreateMediaBuy, Response{Payload: json.RawMessage(`{` + envelope + `,` + body + `}`)})
	for name, got := range map[string]Answer{
		"direct":                       direct,
		"poll":                         polled,
		"poll, result with envelope":   polledWhole,
		"MCP webhook":                  pushed(ParseWebhook([]byte(`{` + keyed + `,"result":{` + body + `}}`))),
		"MCP webhook with envelope":    pushed(ParseWebhook([]byte(`{` + keyed + `,"result":{` + envelope + `,` + body + `}}`))),
		"A2A webhook":                  pushed(ParseA2AWebhook([]byte(a2aTask("completed", `{`+envelope+`,`+body+`}`)))),
		"A2A webhook, no envelope":     pushed(ParseA2AWebhook([]byte(a2aTask("completed", `{`+body+`}`)))),
		"A2A webhook, MCP's form in A": pushed(ParseA2AWebhook([]byte(a2aTask("completed", `{`+keyed+`,"token":"secret-secret-00","result":{`+body+`}}`)))),
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
