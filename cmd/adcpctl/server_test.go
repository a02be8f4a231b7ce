package main

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-lambda-go/events"

	"adcp-orchestrator/pkg/apikey"
	"adcp-orchestrator/pkg/httpapi"
	"adcp-orchestrator/pkg/orchestrator"
	"adcp-orchestrator/pkg/registry"
	"adcp-orchestrator/pkg/store/memory"
	"adcp-orchestrator/pkg/wire/gates"
)

// server is an API over HTTP. Routes that are httpapi's own handlers run on a memory store, as
// behind API Gateway; the others are answered by answers_test.go.
type server struct {
	*httptest.Server

	store  *memory.Store
	real   map[string]httpapi.Function
	canned map[string]http.HandlerFunc
	key    string // with every scope
	reader string // with operations:read only

	mu sync.Mutex
	// before is called for each request with its route, if it is not nil; false drops the connection.
	before func(route string, body []byte) bool
	after  func(route string) bool // the same, when the request was carried out
}

// workflow starts and wakes nothing.
type workflow struct{}

func (workflow) Start(context.Context, string, string, int) error        { return nil }
func (workflow) Wake(context.Context, string, orchestrator.Wakeup) error { return nil }
func (workflow) Ensure(context.Context, string, string, int) (orchestrator.Execution, error) {
	return orchestrator.ExecutionRunning, nil
}

func newServer(t *testing.T) *server {
	t.Helper()
	s := &server{store: memory.New(clock), canned: map[string]http.HandlerFunc{}}
	s.mu.Lock() // until the routes are there
	s.Server = httptest.NewServer(http.HandlerFunc(s.serve))
	t.Cleanup(s.Close)
	s.key, s.reader = s.issue(t, "trading-desk", apikey.Scopes()), s.issue(t, "reader",
		[]string{apikey.ScopeOperationsRead})
	api := httpapi.API{BaseURL: s.URL}
	deps := orchestrator.Deps{Now: clock, Jitter: func() float64 { return 0 }}
	submit := orchestrator.Submit{Store: s.store, Workflow: workflow{}, Deps: deps, BaseURL: s.URL}
	input := orchestrator.SendInput{Store: s.store, Workflow: workflow{}, Deps: deps}
	redrive := orchestrator.Redrive{Store: s.store, Workflow: workflow{}, Breaker: gates.Breaker(s.store, 0), Deps: deps}
	show := func(ctx context.Context, tenant, id string) (registry.Agent, registry.Discovery, error) {
		agent, err := s.store.Agent(ctx, tenant, id)
		return agent, registry.Discovery{Findings: findings}, err
	}
	s.real = map[string]httpapi.Function{
		"POST /v1/operations":              api.Serve(apikey.ScopeOperationsWrite, api.Submit(submit)),
		"POST /v1/operations/{id}/input":   api.Serve(apikey.ScopeOperationsWrite, api.SendInput(input.Run)),
		"POST /v1/operations/{id}/redrive": api.Serve(apikey.ScopeOperationsWrite, api.Redrive(redrive.Run)),
		"GET /v1/operations/{id}":          api.Serve(apikey.ScopeOperationsRead, api.ShowOperation(s.store, httpapi.Waits{})),
		"GET /v1/agents/{id}":              api.Serve(apikey.ScopeAgentsRead, api.ShowAgent(show, nil)),
	}
	s.answers(api)
	s.mu.Unlock()
	s.seed(t)
	return s
}

func (s *server) issue(t *testing.T, name string, scopes []string) string {
	t.Helper()
	key, err := apikey.Issue(t.Context(), s.store, &counter{seed: name}, clock(), "acme", name, scopes)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// counter is randomness that is the same in every run.
type counter struct {
	seed string
	n    byte
}

func (c *counter) Read(p []byte) (int, error) {
	for i := range p {
		c.n++
		p[i] = c.n ^ c.seed[i%len(c.seed)]
	}
	return len(p), nil
}

// set answers a route from now on.
func (s *server) set(route string, f http.HandlerFunc) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.canned[route] = f
}

// hook has every request from now on pass before and after.
func (s *server) hook(before func(route string, body []byte) bool, after func(route string) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.before, s.after = before, after
}

// match finds the route of a request.
func (s *server) match(r *http.Request) (route, pattern string, params map[string]string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := map[string]bool{}
	for route := range s.real {
		all[route] = true
	}
	for route := range s.canned {
		all[route] = true
	}
	path := strings.Split(r.URL.Path, "/")
	for literal := range 2 { // a literal part is before a variable one
		for route := range all {
			method, pattern, _ := strings.Cut(route, " ")
			parts := strings.Split(pattern, "/")
			params := map[string]string{}
			ok := method == r.Method && len(parts) == len(path)
			for i := 0; ok && i < len(parts); i++ {
				if name, isVar := strings.CutPrefix(parts[i], "{"); isVar {
					params[strings.TrimSuffix(name, "}")] = path[i]
					ok = literal == 1
				} else {
					ok = parts[i] == path[i]
				}
			}
			if ok {
				return route, pattern, params
			}
		}
	}
	return "", "", nil
}

func (s *server) serve(w http.ResponseWriter, r *http.Request) {
	route, pattern, params := s.match(r)
	body, _ := io.ReadAll(r.Body)
	s.mu.Lock()
	before, after := s.before, s.after
	s.mu.Unlock()
	if before != nil && !before(route, body) {
		panic(http.ErrAbortHandler)
	}
	recorded := httptest.NewRecorder()
	s.answer(recorded, r, route, pattern, params, string(body))
	if after != nil && !after(route) {
		panic(http.ErrAbortHandler)
	}
	for name, values := range recorded.Header() {
		w.Header()[name] = values
	}
	w.WriteHeader(recorded.Code)
	_, _ = w.Write(recorded.Body.Bytes())
}

// answer does what API Gateway and its authorizer do.
func (s *server) answer(w http.ResponseWriter, r *http.Request, route, pattern string, params map[string]string,
	body string) {
	k, err := apikey.Authorize(r.Context(), s.store, strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "), clock())
	if err != nil {
		s.problem(w, http.StatusUnauthorized, "unauthorized", "send Authorization: Bearer <API key>", "")
		return
	}
	s.mu.Lock()
	f, ok := s.real[route]
	canned := s.canned[route]
	s.mu.Unlock()
	if !ok {
		if canned != nil {
			r.Body = io.NopCloser(strings.NewReader(body))
			for name, v := range params {
				r.SetPathValue(name, v)
			}
			canned(w, r)
			return
		}
		s.problem(w, http.StatusNotFound, "no_such_route", "there is no such route", "")
		return
	}
	e := events.APIGatewayProxyRequest{HTTPMethod: r.Method, Resource: pattern, Path: r.URL.Path, PathParameters: params,
		MultiValueQueryStringParameters: r.URL.Query(), MultiValueHeaders: r.Header, Body: body}
	p := k.Principal()
	e.RequestContext.RequestID = requestID
	e.RequestContext.Authorizer = map[string]any{"tenant": p.Tenant, "key_id": p.KeyID, "key_name": p.KeyName,
		"scopes": strings.Join(p.Scopes, " ")}
	got, err := f(r.Context(), e)
	if err != nil {
		panic(err)
	}
	for name, v := range got.Headers {
		w.Header().Set(name, v)
	}
	var versioned struct {
		Version int64 `json:"version"`
	}
	if json.Unmarshal([]byte(got.Body), &versioned) == nil && versioned.Version > 0 {
		etag := `"` + jsonText(versioned.Version) + `"`
		w.Header().Set("ETag", etag)
		if r.Header.Get("If-None-Match") == etag {
			w.WriteHeader(http.StatusNotModified)
			return
		}
	}
	w.WriteHeader(got.StatusCode)
	_, _ = io.WriteString(w, got.Body)
}

const requestID = "5f0c2a41-9b7e"

// problem writes a problem.
func (s *server) problem(w http.ResponseWriter, status int, code, detail, state string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	body := map[string]any{"type": s.URL + "/problems#" + code, "title": http.StatusText(status), "status": status,
		"code": code, "detail": detail, "request_id": requestID}
	if state != "" {
		body["state"] = state
	}
	_ = json.NewEncoder(w).Encode(body)
}

func jsonText(v any) string {
	raw, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(raw)
}
