package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"adcp-orchestrator/pkg/adcp"
)

func TestCallSendsOneRequestWithTheCredential(t *testing.T) {
	t.Parallel()
	for _, streamed := range []bool{false, true} {
		for _, sessions := range []bool{false, true} {
			t.Run(fmt.Sprintf("streamed=%v sessions=%v", streamed, sessions), func(t *testing.T) {
				t.Parallel()
				s := (&seller{
					streamed: streamed,
					sessions: sessions,
					result: toolResult(
						`{"content":[],"structuredContent":{"status":"submitted","task_id":"task_1"}}`),
				}).start(t)
				resp, err := client(t).Call(t.Context(), s.agent(), "create_media_buy",
					json.RawMessage(`{"po_number":"1"}`))
				if err != nil || resp.Err != nil || string(resp.Payload) != `{"status":"submitted","task_id":"task_1"}` {
					t.Fatalf("got %+v, %v", resp, err)
				}
				calls := s.received(http.MethodPost, "tools/call")
				if len(calls) != 1 {
					t.Fatalf("%d calls were sent", len(calls))
				}
				if want := `{"name":"create_media_buy","arguments":{"po_number":"1"}}`; string(calls[0].Params) != want {
					t.Errorf("params = %s, want %s", calls[0].Params, want)
				}
				for _, m := range append(s.received(http.MethodPost, ""), s.received(http.MethodDelete, "")...) {
					if got := m.header.Values("Authorization"); len(got) != 1 || got[0] != "Bearer token-1" {
						t.Errorf("%s %s: Authorization = %q", m.http, m.Method, got)
					}
					for h := range m.header {
						if strings.Contains(h, "Idempotency") {
							t.Errorf("%s %s was sent with %s", m.http, m.Method, h)
						}
					}
					if strings.Contains(string(m.body), "token-1") {
						t.Errorf("%s holds the credential", m.body)
					}
				}
				wantEnded := 0
				if sessions {
					wantEnded = 1
				}
				if n := len(s.received(http.MethodDelete, "")); n != wantEnded {
					t.Errorf("%d sessions ended, want %d", n, wantEnded)
				}
				if n := len(s.received(http.MethodGet, "")); n != 0 {
					t.Errorf("%d streams opened", n)
				}
			})
		}
	}
}

// Two calls with one frozen request send the same bytes, and these are the frozen bytes (contract
// C6).
func TestArgumentsGoOutByteForByte(t *testing.T) {
	t.Parallel()
	for _, frozen := range []string{
		`{}`,
		`{"adcp_version":"3.1","budget":1000.00,"big":12345678901234567890,"e":1E+2,"z":0.10}`,
		"{ \"spaced\" : [ 1 ,\t2 ],\n \"z\": 1, \"a\": 2 }\n",
		`{"html":"<b>&amp;</b>","escaped":"\u003cb\u003e \/ \u00e9 \ud83d\ude00",` +
			`"raw":"é 😀 ` + "\u2028\u2029\u007f" + `"}`,
		`{"k":1,"k":2,"null":null,"deep":{"b":{},"a":[]}}`,
	} {
		s := (&seller{
			sessions: true,
			result:   toolResult(`{"content":[],"structuredContent":{"status":"completed"}}`),
		}).start(t)
		c := client(t)
		for range 2 {
			_, err := c.Call(t.Context(), s.agent(), "create_media_buy", json.RawMessage(frozen))
			if err != nil {
				t.Fatal(err)
			}
		}
		calls := s.received(http.MethodPost, "tools/call")
		if len(calls) != 2 || string(calls[0].body) != string(calls[1].body) {
			t.Fatalf("got %d calls, want two equal ones", len(calls))
		}
		for _, m := range calls {
			if got, want := arguments(t, m), strings.TrimSpace(frozen); got != want {
				t.Errorf("sent   %q\nfrozen %q", got, want)
			}
			if !strings.Contains(string(m.body), frozen) {
				t.Errorf("%q is not in %q", frozen, m.body)
			}
		}
	}
}

// The answers in testdata have the shapes of answers that real sellers gave.
func TestAnswersAreUnderstood(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]struct {
		status, code string
		outcome      adcp.Outcome
	}{
		"submitted.json":                 {status: "submitted"},
		"submitted-text-only.json":       {status: "submitted"},
		"completed-3.0.json":             {status: "pending_creatives"},
		"completed-3.1.json":             {status: "completed"},
		"conflict.json":                  {code: "IDEMPOTENCY_CONFLICT"},
		"conflict-with-errors.json":      {code: "IDEMPOTENCY_CONFLICT"},
		"poll-failed.json":               {status: "failed"},
		"unknown-tool-text.json":         {outcome: adcp.Ambiguous},
		"odd-content.json":               {status: "completed"},
		"failed-without-adcp-error.json": {outcome: adcp.Ambiguous},
		"nothing.json":                   {outcome: adcp.Ambiguous},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, err := os.ReadFile(filepath.Join("testdata", name))
			if err != nil {
				t.Fatal(err)
			}
			s := (&seller{streamed: len(name)%2 == 0, result: toolResult(string(b))}).start(t)
			resp, err := client(t).Call(t.Context(), s.agent(), "create_media_buy", json.RawMessage(`{}`))
			if want.outcome != "" {
				wantCallError(t, err, want.outcome, http.StatusOK)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if code := errorCode(resp); code != want.code {
				t.Errorf("code = %q, want %q", code, want.code)
			}
			var payload struct {
				Status string `json:"status"`
			}
			if resp.Payload != nil && json.Unmarshal(resp.Payload, &payload) != nil || payload.Status != want.status {
				t.Errorf("payload = %s, want status %q", resp.Payload, want.status)
			}
		})
	}
}

func TestCallWithoutCredential(t *testing.T) {
	t.Parallel()
	s := (&seller{result: toolResult(`{"structuredContent":{}}`)}).start(t)
	a := s.agent()
	a.CredentialRef = ""
	if _, err := client(t).Call(t.Context(), a, "get_products", json.RawMessage(`{}`)); err != nil {
		t.Fatal(err)
	}
	for _, m := range s.received(http.MethodPost, "") {
		if _, has := m.header["Authorization"]; has {
			t.Errorf("%s was sent with a credential", m.Method)
		}
	}
}

// An agent that keeps its stream open after the answer does not delay the call.
func TestStreamLeftOpenDoesNotDelayTheCall(t *testing.T) {
	t.Parallel()
	s := &seller{sessions: true, streamed: true}
	s.fault = func(w http.ResponseWriter, r *http.Request, m message) bool {
		if m.Method != "tools/call" {
			return false
		}
		const completed = `{"jsonrpc":"2.0","id":%s,"result":{"structuredContent":{"status":"completed"}}}`
		s.answer(w, fmt.Sprintf(completed, m.ID))
		w.(http.Flusher).Flush()
		<-r.Context().Done()
		return true
	}
	s.start(t)
	if _, err := client(t).Call(t.Context(), s.agent(), "create_media_buy", json.RawMessage(`{}`)); err != nil {
		t.Fatal(err)
	}
}

// A kept connection that the agent has closed meanwhile does no harm: the first request of a
// session is sent again.
func TestKeptConnectionThatDiedIsReplaced(t *testing.T) {
	t.Parallel()
	s := &seller{result: toolResult(`{"structuredContent":{"status":"completed"}}`)}
	var died atomic.Bool
	s.fault = func(_ http.ResponseWriter, _ *http.Request, m message) bool {
		used := 0
		for _, other := range s.received(http.MethodPost, "") {
			if other.remote == m.remote {
				used++
			}
		}
		if m.Method == "initialize" && used > 1 {
			died.Store(true)
			panic(http.ErrAbortHandler)
		}
		return false
	}
	s.start(t)
	c := client(t)
	for calls := 0; !died.Load(); calls++ { // not every call finds the previous one's connection open
		if calls == 200 {
			t.Fatal("no connection was kept in 200 calls")
		}
		if _, err := c.Call(t.Context(), s.agent(), "create_media_buy", json.RawMessage(`{}`)); err != nil {
			t.Fatal(err)
		}
	}
}

func TestRetryAfterIsReadAsSecondsOrDate(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]time.Duration{
		"":                       0,
		"7":                      7 * time.Second,
		" 7 ":                    7 * time.Second,
		"0":                      time.Second,
		"86400":                  time.Hour,
		strings.Repeat("9", 400): 0,
		"-5":                     0,
		"1.5":                    0,
		"soon":                   0,

		noon.Add(90 * time.Second).Format(http.TimeFormat): 90 * time.Second,
		noon.Add(48 * time.Hour).Format(http.TimeFormat):   time.Hour,
		noon.Add(-time.Minute).Format(http.TimeFormat):     0,
	} {
		if got := retryAfter(value, noon); got != want {
			t.Errorf("retryAfter(%.40q) = %v, want %v", value, got, want)
		}
	}
	if got := retryAfter(noon.Format(http.TimeFormat), noon.Add(-1500*time.Millisecond)); got != 2*time.Second {
		t.Errorf("1.5 seconds are rounded to %v", got)
	}
}

// When the context ends during a call, the call is Ambiguous at once. The agent receives neither a
// cancel notification nor a request to end the session.
func TestCanceledCallIsAmbiguousAndNotCanceledAtTheAgent(t *testing.T) {
	t.Parallel()
	for _, streamed := range []bool{false, true} {
		t.Run(fmt.Sprintf("streamed=%v", streamed), func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancel(t.Context())
			gone := make(chan struct{})
			s := (&seller{
				sessions: true,
				fault: on("tools/call", func(w http.ResponseWriter, r *http.Request, _ message) {
					if streamed {
						w.Header().Set("Content-Type", sseType)
						w.(http.Flusher).Flush()
					}
					cancel()
					<-r.Context().Done()
					close(gone)
				}),
			}).start(t)
			_, err := client(t).Call(ctx, s.agent(), "create_media_buy", json.RawMessage(`{}`))
			var ce *adcp.CallError
			if !errors.As(err, &ce) || ce.Outcome != adcp.Ambiguous || !errors.Is(err, context.Canceled) {
				t.Errorf("err = %v", err)
			}
			<-gone
			if n := len(s.received(http.MethodPost, "")); n != 3 {
				t.Errorf("%d requests were sent, want 3", n)
			}
			if n := len(s.received(http.MethodDelete, "")); n != 0 {
				t.Error("the session was ended after the call's time")
			}
		})
	}
}

func errorCode(r adcp.Response) string {
	if r.Err == nil {
		return ""
	}
	return r.Err.Code
}

func wantCallError(t *testing.T, err error, outcome adcp.Outcome, status int) *adcp.CallError {
	t.Helper()
	var ce *adcp.CallError
	if !errors.As(err, &ce) {
		t.Fatalf("err = %v, want a CallError", err)
	}
	if ce.Outcome != outcome || ce.Status != status {
		t.Errorf("err = %v, want %s with status %d", err, outcome, status)
	}
	if strings.Contains(err.Error(), "token-1") {
		t.Errorf("the error holds the credential: %v", err)
	}
	return ce
}
