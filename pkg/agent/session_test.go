package agent

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"adcp-orchestrator/pkg/adcp"
)

// A look-up asks for twenty pages and more: a handshake for each would be four requests for one.
func TestCallsOfASessionShareOneHandshake(t *testing.T) {
	t.Parallel()
	for name, s := range map[string]*seller{
		"plain":                  {},
		"streamed":               {streamed: true},
		"sessions":               {sessions: true},
		"sessions, and streamed": {sessions: true, streamed: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s.result = toolResult(`{"structuredContent":{"media_buys":[]}}`)
			s.start(t)
			shared, end := client(t).Session(t.Context())
			for range 5 {
				r, err := shared.Call(t.Context(), s.agent(), "get_media_buys", []byte(`{}`))
				if err != nil || string(r.Payload) != `{"media_buys":[]}` {
					t.Fatalf("%s, %v", r.Payload, err)
				}
			}
			end()
			opened, calls := len(s.received("POST", "initialize")), len(s.received("POST", "tools/call"))
			ended := len(s.received("DELETE", ""))
			if opened != 1 || calls != 5 || s.sessions != (ended == 1) {
				t.Errorf("%d sessions opened, %d ended, %d calls", opened, ended, calls)
			}
		})
	}
}

// A stream that the agent keeps open after its answer delays neither the next call nor breaks it.
func TestStreamLeftOpenLeavesTheSessionUsable(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	s := (&seller{streamed: true, result: toolResult(`{"structuredContent":{"a":1}}`)})
	s.fault = func(w http.ResponseWriter, r *http.Request, m message) bool {
		if m.Method != "tools/call" {
			return false
		}
		s.answer(w, `{"jsonrpc":"2.0","id":`+string(m.ID)+`,"result":{"structuredContent":{"a":1}}}`)
		w.(http.Flusher).Flush()
		select {
		case <-release:
		case <-r.Context().Done():
		}
		return true
	}
	s.start(t)
	t.Cleanup(func() { close(release) })
	shared, end := client(t).Session(t.Context())
	defer end()
	for range 3 {
		if _, err := shared.Call(t.Context(), s.agent(), "get_media_buys", []byte(`{}`)); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(s.received("POST", "initialize")); n != 1 {
		t.Errorf("%d sessions", n)
	}
}

// Agents end sessions when they like. A session that is gone, or whose call failed, is replaced; a
// call that the agent may have read is sent once.
func TestSessionThatIsGoneIsReplaced(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		fault         http.HandlerFunc // of the second call
		second        bool             // it succeeds
		opened, calls int
	}{
		"the agent has ended it": {
			func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "session not found", http.StatusNotFound) },
			true, 2, 4,
		},
		"the agent does not know its id": {
			func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no valid session", http.StatusBadRequest) },
			true, 2, 4,
		},
		"the connection breaks": {
			func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, false, 2, 3,
		},
		"the agent is busy": {
			func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "later", http.StatusTooManyRequests) }, false, 2, 3,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			calls := 0
			s := &seller{sessions: true, result: toolResult(`{"structuredContent":{"a":1}}`)}
			s.fault = func(w http.ResponseWriter, r *http.Request, m message) bool {
				if m.Method == "tools/call" {
					calls++
				}
				if m.Method != "tools/call" || calls != 2 {
					return false
				}
				tc.fault(w, r)
				return true
			}
			s.start(t)
			shared, end := client(t).Session(t.Context())
			defer end()
			for n := range 3 {
				_, err := shared.Call(t.Context(), s.agent(), "get_media_buys", []byte(`{}`))
				var ce *adcp.CallError
				if failed := errors.As(err, &ce); failed != (n == 1 && !tc.second) {
					t.Errorf("call %d: %v", n+1, err)
				}
			}
			if opened := len(s.received("POST", "initialize")); opened != tc.opened || calls != tc.calls {
				t.Errorf("%d sessions and %d calls", opened, calls)
			}
		})
	}
}

// What Call never sends, a session does not send either.
func TestSessionSendsOnlyObjects(t *testing.T) {
	t.Parallel()
	s := (&seller{}).start(t)
	shared, end := client(t).Session(t.Context())
	defer end()
	_, err := shared.Call(t.Context(), s.agent(), "get_media_buys", []byte(`[]`))
	if err == nil || !strings.Contains(err.Error(), "not a JSON object") || len(s.received("POST", "")) != 0 {
		t.Errorf("%v", err)
	}
}

// Nobody waits for the end of a session longer than for its calls: the run that made them has to
// store what they brought.
func TestEndOfASessionIsBoundedByItsCallsTime(t *testing.T) {
	t.Parallel()
	life, over := context.WithCancel(t.Context())
	defer over()
	s := &seller{sessions: true, result: toolResult(`{"structuredContent":{"a":1}}`)}
	s.fault = func(_ http.ResponseWriter, r *http.Request, _ message) bool {
		if r.Method != http.MethodDelete {
			return false
		}
		over()
		<-r.Context().Done()
		return true
	}
	s.start(t)
	shared, end := client(t).Session(life)
	if _, err := shared.Call(t.Context(), s.agent(), "get_media_buys", []byte(`{}`)); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	end()
	if took := time.Since(began); life.Err() == nil || took >= endTimeout {
		t.Errorf("the end took %s, asked for: %t", took, life.Err() != nil)
	}
}

// A session that the agent has ended is not ended again; one that it may still hold is.
func TestSessionIsEndedUnlessTheAgentHasEndedIt(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		fault interceptor
		ended int
	}{
		"no fault":                 {on("no method", nil), 1},
		"the session is gone":      {on("tools/call", status(http.StatusNotFound, "session not found")), 0},
		"the agent is down":        {on("tools/call", status(http.StatusServiceUnavailable, "")), 1},
		"the connection breaks":    {on("tools/call", abort), 1},
		"another session":          {on("tools/call", anotherSession), 1},
		"the handshake is refused": {on("notifications/initialized", status(http.StatusForbidden, "")), 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := (&seller{sessions: true, result: toolResult(`{"structuredContent":{"a":1}}`), fault: c.fault}).start(t)
			_, _ = client(t).Call(t.Context(), s.agent(), "get_media_buys", []byte(`{}`))
			ends := s.received(http.MethodDelete, "")
			if len(ends) != c.ended {
				t.Errorf("the session was ended %d times, want %d", len(ends), c.ended)
			}
			for _, m := range ends {
				if m.header.Get(sessionHeader) != sessionID || m.header.Get("Authorization") != "Bearer token-1" {
					t.Errorf("ended with %v", m.header)
				}
			}
		})
	}
}

// We declare no capability that obliges us to answer an agent's requests: they are passed over,
// whatever their ids, and the answer after them counts.
func TestRequestsOfTheAgentAreNotAnswered(t *testing.T) {
	t.Parallel()
	stream := ""
	for n, method := range []string{"ping", "elicitation/create", "roots/list", "sampling/createMessage"} {
		for _, id := range []string{`ID`, `"ID"`, fmt.Sprint(100 + n)} {
			stream += `data: {"jsonrpc":"2.0","id":` + id + `,"method":"` + method + `","params":{}}` + "\n\n"
		}
	}
	stream += `data: {"jsonrpc":"2.0","id":ID,"result":{"structuredContent":{"a":1}}}` + "\n\n"
	s := (&seller{sessions: true, fault: on("tools/call", respond(sseType, stream))}).start(t)
	r, err := client(t).Call(t.Context(), s.agent(), "get_media_buys", []byte(`{}`))
	if err != nil || string(r.Payload) != `{"a":1}` {
		t.Errorf("got %s, %v", r.Payload, err)
	}
	if n := len(s.received(http.MethodPost, "")); n != 3 {
		t.Errorf("%d messages were sent, want 3", n)
	}
}
