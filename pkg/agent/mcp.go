package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"adcp-orchestrator/pkg/adcp"
)

// protocolVersion is the MCP release that we request. From 2025-11-25 on, an agent may end a
// stream early and expect the client to fetch the answer later. A client that lives for one run
// has no use for that.
const protocolVersion = "2025-06-18"

// protocolVersions are the releases that an agent may choose instead: those that begin with
// initialize.
var protocolVersions = []string{"2025-11-25", protocolVersion, "2025-03-26", "2024-11-05"}

const userAgent = "adcp-orchestrator"

// initializedTimeout bounds the notification that ends the handshake. It asks for nothing, so an
// agent that never acknowledges it must not use up the time for the call.
const initializedTimeout = 3 * time.Second

// mcpSession is one MCP session, for one call. It does not use the SDK's own client session, which
// decodes results into floating-point numbers and known content types, and which asks the agent to
// cancel when a context ends.
type mcpSession struct {
	conn      mcp.Connection
	transport *transport
	lastID    int
}

// openMCP opens a session. Its errors are failures of the handshake.
func openMCP(ctx context.Context, url string, t *transport) (session, error) {
	client := &mcp.StreamableClientTransport{
		Endpoint: url,
		HTTPClient: &http.Client{
			Transport:     t,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		MaxRetries:           -1, // a broken stream is ambiguous: the orchestrator decides what comes next
		MaxEventSize:         -1, // the transport bounds the whole answer
		DisableStandaloneSSE: true,
	}
	conn, err := client.Connect(ctx)
	if err != nil {
		return nil, &failure{handshake: true, cause: err}
	}
	s := &mcpSession{conn: conn, transport: t}
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
	result, err := s.request(ctx, "initialize", params, &exchange{limit: maxAnswer, replayable: true})
	if err != nil {
		return err
	}
	var chosen struct {
		ProtocolVersion string `json:"protocolVersion"`
	}
	err = json.Unmarshal(result, &chosen)
	if err != nil || !slices.Contains(protocolVersions, chosen.ProtocolVersion) {
		return s.transport.last.failed(fmt.Errorf(
			"the agent answered initialize with protocol version %.40q, supported are %q",
			chosen.ProtocolVersion, protocolVersions))
	}
	s.transport.version = chosen.ProtocolVersion
	const initialized = "notifications/initialized"
	s.transport.last = &exchange{limit: maxAnswer, replayable: true, subject: subject{method: initialized}}
	short, cancel := context.WithTimeout(ctx, initializedTimeout)
	defer cancel()
	err = s.conn.Write(short, &jsonrpc.Request{Method: initialized})
	if err != nil && (short.Err() == nil || ctx.Err() != nil || !s.transport.last.connected.Load()) {
		return s.transport.last.failed(err)
	}
	return nil
}

// call calls a tool and reads its result.
func (s *mcpSession) call(ctx context.Context, tool string, arguments json.RawMessage) (toolAnswer, error) {
	name, err := json.Marshal(tool)
	if err != nil {
		return toolAnswer{}, err
	}
	// The SDK would encode the message anew and drop white space from the arguments, so the whole
	// message is written here.
	const method = "tools/call"
	x := &exchange{
		limit:   maxAnswer,
		subject: s.transport.signer.callSubject(method, tool, arguments),
		body: fmt.Appendf(nil, `{"jsonrpc":"2.0","id":%d,"method":"%s","params":{"name":%s,"arguments":%s}}`,
			s.lastID+1, method, name, arguments),
	}
	result, err := s.request(ctx, method, nil, x)
	if err != nil {
		return toolAnswer{}, err
	}
	r, err := adcp.ReadToolResult(result)
	if err != nil {
		return toolAnswer{}, x.failed(err)
	}
	return toolAnswer{Response: r.Response(), noAnswer: noAnswerError(r)}, nil
}

// request sends a request and returns the result in its answer, or a *failure.
func (s *mcpSession) request(
	ctx context.Context, method string, params json.RawMessage, x *exchange,
) (json.RawMessage, error) {
	s.lastID++
	id, err := jsonrpc.MakeID(float64(s.lastID))
	if err != nil {
		return nil, err
	}
	x.method = method
	s.transport.last = x
	if err := s.conn.Write(ctx, &jsonrpc.Request{ID: id, Method: method, Params: params}); err != nil {
		return nil, x.failed(err)
	}
	for {
		msg, err := s.conn.Read(ctx)
		if err != nil {
			return nil, x.failed(err)
		}
		resp, ok := msg.(*jsonrpc.Response)
		if !ok && x.oneMessage { // nothing follows it
			return nil, x.failed(errors.New("the answer is a notification or a request of the agent's, not a response"))
		}
		if !ok {
			continue // progress, log lines, requests: we declared no capability that obliges us to answer
		}
		if resp.ID != id {
			return nil, x.failed(fmt.Errorf("the agent answered request %#v, not %#v", resp.ID.Raw(), id.Raw()))
		}
		if rpc, ok := resp.Error.(*jsonrpc.Error); ok { //nolint:errorlint // not what the SDK wraps
			return nil, x.failed(nil).withRPC(rpc)
		}
		if resp.Error != nil { // the SDK's own error: the stream ended without an answer
			return nil, x.failed(resp.Error)
		}
		return resp.Result, nil
	}
}

// close ends the session, with a DELETE if the agent gave it an id. Errors do not matter: the
// answer has arrived, and agents end sessions by themselves.
func (s *mcpSession) close() {
	_ = s.conn.Close()
}

// noAnswerError describes a tool result that holds no AdCP answer.
func noAnswerError(r adcp.ToolResult) error {
	text := "no text"
	if len(r.Texts) > 0 {
		text = clean(r.Texts[0])
	}
	if r.IsError {
		return fmt.Errorf("the tool failed without an AdCP error: %s", text)
	}
	return fmt.Errorf("the answer holds no AdCP object: %s", text)
}
