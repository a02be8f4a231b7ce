package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"adcp-orchestrator/pkg/adcp"
)

// protocolVersion is the MCP release that we request. From 2025-11-25 on, an agent may end a
// stream early and expect the client to fetch the answer later. A client that lives for one run
// has no use for that.
const protocolVersion = "2025-06-18"

// protocolVersions are the releases that an agent may choose instead: those that begin with
// initialize.
var protocolVersions = []string{"2025-11-25", protocolVersion, "2025-03-26", "2024-11-05"}

// initializedTimeout bounds the notification that ends the handshake. It asks for nothing, so an
// agent that never acknowledges it must not use up the time for the call.
const initializedTimeout = 3 * time.Second

// mcpSession is one MCP session over streamable HTTP, for one call. Each message is one POST, and
// the answer to it is one message or a stream of them. It opens no stream of its own and resumes
// none: what breaks off is ambiguous, and the orchestrator decides what comes next. It never asks
// the agent to cancel.
type mcpSession struct {
	transport *transport
	url       string
	id        string // the agent's name for the session, if it gave one
	version   string // of MCP, once agreed
	lastID    int
}

// openMCP opens a session. Its errors are failures of the handshake.
func openMCP(ctx context.Context, url string, t *transport) (session, error) {
	s := &mcpSession{transport: t, url: url}
	if err := s.handshake(ctx); err != nil {
		s.close()
		if f := (*failure)(nil); errors.As(err, &f) {
			f.handshake = true
		}
		return nil, err
	}
	return s, nil
}

func (s *mcpSession) handshake(ctx context.Context) error {
	params, err := json.Marshal(map[string]any{
		"protocolVersion": protocolVersion,
		"capabilities":    struct{}{},
		"clientInfo":      map[string]string{"name": userAgent, "version": "1"},
	})
	if err != nil {
		return err
	}
	x := &exchange{subject: subject{method: "initialize"}, limit: maxAnswer, replayable: true}
	result, err := s.request(ctx, params, x)
	if err != nil {
		return err
	}
	var chosen struct {
		ProtocolVersion string `json:"protocolVersion"`
	}
	err = json.Unmarshal(result, &chosen)
	if err != nil || !slices.Contains(protocolVersions, chosen.ProtocolVersion) {
		return x.failed(fmt.Errorf("the agent answered initialize with protocol version %.40q, supported are %q",
			chosen.ProtocolVersion, protocolVersions))
	}
	s.version = chosen.ProtocolVersion
	return s.initialized(ctx)
}

// initialized sends the notification that ends the handshake.
func (s *mcpSession) initialized(ctx context.Context) error {
	const method = "notifications/initialized"
	x := &exchange{subject: subject{method: method}, limit: maxAnswer, replayable: true}
	x.body = []byte(`{"jsonrpc":"2.0","method":"` + method + `"}`)
	short, cancel := context.WithTimeout(ctx, initializedTimeout)
	defer cancel()
	resp, err := s.post(short, x)
	if err == nil {
		_ = resp.Body.Close()
		return nil
	}
	if short.Err() != nil && ctx.Err() == nil && x.connected.Load() {
		return nil // the agent has it
	}
	return err
}

// call calls a tool and reads its result.
func (s *mcpSession) call(ctx context.Context, tool string, arguments json.RawMessage) (toolAnswer, error) {
	name, err := json.Marshal(tool)
	if err != nil {
		return toolAnswer{}, err
	}
	x := &exchange{subject: s.transport.signer.callSubject("tools/call", tool, arguments), limit: maxAnswer}
	result, err := s.request(ctx, fmt.Appendf(nil, `{"name":%s,"arguments":%s}`, name, arguments), x)
	if err != nil {
		return toolAnswer{}, err
	}
	r, err := adcp.ReadToolResult(result)
	if err != nil {
		return toolAnswer{}, x.failed(err)
	}
	return toolAnswer{Response: r.Response(), noAnswer: noAnswerError(r)}, nil
}

// request sends a request and returns the result in its answer, or a *failure. The parameters go
// out byte for byte, and the result is as the agent wrote it.
func (s *mcpSession) request(ctx context.Context, params json.RawMessage, x *exchange) (json.RawMessage, error) {
	s.lastID++
	x.body = fmt.Appendf(nil, `{"jsonrpc":"2.0","id":%d,"method":"%s","params":%s}`, s.lastID, x.method, params)
	resp, err := s.post(ctx, x)
	if err != nil {
		return nil, err
	}
	m, err := readResponse(resp)
	if err == nil {
		err = m.answers(s.lastID)
	}
	if err != nil {
		return nil, x.failed(err)
	}
	if m.err != nil {
		return nil, x.failed(nil).withRPC(m.err)
	}
	return m.result, nil
}

// The headers of MCP's streamable HTTP transport.
const (
	sessionHeader = "Mcp-Session-Id"
	versionHeader = "MCP-Protocol-Version"
)

// post sends the exchange's message and returns an answer with success, or a *failure.
func (s *mcpSession) post(ctx context.Context, x *exchange) (*http.Response, error) {
	header := s.header()
	header.Set("Content-Type", jsonType)
	header.Set("Accept", jsonType+", "+sseType)
	resp, err := s.transport.request(ctx, http.MethodPost, s.url, header, x)
	if x.status == http.StatusNotFound {
		s.id = "" // the agent has ended the session
	}
	if err != nil {
		return nil, err
	}
	id := resp.Header.Get(sessionHeader)
	if s.id == "" {
		s.id = id
	}
	if id != "" && id != s.id {
		_ = resp.Body.Close()
		return nil, x.failed(errors.New("the agent answered in another session"))
	}
	return resp, nil
}

func (s *mcpSession) header() http.Header {
	h := http.Header{}
	if s.version != "" {
		h.Set(versionHeader, s.version)
	}
	if s.id != "" {
		h.Set(sessionHeader, s.id)
	}
	return h
}

// close ends the session if the agent gave it an id. Errors do not matter: the answer has arrived,
// and agents end sessions by themselves.
func (s *mcpSession) close() {
	if s.id != "" {
		s.transport.end(s.url, s.header())
	}
}

// noAnswerError describes a tool result that holds no AdCP answer.
func noAnswerError(r adcp.ToolResult) error {
	text := "no text"
	if len(r.Texts) > 0 {
		text = adcp.LogText(r.Texts[0])
	}
	if r.IsError {
		return fmt.Errorf("the tool failed without an AdCP error: %s", text)
	}
	return fmt.Errorf("the answer holds no AdCP object: %s", text)
}
