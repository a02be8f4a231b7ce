package agent

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/registry"
	"adcp-orchestrator/pkg/safehttp"
)

// handler answers a request in the seller's place.
type handler func(w http.ResponseWriter, r *http.Request, m message)

// interceptor is a handler that may decline: it returns true if it has answered.
type interceptor func(w http.ResponseWriter, r *http.Request, m message) bool

// seller is an MCP server that behaves like existing sellers: streamed or plain answers, with or
// without sessions, strict about headers.
type seller struct {
	streamed, sessions bool
	// result returns the result of a JSON-RPC method; params are as sent.
	result func(method string, params json.RawMessage) string
	// fault, if set, sees every request first.
	fault interceptor

	url string
	mu  sync.Mutex
	got []message
}

// message is a request as it arrived.
type message struct {
	http   string // the HTTP method
	header http.Header
	remote string
	body   []byte

	ID     json.RawMessage `json:"id"`
	Method string          `json:"method"`
	Params json.RawMessage `json:"params"`
}

const sessionID = "5f0c1d9e"

func (s *seller) start(t *testing.T) *seller {
	t.Helper()
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	s.url = server.URL + "/mcp"
	return s
}

func (s *seller) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	m := message{http: r.Method, header: r.Header.Clone(), remote: r.RemoteAddr}
	m.body, _ = io.ReadAll(r.Body)
	_ = json.Unmarshal(m.body, &m)
	s.mu.Lock()
	s.got = append(s.got, m)
	s.mu.Unlock()
	if s.fault != nil && s.fault(w, r, m) {
		return
	}
	accept := r.Header.Get("Accept")
	switch {
	case r.Method == http.MethodDelete && s.sessions:
		w.WriteHeader(http.StatusOK)
		return
	case r.Method != http.MethodPost:
		http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
		return
	case !strings.Contains(accept, "application/json") || !strings.Contains(accept, "text/event-stream"):
		http.Error(w, "not acceptable", http.StatusNotAcceptable)
		return
	case m.Method != "initialize" && r.Header.Get("MCP-Protocol-Version") != protocolVersion:
		http.Error(w, "protocol version", http.StatusBadRequest)
		return
	case s.sessions && m.Method != "initialize" && r.Header.Get("Mcp-Session-Id") != sessionID:
		http.Error(w, "session", http.StatusNotFound)
		return
	}
	if s.sessions {
		w.Header().Set("Mcp-Session-Id", sessionID)
	}
	if m.ID == nil {
		w.WriteHeader(http.StatusAccepted)
		return
	}
	result := `{"protocolVersion":"` + protocolVersion + `","capabilities":{"tools":{}},` +
		`"serverInfo":{"name":"seller","version":""}}`
	if m.Method != "initialize" {
		result = s.result(m.Method, m.Params)
	}
	s.answer(w, fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"result":%s}`, m.ID, result))
}

func (s *seller) answer(w http.ResponseWriter, msg string) {
	if !s.streamed {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, msg)
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	_, _ = io.WriteString(w, ": a comment\n\nevent: message\n"+
		`data: {"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"busy"}}`+"\n\n")
	w.(http.Flusher).Flush()
	_, _ = io.WriteString(w, "event: message\ndata: "+strings.ReplaceAll(msg, "\n", "")+"\n\n")
}

// received returns the messages with an HTTP method and, if given, a JSON-RPC method.
func (s *seller) received(httpMethod, method string) []message {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []message
	for _, m := range s.got {
		if m.http == httpMethod && (method == "" || m.Method == method) {
			out = append(out, m)
		}
	}
	return out
}

// toolResult returns one result for every method and every tool.
func toolResult(result string) func(string, json.RawMessage) string {
	return func(string, json.RawMessage) string { return result }
}

// arguments returns the arguments of a tools/call, byte for byte as they arrived.
func arguments(t *testing.T, m message) string {
	t.Helper()
	var p struct {
		Arguments json.RawMessage `json:"arguments"`
	}
	if err := json.Unmarshal(m.Params, &p); err != nil {
		t.Fatal(err)
	}
	return string(p.Arguments)
}

// secrets is a secret store in memory.
type secrets map[string]string

func (s secrets) Secret(_ context.Context, name string) (string, error) {
	v, ok := s[name]
	if !ok {
		return "", fmt.Errorf("no secret %s", name)
	}
	return v, nil
}

const credential = "adcp/acme/seller" // a name, not a secret

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// client returns a client for sellers on this machine.
func client(t *testing.T) *Client {
	t.Helper()
	c := New(Options{
		Secrets: secrets{credential: "token-1\n", "adcp/acme/empty": "\n"},
		HTTP:    safehttp.Options{AllowLoopback: true},
		Now:     func() time.Time { return noon },
	})
	t.Cleanup((&http.Client{Transport: c.base}).CloseIdleConnections)
	return c
}

func (s *seller) agent() registry.Agent {
	return registry.Agent{
		Tenant:        "acme",
		ID:            "seller",
		URL:           s.url,
		Transport:     adcp.MCP,
		CredentialRef: credential,
		Version:       3,
	}
}
