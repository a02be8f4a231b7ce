package httpapi_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"adcp-orchestrator/pkg/apikey"
	"adcp-orchestrator/pkg/httpapi"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/orchestrator"
	"adcp-orchestrator/pkg/store/memory"
)

// waiter is a wait's clock: it calls step before each read.
type waiter struct {
	steps int
	step  func(n int) error
}

func (w *waiter) sleep(context.Context, time.Duration) error {
	w.steps++
	if w.step == nil {
		return nil
	}
	return w.step(w.steps)
}

// shown returns the routes of one operation over a store that has it.
func shown(t *testing.T, most int, w *waiter) (*memory.Store, httpapi.Function) {
	t.Helper()
	s, _ := listed(t, 1, nil)
	waits := httpapi.Waits{Buckets: s, Max: most, Now: clock, Sleep: w.sleep}
	read := func(h httpapi.Handler) httpapi.Function { return api.Serve(apikey.ScopeOperationsRead, h) }
	return s, api.Route(map[string]httpapi.Function{
		"GET /v1/operations/{id}":         read(api.ShowOperation(s, waits)),
		"GET /v1/operations/{id}/events":  read(api.ListEvents(s)),
		"GET /v1/operations/{id}/request": read(api.ShowRequest(s)),
		"GET /v1/operations/{id}/result":  read(api.ShowResult(s)),
	})
}

// one is a read of the operation, or of what is below it.
func one(t *testing.T, below, query string, header ...string) events.APIGatewayProxyRequest {
	t.Helper()
	e := get(t, baseURL+"/v1/operations/{id}"+below+query)
	e.PathParameters = map[string]string{"id": opID(0)}
	e.Headers = map[string]string{}
	for i := 0; i < len(header); i += 2 {
		e.Headers[header[i]] = header[i+1]
	}
	return e
}

// change stores a change of the operation, with a result if it ends it.
func change(t *testing.T, s *memory.Store, state operation.State, result string) {
	t.Helper()
	op, err := s.Get(t.Context(), "acme", opID(0))
	if err != nil {
		t.Fatal(err)
	}
	c := operation.Change{Op: op}
	c.Op.Version, c.Op.State = op.Version+1, state
	c.Events = []operation.Event{{Seq: c.Op.Version, At: now, Kind: operation.EventChanged, Channel: operation.ByPoll,
		From: op.State, To: state}}
	if result != "" {
		c.Result = json.RawMessage(result)
	}
	if err := s.Commit(t.Context(), c); err != nil {
		t.Fatal(err)
	}
}

func TestShownOperationHasWhatWasAskedFor(t *testing.T) {
	t.Parallel()
	s, f := shown(t, 1, &waiter{})
	change(t, s, operation.Completed, `{"a":"<1>"}`)
	for query, wanted := range map[string]string{
		"": "", "?embed=request": "request", "?embed=result": "result", "?embed=events": "events",
		"?embed=request,result": "request result", "?embed=events,result,request": "request result events",
	} {
		got := call(t, f, one(t, "", query))
		v := decode[httpapi.Operation](t, got, http.StatusOK)
		var has []string
		for _, part := range []struct {
			name string
			is   bool
		}{{"request", v.Request != nil}, {"result", string(v.Result) == `{"a":"<1>"}`}, {"events", len(v.Events) == 2}} {
			if part.is {
				has = append(has, part.name)
			}
		}
		if strings.Join(has, " ") != wanted || got.Headers["ETag"] != `"2"` || v.State != operation.Completed {
			t.Errorf("%s: %v, %v", query, has, got.Headers)
		}
	}
	wantProblem(t, call(t, f, one(t, "", "?embed=event")), http.StatusBadRequest, "invalid_request")
	wantProblem(t, call(t, f, one(t, "", "?embeds=events")), http.StatusBadRequest, "unknown_parameter")
}

func TestKnownVersionIsNotSentAgain(t *testing.T) {
	t.Parallel()
	_, f := shown(t, 1, &waiter{})
	for tag, status := range map[string]int{
		`"1"`: 304, `W/"1"`: 304, `"7", "1"`: 304, `*`: 304, `"2"`: 200, `1`: 200, `"01"`: 200, ``: 200,
	} {
		for _, query := range []string{"", "?embed=events"} {
			got := call(t, f, one(t, "", query, "If-None-Match", tag))
			if got.StatusCode != status || got.Headers["ETag"] != `"1"` || (got.Body == "") != (status == 304) {
				t.Errorf("%s: %d %v %s", tag, got.StatusCode, got.Headers, got.Body)
			}
		}
	}
}

// A wait ends with the change, at its end, or earlier, and is refused without a version: a change
// between the client's read and the wait would be missed.
func TestWaitEndsWithTheChange(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		query, known string
		at           int // before which read it changes, 0 never
		fault        error
		status       int
		steps        int
		retry        bool
	}{
		"a change":             {"?wait=20", `"1"`, 3, nil, 200, 3, false},
		"a change with events": {"?wait=20&embed=events", `"1"`, 3, nil, 200, 3, false},
		"no change":            {"?wait=5", `"1"`, 0, nil, 304, 5, false},
		"known is old":         {"?wait=20", `"7"`, 0, nil, 200, 0, false},
		"the function ends":    {"?wait=20", `"1"`, 0, context.Canceled, 304, 1, true},
	} {
		w := &waiter{}
		s, f := shown(t, 20, w)
		w.step = func(n int) error {
			if n == tc.at {
				change(t, s, operation.Completed, "")
			}
			return tc.fault
		}
		got := call(t, f, one(t, "", tc.query, "If-None-Match", tc.known))
		if got.StatusCode != tc.status || w.steps != tc.steps || (got.Headers["Retry-After"] != "") != tc.retry {
			t.Errorf("%s: %d after %d steps, %v", name, got.StatusCode, w.steps, got.Headers)
		}
		if tc.at > 0 && got.Headers["ETag"] != `"2"` {
			t.Errorf("%s: %v %s", name, got.Headers, got.Body)
		}
	}
	_, f := shown(t, 20, &waiter{})
	for _, tag := range []string{"", "*", "x"} {
		wantProblem(t, call(t, f, one(t, "", "?wait=20", "If-None-Match", tag)), http.StatusBadRequest, "wait_needs_version")
	}
	wantProblem(t, call(t, f, one(t, "", "?wait=21", "If-None-Match", `"1"`)), http.StatusBadRequest, "invalid_request")
}

// No more waits than allowed begin within the time of one, in however many processes: the others
// are answered at once, and told when to come again.
func TestWaitsAreLimited(t *testing.T) {
	t.Parallel()
	for _, most := range []int{0, 2, 7, 20} {
		w := &waiter{}
		s, _ := listed(t, 1, nil)
		at := now
		began := []time.Time{}
		for second := range 60 {
			at = now.Add(time.Duration(second) * time.Second)
			for range 5 { // each in a process of its own
				waits := httpapi.Waits{Buckets: s, Max: most, Now: func() time.Time { return at }, Sleep: w.sleep}
				f := api.Route(map[string]httpapi.Function{
					"GET /v1/operations/{id}": api.Serve(apikey.ScopeOperationsRead, api.ShowOperation(s, waits))})
				w.steps = 0
				got := call(t, f, one(t, "", "?wait=1", "If-None-Match", `"1"`))
				if waited := w.steps == 1; waited {
					began = append(began, at)
				} else if got.Headers["Retry-After"] == "" {
					t.Fatalf("refused with %v", got.Headers)
				}
				if got.StatusCode != http.StatusNotModified {
					t.Fatalf("got %d", got.StatusCode)
				}
			}
		}
		for i := range began {
			n := 0
			for _, other := range began[i:] {
				if other.Sub(began[i]) < 20*time.Second {
					n++
				}
			}
			if n > most {
				t.Errorf("%d waits within 20 s, at most %d are allowed", n, most)
			}
		}
		if len(began) < most*3/2 {
			t.Errorf("%d waits in a minute, with %d at once", len(began), most)
		}
	}
}

// largeRequest is a request that an answer has no room for: its quotes are escaped once more there.
func largeRequest() json.RawMessage {
	return json.RawMessage(`{"a":"` + strings.Repeat(`\"`, 3<<20/2-100) + `"}`)
}

func TestRequestAndResultAreShownAlone(t *testing.T) {
	t.Parallel()
	s, f := shown(t, 1, &waiter{})
	if got := call(t, f, one(t, "/request", "")); got.StatusCode != http.StatusOK || got.Body != "{}" {
		t.Errorf("got %d %s", got.StatusCode, got.Body)
	}
	if p := wantProblem(t, call(t, f, one(t, "/result", "")), 404, "no_result_yet"); p.State != operation.Working {
		t.Errorf("got %+v", p)
	}
	change(t, s, operation.Completed, `{"html": "<b>", "price": 1.50}`)
	got := call(t, f, one(t, "/result", ""))
	if got.StatusCode != http.StatusOK || got.Body != `{"html":"<b>","price":1.50}` {
		t.Errorf("got %d %s", got.StatusCode, got.Body)
	}
	wantProblem(t, call(t, f, one(t, "/result", "?a=b")), http.StatusBadRequest, "unknown_parameter")
	wantProblem(t, call(t, f, as(one(t, "/result", ""), "other")), http.StatusNotFound, "not_found")
	large, f := shown(t, 1, &waiter{})
	change(t, large, operation.Completed, string(largeRequest()))
	if err := large.Create(t.Context(), orchestrator.NewOperation{KeyHash: "large", Request: largeRequest(),
		Op: operation.Operation{Tenant: "acme", ID: opID(1), State: operation.Working, Version: 1}}); err != nil {
		t.Fatal(err)
	}
	second := one(t, "/request", "")
	second.PathParameters["id"] = opID(1)
	wantProblem(t, call(t, f, second), http.StatusRequestEntityTooLarge, "too_large_to_show")
	p := wantProblem(t, call(t, f, one(t, "/result", "")), http.StatusRequestEntityTooLarge, "too_large_to_show")
	if !strings.Contains(p.Detail, "3145536 bytes") || !strings.Contains(p.Detail, "SHA-256") {
		t.Errorf("got %s", p.Detail)
	}
}

func TestEventsAreListedByPages(t *testing.T) {
	t.Parallel()
	s, f := shown(t, 1, &waiter{})
	for range 6 {
		change(t, s, operation.Working, "")
	}
	for query, wanted := range map[string]string{
		"":                              "[1 2 3 4 5 6 7]",
		"?limit=3":                      "[1 2 3] [4 5 6] [7]",
		"?after=5":                      "[6 7]",
		"?kind=created":                 "[1]",
		"?kind=changed&limit=4&after=2": "[3 4 5 6] [7]",
	} {
		var pages []string
		for address := query; ; {
			p := decode[struct {
				Items      []operation.Event
				Self, Next string
			}](t, call(t, f, one(t, "/events", address)), http.StatusOK)
			var seqs []string
			for _, e := range p.Items {
				seqs = append(seqs, string(rune('0'+e.Seq)))
			}
			pages = append(pages, "["+strings.Join(seqs, " ")+"]")
			if p.Next == "" {
				break
			}
			_, rest, _ := strings.Cut(p.Next, "?")
			address = "?" + rest
		}
		if strings.Join(pages, " ") != wanted {
			t.Errorf("%s: got %v", query, pages)
		}
	}
	wantProblem(t, call(t, f, one(t, "/events", "?kind=x")), http.StatusBadRequest, "invalid_request")
	text := call(t, f, one(t, "/events", "?after=6", "Accept", "text/plain"))
	if text.Headers["Content-Type"] != "text/plain; charset=utf-8" || strings.Count(text.Body, "working") != 3 {
		t.Errorf("got %v %s", text.Headers, text.Body)
	}
}

// A store that fails is a 503, and a wait does not hide it.
func TestWaitTellsFaults(t *testing.T) {
	t.Parallel()
	w := &waiter{}
	s, f := shown(t, 20, w)
	w.step = func(int) error { return s.Drop(context.Background(), "acme", opID(0), "operation") }
	wantProblem(t, call(t, f, one(t, "", "?wait=20", "If-None-Match", `"1"`)), http.StatusNotFound, "not_found")
	if errors.Is(httpapi.Sleep(t.Context(), 0), context.Canceled) {
		t.Error("it did not sleep")
	}
}
