package adcp

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestRefusalInWordsKeepsItsWords(t *testing.T) {
	t.Parallel()
	const words = "IO rejected by trafficker"
	poll := func(members string) Answer {
		a, ok := ReadPoll(CreateMediaBuy, Response{Payload: json.RawMessage(`{"task_id":"t",` + members + `}`)})
		if !ok {
			t.Errorf("%s is not readable", members)
		}
		return a
	}
	webhook := func(message, result string) Answer {
		return ReadWebhook(CreateMediaBuy,
			Webhook{Status: StatusFailed, TaskID: "t", Message: message, Result: json.RawMessage(result)})
	}
	straight, ok := direct(CreateMediaBuy, `{"status":"rejected","reason":"`+words+`","message":"see reason"}`)
	if !ok {
		t.Error("the direct answer is not readable")
	}
	for name, a := range map[string]Answer{
		"webhook without a result":     webhook(words, ``),
		"webhook with a result":        webhook("failed", `{"message":"`+words+`"}`),
		"webhook whose result is text": webhook("", `"`+words+`"`),
		"poll, error":                  poll(`"status":"failed","error":"` + words + `"`),
		"poll, error without a code":   poll(`"status":"failed","error":{"message":"` + words + `"}`),
		"poll, errors":                 poll(`"status":"rejected","result":{"errors":["` + words + `"]}`),
		"poll, errors without a code":  poll(`"status":"rejected","errors":[{"message":"` + words + `"}]`),
		"poll, message":                poll(`"status":"failed","message":"` + words + `"`),
		"direct":                       straight,
	} {
		e := a.Reason()
		if a.Err != nil || e == nil || e.Code != Unspecified || e.Message != words || e.Recovery != Terminal {
			t.Errorf("%s: %+v, the reason is %+v", name, a, e)
		}
	}
	if e := poll(`"status":"failed","message":"no","error":{"code":"X"}`).Reason(); e == nil || e.Code != "X" {
		t.Errorf("an error object comes first: %+v", e)
	}
	for _, members := range []string{
		`"status":"canceled","message":"m"`, `"status":"failed"`, `"status":"failed","message":" "`,
	} {
		if e := poll(members).Reason(); e != nil {
			t.Errorf("%s has the reason %+v", members, e)
		}
	}
	e := webhook(strings.Repeat("é", 5000), ``).Reason()
	if e == nil || len(e.Message) > maxWords || len(e.Message) < maxWords-2 {
		t.Errorf("a long reason is %+v", e)
	}
}

// An operation is one item in a table: an id of any length could make it too large to be stored.
func TestOverlongIDIsNotKept(t *testing.T) {
	t.Parallel()
	long, longest := strings.Repeat("x", MaxID+1), strings.Repeat("x", MaxID)
	if a, ok := direct(CreateMediaBuy, `{"media_buy_id":"b","task_id":"`+long+`","context_id":"`+long+`"}`); !ok ||
		a.TaskID != "" || a.ContextID != "" || a.Status != StatusCompleted {
		t.Errorf("a success that needs neither id is %+v, %v", a, ok)
	}
	for _, payload := range []string{
		`{"status":"submitted","task_id":"` + long + `"}`,
		`{"status":"completed","media_buy_id":"` + long + `"}`,
	} {
		if a, ok := direct(CreateMediaBuy, payload); ok || a.TaskID != "" || a.MediaBuyID != "" {
			t.Errorf("%.60s is %+v", payload, a)
		}
	}
	if a, ok := direct(CreateMediaBuy, `{"status":"submitted","task_id":"`+longest+`"}`); !ok || a.TaskID != longest {
		t.Errorf("the longest id is not read: %v", ok)
	}
	poll := json.RawMessage(`{"status":"working","task_id":"` + long + `"}`)
	if a, ok := ReadPoll(CreateMediaBuy, Response{Payload: poll}); ok {
		t.Errorf("a poll about another task is %+v", a)
	}
	const keyed = `"idempotency_key":"whk_0123456789abcdef","task_type":"create_media_buy","status":"completed",` +
		`"timestamp":"2026-11-23T12:00:00Z"`
	for members, field := range map[string]string{
		`"operation_id":"op","task_id":"` + long + `"`:                                "task_id",
		`"operation_id":"` + long + `","task_id":"t"`:                                 "operation_id",
		`"operation_id":"op","task_id":"t","notification_id":"` + long + `"`:          "notification_id",
		`"operation_id":"op","task_id":"` + longest + `","context_id":"` + long + `"`: "",
	} {
		w, err := ParseWebhook([]byte(`{` + keyed + `,` + members + `}`))
		if (err == nil) != (field == "") || err != nil && !strings.Contains(err.Error(), field) || w.ContextID != "" {
			t.Errorf("%.40s: %v", members, err)
		}
	}
	if _, err := ParseA2AWebhook([]byte(a2aTask("completed", `{"task_id":"`+long+`"}`))); err == nil {
		t.Error("A2A's form takes an id of any length")
	}
}
