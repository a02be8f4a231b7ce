package adcp

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
)

// webhookEnvelope has the members of a webhook without its task_type and status.
const webhookEnvelope = `"idempotency_key":"whk_0123456789abcdef","operation_id":"op","task_id":"t",` +
	`"timestamp":"2026-11-23T12:00:00Z"`

func TestParseWebhookMatchesNamesExactly(t *testing.T) {
	t.Parallel()
	w, err := ParseWebhook([]byte(`{` + webhookEnvelope + `,"task_type":"create_media_buy",` +
		`"status":"working","Status":"completed","STATUS":7,"Result":{"x":1}}`))
	if err != nil || w.Status != StatusWorking || w.Result != nil {
		t.Errorf("%+v, %v", w, err)
	}
}

func TestParseWebhookNamesTheFaults(t *testing.T) {
	t.Parallel()
	w, err := ParseWebhook([]byte(`{` + webhookEnvelope + `,"task_type":{},"status":["completed"],` +
		`"token":null,"result":[1]}`))
	var e *EnvelopeError
	if !errors.As(err, &e) || e.Code != "malformed_envelope" || strings.Join(e.Fields, ",") != "task_type,status" {
		t.Errorf("%v", err)
	}
	if w.TaskID != "t" || w.Token != "" || string(w.Result) != `[1]` {
		t.Errorf("what could be read: %+v", w)
	}
	_, err = ParseWebhook([]byte(`{` + webhookEnvelope + `,"task_type":null,"status":"working"}`))
	if !errors.As(err, &e) || e.Code != "missing_envelope_fields" || strings.Join(e.Fields, ",") != "task_type" {
		t.Errorf("%v", err)
	}
}

// A completed webhook is an end only if its result can be a success (contract F30).
func TestReadWebhookEndsOnlyWithASuccessfulResult(t *testing.T) {
	t.Parallel()
	for task, members := range map[Task][2]string{
		CreateMediaBuy: {`"media_buy_id":"mb"`, `"media_buy_id":""`},
		UpdateMediaBuy: {`"media_buy_id":"mb"`, `"media_buy_id":7`},
		SyncCreatives:  {`"creatives":[]`, `"creatives":{}`},
		ActivateSignal: {`"deployments":[]`, `"deployments":null`},
		SyncCatalogs:   {`"catalogs":[1]`, `"catalogs":"c"`},
		SyncAccounts:   {`"accounts":[]`, `"Accounts":[]`},
		SyncAudiences:  {`"audiences":[]`, `"audience":[]`},
		BuildCreative:  {`"creative_manifest":{"a":1}`, `"creative_manifest":{}`},
		GetProducts:    {`"products":[]`, `"unchanged":false`},
		GetSignals:     {`"unchanged":true`, `"signals":null`},
	} {
		success, other := `{`+members[0]+`,"x":1}`, `{`+members[1]+`,"errors":[{"code":"A"}]}`
		read := func(s Status, result string) Answer {
			return ReadWebhook(task, Webhook{Status: s, TaskType: string(task), Result: json.RawMessage(result)})
		}
		if a := read(StatusCompleted, success); string(a.Value) != success || a.Progress != nil {
			t.Errorf("%s: %+v", task, a)
		}
		for _, result := range []string{other, `{}`, `[]`, `"x"`} {
			a := read(StatusCompleted, result)
			if a.Value != nil || string(a.Progress) != result || a.Status != StatusCompleted || a.Err != nil {
				t.Errorf("%s, %s: %+v", task, result, a)
			}
		}
		if a := read(StatusCompleted, ``); a.Value != nil || a.Progress != nil {
			t.Errorf("%s without a result: %+v", task, a)
		}
		if a := read(StatusFailed, other); string(a.Value) != other || a.Err == nil || a.Err.Code != "A" {
			t.Errorf("%s, failed: %+v", task, a)
		}
	}
	// The operation's task decides, also where the webhook names none (contract F26).
	w := Webhook{Status: StatusCompleted, Result: json.RawMessage(`{"x":1}`)}
	for _, task := range append(Tasks(), "media_buy_delivery", "") {
		if a := ReadWebhook(task, w); a.Value != nil || string(a.Progress) != `{"x":1}` {
			t.Errorf("%s ends with a result that proves nothing: %+v", task, a)
		}
	}
}

func TestFirstError(t *testing.T) {
	t.Parallel()
	for payload, code := range map[string]string{
		`{"adcp_error":{"code":"A"},"error":{"code":"B"}}`: "A", `{"adcp_error":7,"error":{"code":"B"}}`: "B",
		`{"errors":[{"code":"A"},{"code":"B"}]}`:                 "A",
		`{"errors":{},"code":"A"}`:                               "A",
		`{"result":{"errors":[{"code":"A"}]}}`:                   "A",
		`{"error":{"code":"A"},"result":{"error":{"code":"B"}}}`: "A", `{"result":{"code":"A","message":"m"}}`: "A",
		`{"result":{"result":{"code":"A"}}}`: "", `{}`: "", ``: "", `[]`: "", `{"result":null}`: "",
	} {
		if got := codeOf(firstError(json.RawMessage(payload))); got != code {
			t.Errorf("%s: %q, want %q", payload, got, code)
		}
	}
}
