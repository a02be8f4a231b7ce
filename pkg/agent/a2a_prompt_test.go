package agent

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"adcp-orchestrator/pkg/adcp"
)

// A2A's way to ask is a text in the status message (contract J1, J4).
func TestA2AQuestionInWordsIsAnInputRequest(t *testing.T) {
	t.Parallel()
	const message = `"message":{"messageId":"m","role":"ROLE_AGENT","parts":[PARTS]}`
	const text = `{"text":"Is the budget meant?"}`
	const v1 = `{"task":{"id":"native-7","contextId":"ctx-7","status":{"state":"TASK_STATE_INPUT_REQUIRED",` +
		message + `}}}`
	v03 := `{"kind":"task","id":"native-7","contextId":"ctx-7","status":{"state":"input-required",` +
		strings.Replace(message, `{"messageId"`, `{"kind":"message","messageId"`, 1) + `}}`
	fill := func(task, parts string) string { return strings.Replace(task, "PARTS", parts, 1) }
	const v03Text = `{"kind":"text","text":"Is the budget meant?"}`
	for name, c := range map[string]struct {
		card, answer string
		status       adcp.Status
		prompt       string
	}{
		"1.0": {pythonCard, fill(v1, text), adcp.StatusInputRequired, `{"message":"Is the budget meant?"}`},
		"1.0, an authorization": {
			pythonCard,
			strings.Replace(fill(v1, text), "INPUT", "AUTH", 1),
			adcp.StatusAuthRequired,
			`{"message":"Is the budget meant?"}`,
		},
		"0.3": {npmCard, fill(v03, v03Text), adcp.StatusInputRequired, `{"message":"Is the budget meant?"}`},
		"0.3, an authorization": {
			npmCard,
			strings.Replace(fill(v03, v03Text), "input-", "auth-", 1),
			adcp.StatusAuthRequired,
			`{"message":"Is the budget meant?"}`,
		},
		"two texts": {
			pythonCard,
			fill(v1, text+`,{"text":"Answer yes or no."}`),
			adcp.StatusInputRequired,
			`{"message":"Is the budget meant?\nAnswer yes or no."}`,
		},
		"a text beside data": {
			pythonCard,
			fill(v1, text+`,{"data":{"reason":"APPROVAL_REQUIRED"}}`),
			adcp.StatusInputRequired,
			`{"message":"Is the budget meant?","reason":"APPROVAL_REQUIRED"}`,
		},
		"data with a message of its own": {
			pythonCard,
			fill(v1, text+`,{"data":{"message":"Which account?"}}`),
			adcp.StatusInputRequired,
			`{"message":"Which account?"}`,
		},
		"no words": {pythonCard, fill(v1, ``), adcp.StatusInputRequired, ``},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := (&a2aSeller{card: c.card, answer: always(c.answer)}).start(t)
			r, err := client(t).Call(t.Context(), s.agent(), "create_media_buy", json.RawMessage(`{}`))
			if err != nil {
				t.Fatal(err)
			}
			a, ok := adcp.ReadDirect(adcp.CreateMediaBuy, r)
			if !ok || a.Status != c.status || string(a.Prompt) != c.prompt ||
				a.Continuation != (adcp.Continuation{TaskID: "native-7", ContextID: "ctx-7"}) || a.TaskID != "" {
				t.Errorf("%+v with the prompt %s, %v", a, a.Prompt, ok)
			}
			// A poll that waits for input says nothing about the task (contract A28).
			_, err = client(t).Call(t.Context(), s.agent(), "get_task_status", json.RawMessage(`{}`))
			if !strings.Contains(c.answer, `"data"`) {
				wantCallError(t, err, adcp.Ambiguous, http.StatusOK)
			}
		})
	}
}
