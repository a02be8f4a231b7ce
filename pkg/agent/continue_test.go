package agent

import (
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/adcp/adcptest"
)

// waitingTask is an A2A task in a state that waits for input.
const waitingTask = `{"task":{"id":"a2a-7","contextId":"ctx-7","status":{"state":"TASK_STATE_%s",` +
	`"message":{"messageId":"m","role":"ROLE_AGENT","parts":[{"data":{"message":"Which?"}}]}}}}`

// The answer names the A2A task that waits for input, and a call that continues it sends both of
// its ids (contract J4).
func TestA2ACallContinuesAWaitingTask(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ card, contains string }{
		"0.3": {npmCard, `","taskId":"a2a-7","contextId":"ctx-7","role":"user",` +
			`"parts":[{"kind":"data","data":{"skill":"create_media_buy","parameters":{"a": 1}}}]`},
		"1.0": {pythonCard, `","taskId":"a2a-7","contextId":"ctx-7","role":"ROLE_USER",` +
			`"parts":[{"data":{"skill":"create_media_buy","parameters":{"a": 1}}}]`},
		"1.0 v3": {v3Card, `","taskId":"a2a-7","contextId":"ctx-7","role":"ROLE_USER",` +
			`"parts":[{"data":{"skill":"create_media_buy","input":{"a": 1}}}]`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := (&a2aSeller{card: c.card, answer: always(fmt.Sprintf(waitingTask, "INPUT_REQUIRED"))}).start(t)
			cl, a := client(t), s.agent()
			for range 2 {
				r, err := cl.Call(t.Context(), a, "create_media_buy", json.RawMessage(`{"a": 1}`))
				if err != nil || r.Continuation != (adcp.Continuation{TaskID: "a2a-7", ContextID: "ctx-7"}) {
					t.Fatalf("got %+v, %v", r, err)
				}
				a.ContinueTask = r.Continuation
			}
			sent := s.received(http.MethodPost, "")
			if len(sent) != 2 || strings.Contains(string(sent[0].body), "taskId") ||
				!strings.Contains(string(sent[1].body), c.contains) {
				t.Errorf("sent %s", sent[len(sent)-1].body)
			}
		})
	}
}

// Only an A2A task that waits can be continued. AdCP's "input-required" inside a completed A2A task
// gives no continuation (contract J4).
func TestOnlyAWaitingA2ATaskCanBeContinued(t *testing.T) {
	t.Parallel()
	completed := `{"task":{"id":"a2a-7","contextId":"ctx-7","status":{"state":"TASK_STATE_COMPLETED"},` +
		`"artifacts":[{"artifactId":"a","parts":[{"data":{"status":"input-required","task_id":"t"}}]}]}}`
	inputRequired := fmt.Sprintf(waitingTask, "INPUT_REQUIRED")
	authRequired := fmt.Sprintf(waitingTask, "AUTH_REQUIRED")
	for name, answer := range map[string]string{
		"completed around input-required": completed,
		"no context":                      strings.Replace(inputRequired, `"contextId":"ctx-7",`, "", 1),
		"an id that is too long":          strings.Replace(authRequired, "a2a-7", strings.Repeat("x", 600), 1),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := (&a2aSeller{card: pythonCard, answer: always(answer)}).start(t)
			r, err := client(t).Call(t.Context(), s.agent(), "create_media_buy", json.RawMessage(`{}`))
			if err != nil || r.Continuation != (adcp.Continuation{}) || !strings.Contains(string(r.Payload), "-required") {
				t.Errorf("got %+v, %s, %v", r, r.Payload, err)
			}
		})
	}
	s := (&a2aSeller{card: pythonCard, answer: always(authRequired)}).start(t)
	r, err := client(t).Call(t.Context(), s.agent(), "create_media_buy", json.RawMessage(`{}`))
	if err != nil || r.Continuation.TaskID != "a2a-7" || !strings.Contains(string(r.Payload), `"auth-required"`) {
		t.Errorf("got %+v, %s, %v", r, r.Payload, err)
	}
}

// The codes that agents return for a message to a task that is over or unknown mean that the
// continuation is lost, but only for a call that continued a task.
func TestLostContinuationIsReported(t *testing.T) {
	t.Parallel()
	for _, code := range []int{-32001, -32004, -32602} {
		t.Run(fmt.Sprint(code), func(t *testing.T) {
			t.Parallel()
			s := &a2aSeller{card: pythonCard}
			s.callFault = func(w http.ResponseWriter, _ *http.Request, m message) {
				w.Header().Set("Content-Type", jsonType)
				const taskIsOver = `{"jsonrpc":"2.0","id":%s,` +
					`"error":{"code":%d,"message":"Task a2a-7 is in terminal state: 3"}}`
				_, _ = fmt.Fprintf(w, taskIsOver, m.ID, code)
			}
			s.start(t)
			a := s.agent()
			a.ContinueTask = adcp.Continuation{TaskID: "a2a-7", ContextID: "ctx-7"}
			_, err := client(t).Call(t.Context(), a, "create_media_buy", json.RawMessage(`{}`))
			if ce := wantCallError(t, err, adcp.Refused, http.StatusOK); ce.Code != adcp.ContinuationLost {
				t.Errorf("code %q", ce.Code)
			}
			a.ContinueTask = adcp.Continuation{}
			_, err = client(t).Call(t.Context(), a, "create_media_buy", json.RawMessage(`{}`))
			if ce := wantCallError(t, err, adcp.Ambiguous, http.StatusOK); ce.Code != "" {
				t.Errorf("without a continuation: code %q", ce.Code)
			}
		})
	}
}

// The vectors of contract B14 to B23. We send what they allow, and never what they forbid. Agents'
// answers are read, also without the envelope that the profile requires: an answer that can be
// understood is better than a purchase with an unknown fate.
func TestVectorA2AProfileExtension(t *testing.T) {
	t.Parallel()
	type vector struct {
		ID     string            `json:"id"`
		Valid  bool              `json:"valid"`
		Card   json.RawMessage   `json:"agent_card"`
		Header map[string]string `json:"headers"`
		Error  string            `json:"expected_error"`
		Sent   struct {
			MessageID string                       `json:"messageId,omitempty"`
			Task      string                       `json:"taskId,omitempty"`
			Context   string                       `json:"contextId,omitempty"`
			Role      string                       `json:"role"`
			Parts     []map[string]json.RawMessage `json:"parts"`
		} `json:"message"`
		Handler  string          `json:"handler_return"`
		Response json.RawMessage `json:"response"`
		TaskID   string          `json:"expected_adcp_task_id"`
	}
	var file struct {
		Cards       []vector `json:"advertisement_vectors"`
		Invocations []vector `json:"invocation_vectors"`
		Responses   []vector `json:"response_vectors"`
	}
	if err := json.Unmarshal(adcptest.Vector(t, "a2a-profile-extension-v3.json"), &file); err != nil {
		t.Fatal(err)
	}
	if len(file.Cards) == 0 || len(file.Invocations) == 0 || len(file.Responses) == 0 {
		t.Fatal("the file holds no vectors")
	}
	for _, v := range file.Cards {
		t.Run(v.ID, func(t *testing.T) {
			t.Parallel()
			var full struct {
				Interfaces []json.RawMessage `json:"supportedInterfaces"`
			}
			if err := json.Unmarshal(v.Card, &full); err != nil {
				t.Fatal(err)
			}
			c, err := readCard(v.Card, "https://sales.streamhaus.example/")
			if full.Interfaces == nil { // a part of a card, without an interface to call
				if err == nil {
					t.Errorf("got %+v", c)
				}
				return
			}
			if err != nil || !c.profile || !c.v1 || len(c.skills) != 2 {
				t.Errorf("got %+v, %v", c, err)
			}
		})
	}
	v3 := card{v1: true, profile: true}
	for _, v := range file.Invocations {
		t.Run(v.ID, func(t *testing.T) {
			t.Parallel()
			var call struct {
				Skill string          `json:"skill"`
				Input json.RawMessage `json:"input"`
				Old   json.RawMessage `json:"parameters"`
			}
			has := func(name string) func(map[string]json.RawMessage) bool {
				return func(part map[string]json.RawMessage) bool { return part[name] != nil }
			}
			data := slices.IndexFunc(v.Sent.Parts, has("data"))
			if data < 0 {
				t.Fatal("the message has no data part")
			}
			if err := json.Unmarshal(v.Sent.Parts[data]["data"], &call); err != nil {
				t.Fatal(err)
			}
			if call.Input == nil {
				call.Input = call.Old
			}
			continued := adcp.Continuation{TaskID: v.Sent.Task, ContextID: v.Sent.Context}
			b, err := v3.message(call.Skill, call.Input, continued)
			if err != nil {
				t.Fatal(err)
			}
			var sent struct {
				Params struct {
					Message map[string]any `json:"message"`
				} `json:"params"`
			}
			if err := json.Unmarshal(b, &sent); err != nil || sent.Params.Message["messageId"] == v.Sent.MessageID {
				t.Fatalf("sent %s, %v", b, err)
			}
			if v.Sent.MessageID != "" { // we always send one, so a message without it stays different
				sent.Params.Message["messageId"] = v.Sent.MessageID
			}
			v.Sent.Parts = slices.DeleteFunc(v.Sent.Parts, has("text")) // for people: allowed, and never sent by us
			var want map[string]any
			raw, err := json.Marshal(v.Sent)
			if err != nil || json.Unmarshal(raw, &want) != nil {
				t.Fatal(err)
			}
			same := reflect.DeepEqual(sent.Params.Message, want)
			for name, value := range v.Header {
				listed := strings.Split(strings.ReplaceAll(value, " ", ""), ",") // with extensions that are not AdCP's
				same = same && slices.Contains(listed, v3.header().Get(name))
			}
			same = same && (v3.header().Get("A2A-Extensions") == "") == (v.Header["A2A-Extensions"] == "")
			if same != v.Valid {
				t.Errorf("valid is %v (%s), we send %s", v.Valid, v.Error, b)
			}
		})
	}
	for _, v := range file.Responses {
		t.Run(v.ID, func(t *testing.T) {
			t.Parallel()
			tool := "create_media_buy"
			if v.Handler == "get_task_status" {
				tool = v.Handler
			}
			var payload struct {
				Status string `json:"status"`
				TaskID string `json:"task_id"`
			}
			r := readA2AAnswer(tool, v.Response)
			// An unfinished A2A task has no results: none may be read.
			if v.ID == "submitted-native-a2a-state-invalid" {
				if r.Payload != nil || r.noAnswer == nil {
					t.Errorf("read as %s", r.Payload)
				}
				return
			}
			if r.Err != nil || json.Unmarshal(r.Payload, &payload) != nil || payload.Status == "" {
				t.Fatalf("got %+v, %s", r, r.Payload)
			}
			if v.TaskID != "" && payload.TaskID != v.TaskID || strings.HasPrefix(payload.TaskID, "a2a-") {
				t.Errorf("the task is %q", payload.TaskID)
			}
		})
	}
}
