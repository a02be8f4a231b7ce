package oauth_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"adcp-orchestrator/pkg/oauth"
)

const (
	agentURL = "https://agent.example.com/mcp"
	issuer   = "https://id.example.net"
)

// server is an authorization server with the metadata of one agent. Its members change what it
// answers.
type server struct {
	// token answers a request for a token; n is its number, from 1. By default it gives token-n for
	// an hour.
	token func(n int) (status int, body string)
	// methods, endpoint and location change the metadata.
	methods, endpoint string
	header            http.Header
	delay             time.Duration

	mu    sync.Mutex
	forms []url.Values
	auth  []string
	paths []string
}

func (s *server) RoundTrip(req *http.Request) (*http.Response, error) {
	s.mu.Lock()
	s.paths = append(s.paths, req.Method+" "+req.URL.String())
	s.mu.Unlock()
	if err := guarded(req.URL.String()); err != nil {
		return nil, err
	}
	status, body := 404, `{}`
	endpoint := s.endpoint
	if endpoint == "" {
		endpoint = issuer + "/token"
	}
	switch req.URL.String() {
	case "https://agent.example.com/.well-known/oauth-protected-resource/mcp":
		status, body = 200, `{"resource":"`+agentURL+`","authorization_servers":["`+issuer+`"]}`
	case issuer + "/.well-known/oauth-authorization-server":
		status, body = 200, `{"issuer":"`+issuer+`","token_endpoint":"`+endpoint+
			`","grant_types_supported":["client_credentials"]`+s.methods+`}`
	case endpoint:
		if req.Method != http.MethodPost {
			break
		}
		raw, err := io.ReadAll(req.Body)
		form, err2 := url.ParseQuery(string(raw))
		if err := errors.Join(err, err2); err != nil {
			return nil, err
		}
		s.mu.Lock()
		s.forms, s.auth = append(s.forms, form), append(s.auth, req.Header.Get("Authorization"))
		n := len(s.forms)
		s.mu.Unlock()
		select {
		case <-time.After(s.delay):
		case <-req.Context().Done():
			return nil, req.Context().Err()
		}
		if s.token != nil {
			status, body = s.token(n)
		} else {
			status, body = 200, fmt.Sprintf(`{"access_token":"token-%d","token_type":"bearer","expires_in":3600}`, n)
		}
	}
	h := s.header
	if h == nil {
		h = http.Header{}
	}
	return &http.Response{StatusCode: status, Header: h, Body: io.NopCloser(strings.NewReader(body))}, nil
}

// requests returns how many requests for a token came.
func (s *server) requests() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.forms)
}

func (s *server) client() *oauth.Client {
	return oauth.New(oauth.Fetcher{HTTP: s, CheckURL: guarded, Now: time.Now})
}

func wanted() oauth.Request {
	return oauth.Request{Tenant: "acme", AgentURL: agentURL,
		Credential: oauth.Credential{ID: "id:1", Secret: "s3cret/&+secret"}}
}

func get(t *testing.T, c *oauth.Client, r oauth.Request) string {
	t.Helper()
	token, err := c.Token(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// pass lets virtual time pass, in a bubble of synctest.
func pass(d time.Duration) { <-time.After(d) }
