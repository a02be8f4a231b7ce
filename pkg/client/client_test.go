package client_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"adcp-orchestrator/pkg/client"
)

// answer is one answer of a scripted API.
type answer struct {
	status int
	header map[string]string
	body   string
	drop   bool // the connection, after the request has arrived
}

// script is an API that answers in order; the last answer is for all that come later.
type script struct {
	*client.Client
	mu    sync.Mutex
	got   []*http.Request
	slept []time.Duration
}

// requests are those that have come so far.
func (s *script) requests() []*http.Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.got
}

func newScript(t *testing.T, answers ...answer) *script {
	t.Helper()
	s := &script{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		a := answers[min(len(s.got), len(answers)-1)]
		s.got = append(s.got, r.Clone(context.WithoutCancel(r.Context())))
		s.mu.Unlock()
		if a.drop {
			panic(http.ErrAbortHandler)
		}
		for name, v := range a.header {
			w.Header().Set(name, v)
		}
		w.WriteHeader(a.status)
		fmt.Fprint(w, a.body)
	}))
	t.Cleanup(server.Close)
	s.Client = client.New(server.URL+"/live/", "secret")
	s.Sleep = func(ctx context.Context, d time.Duration) error {
		s.slept = append(s.slept, d)
		return ctx.Err()
	}
	return s
}

const second = time.Second

func TestRequestsAreRepeatedWithinBounds(t *testing.T) {
	t.Parallel()
	ok := answer{status: 200, body: `{"id": "op_1"}`}
	problem := func(status int, code, later string) answer {
		a := answer{status: status, body: fmt.Sprintf(`{"status": %d, "code": %q}`, status, code)}
		if later != "" {
			a.header = map[string]string{"Retry-After": later}
		}
		return a
	}
	for _, c := range []struct {
		name    string
		answers []answer
		sent    int
		slept   []time.Duration
		code    string // of the problem that is returned
		failed  bool
	}{
		{"at once", []answer{ok}, 1, nil, "", false},
		{"told to wait", []answer{problem(429, "rate_limited", "7"), ok}, 2, []time.Duration{7 * second}, "", false},
		{"told to wait for too long", []answer{problem(429, "quota_exceeded", "60"), ok}, 1, nil, "quota_exceeded", true},
		{"unavailable", []answer{problem(503, "unavailable", ""), problem(502, "", ""), ok}, 3,
			[]time.Duration{second / 2, 2 * second}, "", false},
		{"unavailable for long", []answer{problem(503, "unavailable", "")}, 3, []time.Duration{second / 2, 2 * second},
			"unavailable", true},
		{"an agent's fault", []answer{problem(504, "agent_unreached", ""), ok}, 1, nil, "agent_unreached", true},
		{"refused", []answer{problem(409, "operation_ended", ""), ok}, 1, nil, "operation_ended", true},
		{"a fault that stays", []answer{problem(500, "internal_error", ""), ok}, 1, nil, "internal_error", true},
		{"no answer", []answer{{drop: true}, ok}, 2, []time.Duration{second / 2}, "", false},
		{"never an answer", []answer{{drop: true}}, 3, []time.Duration{second / 2, 2 * second}, "", true},
		{"a redirect", []answer{{status: 302, header: map[string]string{"Location": "/elsewhere"}}, ok}, 1, nil, "", true},
		{"no JSON", []answer{{status: 403, body: "<html>"}}, 1, nil, "", true},
	} {
		s := newScript(t, c.answers...)
		_, err := s.Submit(t.Context(), "key-1", []byte(`{}`))
		if len(s.requests()) != c.sent || !reflect.DeepEqual(s.slept, c.slept) || client.Code(err) != c.code ||
			(err != nil) != c.failed {
			t.Errorf("%s: sent %d, slept %v, %v", c.name, len(s.requests()), s.slept, err)
		}
		for _, r := range s.requests() {
			if r.Header.Get("Idempotency-Key") != "key-1" || r.Header.Get("Authorization") != "Bearer secret" ||
				r.URL.Path != "/live/v1/operations" {
				t.Errorf("%s: sent %s %v", c.name, r.URL, r.Header)
			}
		}
	}
}

func TestWhatIsSentOnceIsNotRepeated(t *testing.T) {
	t.Parallel()
	s := newScript(t, answer{status: 503})
	_, err := s.Do(t.Context(), client.Request{Method: "POST", Path: "/v1/x", Once: true})
	if p, ok := errors.AsType[*client.Problem](err); !ok || p.Status != 503 || len(s.requests()) != 1 {
		t.Errorf("sent %d times, %v", len(s.requests()), err)
	}
}

// The key goes to the configured address only, wherever a page says that the next one is.
func TestPagesAreFollowedAtTheConfiguredAddress(t *testing.T) {
	t.Parallel()
	s := newScript(t,
		answer{status: 200,
			body: `{"items": [{"id": "op_1"}], "next": "https://elsewhere.example/x/v1/operations?cursor=c%2B1&state=open"}`},
		answer{status: 200, body: `{"items": [], "next": "https://elsewhere.example/v1/operations?cursor=c2"}`},
		answer{status: 200, body: `{"items": [{"id": "op_2", "later": true}]}`})
	first, err := s.Operations(t.Context(), nil)
	var ids []string
	for page, err := range client.All(t.Context(), s.Client, first, err) {
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range page.Value.Items {
			ids = append(ids, o.Value.ID)
			if o.Value.ID == "op_2" && string(o.Raw) != `{"id": "op_2", "later": true}` {
				t.Errorf("a member of a later version is lost: %s", o.Raw)
			}
		}
	}
	if fmt.Sprint(ids) != "[op_1 op_2]" || len(s.requests()) != 3 || s.requests()[1].URL.Path != "/live/v1/operations" ||
		s.requests()[1].URL.Query().Get("cursor") != "c+1" || s.requests()[1].URL.Query().Get("state") != "open" {
		t.Errorf("got %v by %d requests", ids, len(s.requests()))
	}
	self := newScript(t, answer{status: 200, body: `{"items": [], "next": "https://x/v1/events?cursor=end"}`})
	notices, err := self.Notices(t.Context(), nil)
	for range client.All(t.Context(), self.Client, notices, err) { // a list that always has a next page ends all the same
	}
	if len(self.requests()) != 2 {
		t.Errorf("a page that names itself was read %d times", len(self.requests()))
	}
	foreign := newScript(t, answer{status: 200, body: `{"items": [], "next": "https://elsewhere.example/other"}`})
	first, err = foreign.Operations(t.Context(), nil)
	n := 0
	for _, err = range client.All(t.Context(), foreign.Client, first, err) {
		n++
	}
	if err == nil || n != 2 || len(foreign.requests()) != 1 {
		t.Errorf("a next that is no route: %v", err)
	}
}

func TestWaitReturnsTheNextVersion(t *testing.T) {
	t.Parallel()
	unchanged := answer{status: 304}
	s := newScript(t, unchanged, answer{status: 304, header: map[string]string{"Retry-After": "9"}},
		answer{status: 429, header: map[string]string{"Retry-After": "40"}, body: `{"code": "too_many_waits"}`},
		answer{status: 200, body: `{"id": "op_1", "version": 47}`}, // an API that knows no If-None-Match
		answer{status: 200, body: `{"id": "op_1", "version": 48}`})
	d, err := s.Wait(t.Context(), "op_1", client.Doc[client.Operation]{Value: client.Operation{Version: 47}})
	if err != nil || d.Value.Version != 48 || len(s.requests()) != 5 {
		t.Fatalf("got %+v, %v", d.Value, err)
	}
	want := []time.Duration{second, 9 * second, 40 * second, second * 3375 / 1000}
	if !reflect.DeepEqual(s.slept, want) {
		t.Errorf("slept %v, want %v", s.slept, want)
	}
	for _, r := range s.requests() {
		if r.Header.Get("If-None-Match") != `"47"` || r.URL.Query().Get("wait") != "20" {
			t.Errorf("asked by %s with %v", r.URL, r.Header)
		}
	}
	first := newScript(t, answer{status: 200, body: `{"version": 1}`})
	if d, err := first.Wait(t.Context(), "op_1", client.Doc[client.Operation]{}); err != nil || d.Value.Version != 1 {
		t.Errorf("got %+v, %v", d.Value, err)
	}
	over, cancel := context.WithCancel(t.Context())
	stops := newScript(t, unchanged)
	stops.Sleep = func(ctx context.Context, _ time.Duration) error { cancel(); return ctx.Err() }
	_, err = stops.Wait(over, "op_1", client.Doc[client.Operation]{Value: client.Operation{Version: 1}})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("the end of the context: %v", err)
	}
}

func TestProblemsNameWhatToDo(t *testing.T) {
	t.Parallel()
	s := newScript(t, answer{status: 400, body: `{"code": "invalid_request", "detail": "d", "request_id": "r", "new": 1,
		"errors": [{"field": "f", "code": "c", "rule": "r", "remedy": "m"}]}`})
	_, err := s.Whoami(t.Context())
	p, ok := errors.AsType[*client.Problem](err)
	if !ok || p.Code != "invalid_request" || len(p.Errors) != 1 || p.Errors[0].Remedy != "m" || !json.Valid(p.Raw) ||
		!strings.Contains(string(p.Raw), `"new"`) || err.Error() != "invalid_request: d" {
		t.Errorf("got %+v", err)
	}
}
