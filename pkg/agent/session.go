package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"adcp-orchestrator/pkg/adcp"
)

// protocolVersion is the MCP release that we ask for. From 2025-11-25 on an agent may end a stream early and expect to be asked again for the answer,
// which a caller that lives for one call has no use for.
const protocolVersion = "2025-06-18"

// protocolVersions are the releases that an agent may choose instead: those that begin with initialize.
var protocolVersions = []string{"2025-11-25", protocolVersion, "2025-03-26", "2024-11-05"}

// userAgent tells agents who calls.
const userAgent = "adcp-orchestrator"

// session is one MCP session, for one call. The SDK's own client session isn't used: it decodes results into floating-point numbers and known content
// types, and when a context ends, it asks the agent to cancel.
type session struct {
	conn   mcp.Connection
	wire   *wire
	lastID int
}

// connect opens a session. Its errors are failures of the handshake.
func connect(ctx context.Context, url string, w *wire) (line, error) {
	t := &mcp.StreamableClientTransport{
		Endpoint: url,
		HTTPClient: &http.Client{
			Transport:     w,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		MaxRetries:           -1, // a stream that breaks off is ambiguous: the orchestrator decides what comes next
		MaxEventSize:         -1, // wire bounds the whole answer
		DisableStandaloneSSE: true,
	}
	conn, err := t.Connect(ctx)
	if err != nil {
		return nil, &failure{handshake: true, cause: err}
	}
	s := &session{conn: conn, wire: w}
	if err := s.handshake(ctx); err != nil {
		s.close()
		if f := (*failure)(nil); errors.As(err, &f) {
			f.handshake = true
		}
		return nil, err
	}
	return s, nil
}

func (s *session) handshake(ctx context.Context) error {
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
	if err := json.Unmarshal(result, &chosen); err != nil || !slices.Contains(protocolVersions, chosen.ProtocolVersion) {
		return s.wire.last.failed(fmt.Errorf("the agent answered initialize with protocol version %.40q, known are %q", chosen.ProtocolVersion, protocolVersions))
	}
	s.wire.version = chosen.ProtocolVersion
	const initialized = "notifications/initialized"
	s.wire.last = &exchange{limit: maxAnswer, replayable: true, subject: subject{method: initialized}}
	if err := s.conn.Write(ctx, &jsonrpc.Request{Method: initialized}); err != nil {
		return s.wire.last.failed(err)
	}
	return nil
}

// call calls a tool and reads its result.
func (s *session) call(ctx context.Context, tool string, arguments json.RawMessage) (reply, error) {
	name, err := json.Marshal(tool)
	if err != nil {
		return reply{}, err
	}
	// The SDK encodes messages anew, and with that drops white space from the arguments. The whole message is therefore written here.
	const method = "tools/call"
	x := &exchange{limit: maxAnswer, subject: s.wire.pen.calling(method, tool, arguments),
		body: fmt.Appendf(nil, `{"jsonrpc":"2.0","id":%d,"method":"%s","params":{"name":%s,"arguments":%s}}`, s.lastID+1, method, name, arguments)}
	result, err := s.request(ctx, method, nil, x)
	if err != nil {
		return reply{}, err
	}
	r, err := adcp.ReadToolResult(result)
	if err != nil {
		return reply{}, x.failed(err)
	}
	return reply{Response: r.Response(), silence: silence(r)}, nil
}

// request sends a request and returns the result in its answer, or a *failure.
func (s *session) request(ctx context.Context, method string, params json.RawMessage, x *exchange) (json.RawMessage, error) {
	s.lastID++
	id, err := jsonrpc.MakeID(float64(s.lastID))
	if err != nil {
		return nil, err
	}
	x.method = method
	s.wire.last = x
	if err := s.conn.Write(ctx, &jsonrpc.Request{ID: id, Method: method, Params: params}); err != nil {
		return nil, x.failed(err)
	}
	for {
		msg, err := s.conn.Read(ctx)
		if err != nil {
			return nil, x.failed(err)
		}
		resp, ok := msg.(*jsonrpc.Response)
		if !ok {
			continue // progress, log lines, requests: we have declared no capability that would oblige us to answer
		}
		if resp.ID != id {
			return nil, x.failed(fmt.Errorf("the agent answered request %#v, not %#v", resp.ID.Raw(), id.Raw()))
		}
		if rpc, ok := resp.Error.(*jsonrpc.Error); ok {
			return nil, x.failed(nil).with(rpc)
		}
		if resp.Error != nil { // the SDK's own: the stream ended without an answer
			return nil, x.failed(resp.Error)
		}
		return resp.Result, nil
	}
}

// close ends the session: with a DELETE if the agent gave it an id.
func (s *session) close() {
	_ = s.conn.Close() // the answer is in hand, and agents end sessions by themselves
}
