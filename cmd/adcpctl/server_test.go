package main

import (
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
	"adcp-orchestrator/pkg/store/memory"
)

// server is an API over HTTP: httpapi's handlers on a memory store, as behind API Gateway.
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

func newServer(t *testing.T) *server {
	t.Helper()
	s := &server{store: memory.New(clock), canned: map[string]http.HandlerFunc{}}
	s.mu.Lock() // until the routes are there
	s.Server = httptest.NewServer(http.HandlerFunc(s.serve))
	t.Cleanup(s.Close)
	s.key, s.reader = s.issue(t, "trading-desk", apikey.Scopes()), s.issue(t, "reader",
		[]string{apikey.ScopeOperationsRead})
	s.real = s.routes(t, httpapi.API{BaseURL: s.URL, Audit: s.store, Now: clock})
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
	if canned != nil {
		canned(w, r)
		return
	}
	if !ok {
		s.problem(w, http.StatusNotFound, "no_such_route", "there is no such route", "")
		return
	}
	e := events.APIGatewayProxyRequest{HTTPMethod: r.Method, Resource: pattern, Path: r.URL.Path, PathParameters: params,
		MultiValueQueryStringParameters: r.URL.Query(), MultiValueHeaders: r.Header, Body: body}
	p := k.Principal()
	e.RequestContext.RequestID, e.RequestContext.Identity.SourceIP = requestID, "203.0.113.66"
	e.RequestContext.Authorizer = map[string]any{"tenant": p.Tenant, "key_id": p.KeyID, "key_name": p.KeyName,
		"scopes": strings.Join(p.Scopes, " ")}
	got, err := f(r.Context(), e)
	if err != nil {
		panic(err)
	}
	for name, v := range got.Headers {
		w.Header().Set(name, v)
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

// page answers with one page of items.
func (s *server) page(w http.ResponseWriter, r *http.Request, items []any) {
	_ = json.NewEncoder(w).Encode(map[string]any{"items": items, "self": s.URL + r.URL.String()})
}
