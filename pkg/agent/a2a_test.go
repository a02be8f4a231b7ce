package agent

import (
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/registry"
)

const submittedTask = `{"task":{"id":"a2a-1","contextId":"c","status":{"state":"TASK_STATE_COMPLETED"},` +
	`"artifacts":[{"artifactId":"a","parts":[{"text":"t"},{"data":{"status":"submitted","task_id":"task_1"}}]}]}}`

// A call to each of the two existing sellers, and to one of AdCP's profile, sends the message once
// and the arguments byte for byte (contract B16, C6).
func TestA2ACallSendsTheArgumentsByteForByte(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ card, method, before, after string }{
		"0.3": {
			card:   npmCard,
			method: "message/send",
			before: `"role":"user","parts":[{"kind":"data","data":{"skill":"create_media_buy","parameters":`,
			after:  `}}]},"configuration":{"blocking":true}}}`,
		},
		"1.0": {
			card:   pythonCard,
			method: "SendMessage",
			before: `"role":"ROLE_USER","parts":[{"data":{"skill":"create_media_buy","parameters":`,
			after:  `}}]}}}`,
		},
		"1.0 v3": {
			card:   v3Card,
			method: "SendMessage",
			before: `"role":"ROLE_USER","parts":[{"data":{"skill":"create_media_buy","input":`,
			after:  `}}]}}}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, frozen := range []string{
				`{}`,
				`{"budget":1000.00,"big":12345678901234567890,"e":1E+2}`,
				"{ \"spaced\" : [ 1 ,\t2 ],\n \"z\": 1, \"a\": 2 }\n",
				`{"html":"<b>%s %!</b>","escaped":"\u003cb\u003e \/ \u00e9 \ud83d\ude00",` +
					`"raw":"é ` + "\u2028\u007f" + `","k":1,"k":2,"null":null}`,
			} {
				s := (&a2aSeller{card: c.card, answer: always(submittedTask)}).start(t)
				cl := client(t)
				for range 2 {
					resp, err := cl.Call(t.Context(), s.agent(), "create_media_buy", json.RawMessage(frozen))
					if err != nil || string(resp.Payload) != `{"status":"submitted","task_id":"task_1"}` {
						t.Fatalf("got %+v, %v", resp, err)
					}
				}
				sent := s.received(http.MethodPost, c.method)
				if len(sent) != 2 || len(s.received(http.MethodPost, "")) != 2 {
					t.Fatalf("%d calls were sent", len(s.received(http.MethodPost, "")))
				}
				for _, m := range sent {
					if _, rest, ok := strings.Cut(string(m.body), c.before); !ok || rest != frozen+c.after {
						t.Errorf("sent %s", m.body)
					}
					got := m.header.Values("Authorization")
					if len(got) != 1 || got[0] != "Bearer token-1" || strings.Contains(string(m.body), "token-1") {
						t.Errorf("Authorization = %q, body %s", got, m.body)
					}
				}
				if a, b := string(sent[0].body), string(sent[1].body); a == b || len(a) != len(b) {
					t.Errorf("the message's id is not new: %s", b)
				}
				if len(s.cardRequests) != 1 {
					t.Errorf("the card was requested %d times", len(s.cardRequests))
				}
			}
		})
	}
}

// The answers in testdata have the shapes of answers that real sellers gave, or that A2A allows.
func TestA2AAnswersAreUnderstood(t *testing.T) {
	t.Parallel()
	const buy, poll = "create_media_buy", "get_task_status"
	type want struct {
		tool, status, task, code string
		noAnswer                 bool
	}
	for name, want := range map[string]want{
		"submitted-0.3":          {tool: buy, status: "submitted", task: "task_1"},
		"submitted-1.0":          {tool: buy, status: "submitted", task: "task_1"},
		"submitted-beside":       {tool: buy, status: "submitted", task: "task_1"},
		"submitted-natively":     {tool: buy, status: "submitted", task: "task_1"},
		"working-natively":       {tool: buy, noAnswer: true},
		"working-nameless":       {tool: buy, noAnswer: true},
		"input-required":         {tool: buy, status: "input-required"},
		"completed-3.0":          {tool: buy, status: "pending_creatives"},
		"completed-1.0":          {tool: buy, status: "completed"},
		"failed-0.3":             {tool: buy, code: "VALIDATION_ERROR"},
		"failed-1.0":             {tool: buy, code: "VALIDATION_ERROR"},
		"conflict-0.3":           {tool: buy, code: "IDEMPOTENCY_CONFLICT"},
		"failed-with-status":     {tool: buy, status: "failed"},
		"rejected-1.0":           {tool: buy, status: "rejected"},
		"error-in-message":       {tool: buy, code: "RATE_LIMITED"},
		"error-in-completed":     {tool: buy, code: "VALIDATION_ERROR"},
		"errors-in-completed":    {tool: buy, code: "VALIDATION_ERROR"},
		"unknown-skill-0.3":      {tool: buy, noAnswer: true},
		"unknown-skill-1.0":      {tool: buy, noAnswer: true},
		"text-only":              {tool: buy, noAnswer: true},
		"wrapped":                {tool: buy, noAnswer: true},
		"message":                {tool: buy, noAnswer: true},
		"no-state":               {tool: buy, noAnswer: true},
		"poll-working-0.3":       {tool: poll, status: "working", task: "task_1"},
		"poll-failed-0.3":        {tool: poll, status: "failed", task: "task_1"},
		"poll-failed-with-error": {tool: poll, status: "failed", task: "task_1"},
		"poll-completed-1.0":     {tool: poll, status: "completed", task: "task_1"},
		// A failed poll says nothing about the task (contract A28).
		"poll-refused": {tool: poll, code: "REFERENCE_NOT_FOUND"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, err := os.ReadFile(filepath.Join("testdata", "a2a-"+name+".json"))
			if err != nil {
				t.Fatal(err)
			}
			card := pythonCard
			if strings.Contains(string(b), `"kind"`) {
				card = npmCard
			}
			s := (&a2aSeller{card: card, answer: always(string(b))}).start(t)
			resp, err := client(t).Call(t.Context(), s.agent(), want.tool, json.RawMessage(`{}`))
			if want.noAnswer {
				wantCallError(t, err, adcp.Ambiguous, http.StatusOK)
				return
			}
			if err != nil || errorCode(resp) != want.code {
				t.Fatalf("got %+v, %v", resp, err)
			}
			var payload struct {
				Status string `json:"status"`
				TaskID string `json:"task_id"`
			}
			if resp.Payload != nil && json.Unmarshal(resp.Payload, &payload) != nil ||
				payload.Status != want.status || payload.TaskID != want.task {
				t.Errorf("payload = %s", resp.Payload)
			}
			if strings.Contains(string(resp.Payload), "a2a-1") {
				t.Errorf("the A2A task's id is in %s", resp.Payload)
			}
		})
	}
}

// Without a card there is no call.
func TestA2ACallThatCannotLeaveIsUnsent(t *testing.T) {
	t.Parallel()
	a := registry.Agent{Tenant: "acme", ID: "seller", Transport: adcp.A2A, CredentialRef: credential}
	for name, u := range map[string]string{
		"no URL":        "",
		"no host":       "https://",
		"unreachable":   "http://127.0.0.1:1/a2a",
		"not public":    "https://169.254.169.254/a2a",
		"malformed URL": "http://[::1",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := a
			a.URL = u
			_, err := client(t).Call(t.Context(), a, "create_media_buy", json.RawMessage(`{}`))
			wantCallError(t, err, adcp.Unsent, 0)
		})
	}
}

// An agent that goes away between its card and the call was not called. A call that is canceled
// while the agent works on it may have been carried out.
func TestA2AAgentGoesAway(t *testing.T) {
	t.Parallel()
	s := (&a2aSeller{card: npmCard, answer: always(submittedTask)}).start(t)
	c := client(t)
	a := s.agent()
	c.cards.put(a, card{endpoint: "http://127.0.0.1:1/a2a"}, noon)
	_, err := c.Call(t.Context(), a, "create_media_buy", json.RawMessage(`{}`))
	wantCallError(t, err, adcp.Unsent, 0)

	stop := make(chan struct{})
	s = (&a2aSeller{
		card: npmCard,
		callFault: func(_ http.ResponseWriter, r *http.Request, _ message) {
			close(stop)
			<-r.Context().Done()
		},
	}).start(t)
	ctx, cancel := contextUntil(t, stop)
	defer cancel()
	_, err = client(t).Call(ctx, s.agent(), "create_media_buy", json.RawMessage(`{}`))
	if ce := wantCallError(t, err, adcp.Ambiguous, 0); !errors.Is(ce, ctx.Err()) {
		t.Errorf("err = %v", err)
	}
	if n := len(s.received(http.MethodPost, "")); n != 1 {
		t.Errorf("%d requests were sent", n)
	}
}
