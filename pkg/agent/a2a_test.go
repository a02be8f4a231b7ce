package agent

import (
	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/registry"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const submittedTask = `{"task":{"id":"a2a-1","contextId":"c","status":{"state":"TASK_STATE_COMPLETED"},"artifacts":[{"artifactId":"a","parts":[{"text":"t"},{"data":{"status":"submitted","task_id":"task_1"}}]}]}}`

// What goes out, to the two sellers that exist and to one of AdCP's profile: the message once, the arguments byte for byte (contract B16, C6).
func TestA2ACall(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ card, method, before, after string }{
		"0.3":    {npmCard, "message/send", `"role":"user","parts":[{"kind":"data","data":{"skill":"create_media_buy","parameters":`, `}}]},"configuration":{"blocking":true}}}`},
		"1.0":    {pythonCard, "SendMessage", `"role":"ROLE_USER","parts":[{"data":{"skill":"create_media_buy","parameters":`, `}}]}}}`},
		"1.0 v3": {v3Card, "SendMessage", `"role":"ROLE_USER","parts":[{"data":{"skill":"create_media_buy","input":`, `}}]}}}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, frozen := range []string{
				`{}`,
				`{"budget":1000.00,"big":12345678901234567890,"e":1E+2}`,
				"{ \"spaced\" : [ 1 ,\t2 ],\n \"z\": 1, \"a\": 2 }\n",
				`{"html":"<b>%s %!</b>","escaped":"\u003cb\u003e \/ \u00e9 \ud83d\ude00","raw":"é ` + "\u2028\u007f" + `","k":1,"k":2,"null":null}`,
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
					if got := m.header.Values("Authorization"); len(got) != 1 || got[0] != "Bearer token-1" || strings.Contains(string(m.body), "token-1") {
						t.Errorf("Authorization = %q, body %s", got, m.body)
					}
				}
				if a, b := string(sent[0].body), string(sent[1].body); a == b || len(a) != len(b) {
					t.Errorf("the message's id is not new: %s", b)
				}
				if len(s.asked) != 1 {
					t.Errorf("the card was asked for %d times", len(s.asked))
				}
			}
		})
	}
}

// The answers in testdata have the shapes that sellers were seen to answer with, or that A2A lets them.
func TestA2AAnswers(t *testing.T) {
	t.Parallel()
	const buy, poll = "create_media_buy", "get_task_status"
	type want struct {
		tool, status, task, code string
		silent                   bool
	}
	for name, want := range map[string]want{
		"submitted-0.3":          {tool: buy, status: "submitted", task: "task_1"},
		"submitted-1.0":          {tool: buy, status: "submitted", task: "task_1"},
		"submitted-beside":       {tool: buy, status: "submitted", task: "task_1"},
		"submitted-natively":     {tool: buy, status: "submitted", task: "task_1"},
		"working-natively":       {tool: buy, silent: true},
		"working-nameless":       {tool: buy, silent: true},
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
		"unknown-skill-0.3":      {tool: buy, silent: true},
		"unknown-skill-1.0":      {tool: buy, silent: true},
		"text-only":              {tool: buy, silent: true},
		"wrapped":                {tool: buy, silent: true},
		"message":                {tool: buy, silent: true},
		"no-state":               {tool: buy, silent: true},
		"poll-working-0.3":       {tool: poll, status: "working", task: "task_1"},
		"poll-failed-0.3":        {tool: poll, status: "failed", task: "task_1"},
		"poll-failed-with-error": {tool: poll, status: "failed", task: "task_1"},
		"poll-completed-1.0":     {tool: poll, status: "completed", task: "task_1"},
		// A poll that failed says nothing of the task (contract A28).
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
			if want.silent {
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
			if resp.Payload != nil && json.Unmarshal(resp.Payload, &payload) != nil || payload.Status != want.status || payload.TaskID != want.task {
				t.Errorf("payload = %s", resp.Payload)
			}
			if strings.Contains(string(resp.Payload), "a2a-1") {
				t.Errorf("the A2A task's id is in %s", resp.Payload)
			}
		})
	}
}

// TestA2AFaults: as over MCP, whatever happens to a call, it is sent once, and it is Ambiguous unless the answer proves otherwise.
func TestA2AFaults(t *testing.T) {
	t.Parallel()
	const rpc = `{"jsonrpc":"2.0","id":ID,"error":{"code":%d,"message":"m","data":null}}`
	const done = `{"task":{"status":{"state":"TASK_STATE_COMPLETED"},"artifacts":[{"parts":[{"data":{"status":"completed","media_buy_id":"mb_1"}}]}]}}`
	for name, c := range map[string]struct {
		fault      func(http.ResponseWriter, *http.Request, message)
		outcome    adcp.Outcome // "" is an answer
		status     int
		retryAfter time.Duration
		code       string // an AdCP error instead
	}{
		"Python's 401":     {fault: status(401, `{"error": "invalid_token", "code": "AUTH_REQUIRED"}`), outcome: adcp.Refused, status: 401},
		"npm's 401":        {fault: status(500, `{"jsonrpc":"2.0","id":1,"error":{"code":-32603,"message":"General processing error."}}`), outcome: adcp.Ambiguous, status: 500},
		"403":              {fault: status(403, ``), outcome: adcp.Refused, status: 403},
		"404":              {fault: status(404, ``), outcome: adcp.Refused, status: 404},
		"405":              {fault: status(405, ``), outcome: adcp.Refused, status: 405},
		"429":              {fault: status(429, ``, "Retry-After: 7"), outcome: adcp.Refused, status: 429, retryAfter: 7 * time.Second},
		"429 by AdCP":      {fault: status(429, `{"jsonrpc":"2.0","id":null,"error":{"code":-32029,"message":"m","data":{"adcp_error":{"code":"RATE_LIMITED"}}}}`, "Retry-After: 9"), code: "RATE_LIMITED", retryAfter: 9 * time.Second},
		"400":              {fault: status(400, `no`), outcome: adcp.Ambiguous, status: 400},
		"400 not accepted": {fault: status(400, `{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"m"}}`), outcome: adcp.Refused, status: 400},
		"400 version":      {fault: status(400, `{"jsonrpc":"2.0","id":null,"error":{"code":-32009,"message":"m"}}`), outcome: adcp.Refused, status: 400},
		"500 version":      {fault: status(500, `{"jsonrpc":"2.0","id":null,"error":{"code":-32009,"message":"m"}}`), outcome: adcp.Ambiguous, status: 500},
		"503":              {fault: status(503, ``, "Retry-After: 120"), outcome: adcp.Ambiguous, status: 503, retryAfter: 2 * time.Minute},
		"307":              {fault: status(307, ``, "Location: /elsewhere"), outcome: adcp.Ambiguous, status: 307},
		"202":              {fault: status(202, ``), outcome: adcp.Ambiguous, status: 202},

		"parse error":          {fault: whole(jsonType, `{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"m"}}`), outcome: adcp.Refused, status: 200},
		"invalid request":      {fault: whole(jsonType, fmt.Sprintf(rpc, -32600)), outcome: adcp.Refused, status: 200},
		"method not found":     {fault: whole(jsonType, fmt.Sprintf(rpc, -32601)), outcome: adcp.Refused, status: 200},
		"invalid params":       {fault: whole(jsonType, fmt.Sprintf(rpc, -32602)), outcome: adcp.Refused, status: 200},
		"version":              {fault: whole(jsonType, fmt.Sprintf(rpc, -32009)), outcome: adcp.Refused, status: 200},
		"extension":            {fault: whole(jsonType, fmt.Sprintf(rpc, -32008)), outcome: adcp.Refused, status: 200},
		"internal error":       {fault: whole(jsonType, fmt.Sprintf(rpc, -32603)), outcome: adcp.Ambiguous, status: 200},
		"invalid answer":       {fault: whole(jsonType, fmt.Sprintf(rpc, -32006)), outcome: adcp.Ambiguous, status: 200},
		"AdCP's without data":  {fault: whole(jsonType, fmt.Sprintf(rpc, -32029)), outcome: adcp.Ambiguous, status: 200},
		"AdCP error in an RPC": {fault: whole(jsonType, `{"jsonrpc":"2.0","id":ID,"error":{"code":-32028,"message":"m","data":{"adcp_error":{"code":"AUTH_MISSING"}}}}`), code: "AUTH_MISSING"},

		"reset":                        {fault: func(http.ResponseWriter, *http.Request, message) { panic(http.ErrAbortHandler) }, outcome: adcp.Ambiguous},
		"half a body":                  {fault: partly(jsonType, `{"jsonrpc":"2.0","id":ID,"result":{"ta`), outcome: adcp.Ambiguous, status: 200},
		"half a body that claims more": {fault: short, outcome: adcp.Ambiguous, status: 200},
		"no JSON":                      {fault: whole(jsonType, `OK`), outcome: adcp.Ambiguous, status: 200},
		"a page":                       {fault: whole("text/html", `<html>please log in</html>`), outcome: adcp.Ambiguous, status: 200},
		"a stream":                     {fault: whole(sseType, `data: {"jsonrpc":"2.0","id":ID,"result":`+done+"}\n\n"), outcome: adcp.Ambiguous, status: 200},
		"nothing":                      {fault: whole(jsonType, ``), outcome: adcp.Ambiguous, status: 200},
		"a batch":                      {fault: whole(jsonType, `[{"jsonrpc":"2.0","id":ID,"result":`+done+`}]`), outcome: adcp.Ambiguous, status: 200},
		"two answers":                  {fault: whole(jsonType, `{"jsonrpc":"2.0","id":ID,"result":`+done+`}{}`), outcome: adcp.Ambiguous, status: 200},
		"the answer to another":        {fault: whole(jsonType, `{"jsonrpc":"2.0","id":99,"result":`+done+`}`), outcome: adcp.Ambiguous, status: 200},
		"an error for another":         {fault: whole(jsonType, `{"jsonrpc":"2.0","id":99,"error":{"code":-32601,"message":"m"}}`), outcome: adcp.Ambiguous, status: 200},
		"an id of another type":        {fault: whole(jsonType, `{"jsonrpc":"2.0","id":"ID","result":`+done+`}`), outcome: adcp.Ambiguous, status: 200},
		"no id":                        {fault: whole(jsonType, `{"jsonrpc":"2.0","result":`+done+`}`), outcome: adcp.Ambiguous, status: 200},
		"no version":                   {fault: whole(jsonType, `{"id":ID,"result":`+done+`}`), outcome: adcp.Ambiguous, status: 200},
		"result and error":             {fault: whole(jsonType, `{"jsonrpc":"2.0","id":ID,"result":`+done+`,"error":{"code":-32601,"message":"m"}}`), outcome: adcp.Ambiguous, status: 200},
		"neither":                      {fault: whole(jsonType, `{"jsonrpc":"2.0","id":ID,"result":null}`), outcome: adcp.Ambiguous, status: 200},
		"an error of another shape":    {fault: whole(jsonType, `{"jsonrpc":"2.0","id":ID,"error":"no"}`), outcome: adcp.Ambiguous, status: 200},
		"a result that is no object":   {fault: whole(jsonType, `{"jsonrpc":"2.0","id":ID,"result":"done"}`), outcome: adcp.Ambiguous, status: 200},
		"an envelope in an envelope":   {fault: whole(jsonType, `{"jsonrpc":"2.0","id":ID,"result":{"task":`+done+`}}`), outcome: adcp.Ambiguous, status: 200},
		"a state of its own": {fault: whole(jsonType, strings.Replace(`{"jsonrpc":"2.0","id":ID,"result":`+done+`}`, "COMPLETED", "DONE", 1)),
			outcome: adcp.Ambiguous, status: 200},
		"too large": {fault: whole(jsonType, `{"jsonrpc":"2.0","id":ID,"result":{"pad":"`+strings.Repeat("x", maxAnswer)+`"}}`), outcome: adcp.Ambiguous, status: 200},

		"null beside the result": {fault: whole("application/a2a+json", `{"jsonrpc":"2.0","id":ID,"error":null,"result":`+done+`}`)},
		"another type":           {fault: whole("text/plain", `{"jsonrpc":"2.0","id":ID,"result":`+done+`}`)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := (&a2aSeller{card: pythonCard, broken: c.fault}).start(t)
			cl := client(t)
			resp, err := cl.Call(t.Context(), s.agent(), "create_media_buy", json.RawMessage(`{}`))
			switch {
			case c.code != "":
				if err != nil || errorCode(resp) != c.code || resp.Err.RetryAfter != c.retryAfter {
					t.Errorf("got %+v, %v", resp, err)
				}
			case c.outcome == "":
				if err != nil || resp.Payload == nil {
					t.Errorf("got %+v, %v", resp, err)
				}
			default:
				if ce := wantCallError(t, err, c.outcome, c.status); ce.RetryAfter != c.retryAfter {
					t.Errorf("retry after %v, want %v", ce.RetryAfter, c.retryAfter)
				}
			}
			if name == "too large" && !strings.Contains(err.Error(), "longer than") {
				t.Errorf("err = %v does not say that the answer is too large", err)
			}
			if n := len(s.received(http.MethodPost, "")); n != 1 {
				t.Errorf("the call was sent %d times", n)
			}
			// A refusal may be because of a card that is no longer true.
			if _, known := cl.cards.recall(s.agent(), noon); c.code == "" && known == (c.outcome == adcp.Refused) {
				t.Errorf("the card is kept: %v", known)
			}
		})
	}
}

// What keeps the card from being read keeps the call from being sent.
func TestA2ANothingLeaves(t *testing.T) {
	t.Parallel()
	a := registry.Agent{Tenant: "acme", ID: "seller", Transport: registry.A2A, CredentialRef: credential}
	for name, u := range map[string]string{"no URL": "", "no host": "https://", "unreachable": "http://127.0.0.1:1/a2a", "not public": "https://169.254.169.254/a2a", "no address": "http://[::1"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := a
			a.URL = u
			_, err := client(t).Call(t.Context(), a, "create_media_buy", json.RawMessage(`{}`))
			wantCallError(t, err, adcp.Unsent, 0)
		})
	}
}

// An agent that goes away between its card and the call was not called; one that is given up is, maybe.
func TestA2AAgentGoesAway(t *testing.T) {
	t.Parallel()
	s := (&a2aSeller{card: npmCard, answer: always(submittedTask)}).start(t)
	c := client(t)
	a := s.agent()
	c.cards.keep(a, card{endpoint: "http://127.0.0.1:1/a2a"}, noon)
	_, err := c.Call(t.Context(), a, "create_media_buy", json.RawMessage(`{}`))
	wantCallError(t, err, adcp.Unsent, 0)

	stop := make(chan struct{})
	s = (&a2aSeller{card: npmCard, broken: func(_ http.ResponseWriter, r *http.Request, _ message) {
		close(stop)
		<-r.Context().Done()
	}}).start(t)
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
