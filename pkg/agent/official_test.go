package agent

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/registry"
)

// The official server, with and without sessions, streamed and plain: it takes what we send, and
// what it sends before its response is passed over.
func TestCallsTheOfficialServer(t *testing.T) {
	t.Parallel()
	for _, o := range []mcp.StreamableHTTPOptions{
		{},
		{Stateless: true},
		{JSONResponse: true},
		{Stateless: true, JSONResponse: true},
	} {
		t.Run(fmt.Sprintf("stateless=%v json=%v", o.Stateless, o.JSONResponse), func(t *testing.T) {
			t.Parallel()
			srv := mcp.NewServer(&mcp.Implementation{Name: "seller"}, nil)
			srv.AddTool(
				&mcp.Tool{Name: "create_media_buy", InputSchema: json.RawMessage(`{"type":"object"}`)},
				func(ctx context.Context, r *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
					for n := range 3 {
						progress := &mcp.ProgressNotificationParams{ProgressToken: "t", Progress: float64(n)}
						if err := r.Session.NotifyProgress(ctx, progress); err != nil && !o.JSONResponse { // has no place then
							t.Error(err)
						}
					}
					echo := `{"status":"completed","echo":` + string(r.Params.Arguments) + `}`
					return &mcp.CallToolResult{StructuredContent: json.RawMessage(echo)}, nil
				},
			)
			handler := mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return srv }, &o)
			server := httptest.NewServer(handler)
			t.Cleanup(server.Close)
			a := registry.Agent{URL: server.URL, Transport: adcp.MCP}
			c := client(t)
			resp, err := c.Call(t.Context(), a, "create_media_buy", json.RawMessage(`{"n":12345678901234567890}`))
			if want := `{"status":"completed","echo":{"n":12345678901234567890}}`; err != nil || string(resp.Payload) != want {
				t.Errorf("got %s, %v, want %s", resp.Payload, err, want)
			}
			_, err = c.Call(t.Context(), a, "no_such_tool", json.RawMessage(`{}`))
			wantCallError(t, err, adcp.Ambiguous, http.StatusOK) // a code proves nothing
			if p, err := c.Discover(t.Context(), a); err != nil || len(p.Tasks) != 1 {
				t.Errorf("profile = %+v, %v", p, err)
			}
			if left := slices.Collect(srv.Sessions()); len(left) != 0 && !o.Stateless {
				t.Errorf("%d sessions were left open", len(left))
			}
		})
	}
}

const (
	okAnswer = `{"jsonrpc":"2.0","id":1,"result":{"a":1.0, "b":[]}}`
	busyNote = `{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"busy"}}`
)

// differentialAnswers are answers of many kinds, by media type.
var differentialAnswers = map[string][]string{
	jsonType: {
		okAnswer, " \n" + okAnswer + "\n", okAnswer + "junk", okAnswer + okAnswer, "\ufeff" + okAnswer, okAnswer[:20],
		busyNote, `[` + okAnswer + `]`, `null`, `5`, `"x"`, ``,
		`{"jsonrpc":"2.0","id":1.0,"result":1}`, `{"jsonrpc":"2.0","id":"1","result":1}`, `{"jsonrpc":"2.0","result":1}`,
		`{"jsonrpc":"2.0","id":null,"error":{"code":1,"message":"m"}}`, `{"jsonrpc":"2.0","id":2,"id":1,"result":1}`,
		`{"jsonrpc":"2.0","id":1}`, `{"jsonrpc":"2.0","id":1,"result":null}`, `{"jsonrpc":"2.0","id":01,"result":1}`,
		`{"jsonrpc":"2.0","id":1,"error":{}}`, `{"jsonrpc":"2.0","id":1,"error":[]}`, `{"jsonrpc":"1.0","id":1,"result":1}`,
		`{"jsonrpc":"2.0","id":1,"result":1,"error":{"code":-7,"message":"m","data":{"x": 1}}}`,
		`{"jsonrpc":"2.0","id":1,"error":{"code":1.0}}`, `{"jsonrpc":"2.0","id":1,"error":{"code":99999999999999999999}}`,
		`{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":null}}`, `{"jsonrpc":"2.0","id":1,"error":{"message":5}}`,
		`{"JSONRPC":"2.0","id":1,"result":1}`, `{"jsonrpc":"2.0","id":1,"Result":1}`,
		`{"jsonrpc":"2.0","id":1,"method":"","result":1}`, `{"jsonrpc":"2.0","id":1,"method":5,"result":1}`,
		`{"jsonrpc":"2.0","id":1,"result":{"s":"` + "\xff" + `"}}`, `{"jsonrpc":"2.0","id":1,"result":"\ud800"}`,
		`{"jsonrpc":"2.0","id":1,"result":"` + "\x01" + `"}`, `{"jsonrpc":"2.0","id":1,"result":{"n":01}}`,
		`{"jsonrpc":"2.0","id":1,"result":[1,]}`, `{"json\u0072pc":"2.0","id":1,"result":1}`,
	},
	sseType: {
		"", "\n", ": " + okAnswer + "\n\n", "data : " + okAnswer + "\n\n", "Data: " + okAnswer + "\n\n",
		"data:" + okAnswer, "data: " + okAnswer + "\n", "data:   " + okAnswer + "  \r\n\r\n", "data: " + okAnswer + "\r\r",
		"event: other\ndata: " + okAnswer + "\n\n", "event: other\n\ndata: " + okAnswer + "\n\n",
		"event:  message \ndata: " + okAnswer + "\n\n", "event:\ndata: " + okAnswer + "\n\n",
		"id: 1\nretry: 1\ndata:\n\n", "id: 1\nretry: 1\ndata:\n\nid: 2\ndata: " + okAnswer + "\n\n",
		"data: {\"jsonrpc\":\"2.0\",\nid: 5\ndata: \"id\":1,\"result\":5}\n\n", "\ufeff: c\n\ndata: " + okAnswer + "\n\n",
		"data: " + busyNote + "\n\ndata: " + okAnswer + "\n\n", "data: " + busyNote + "\ndata: " + okAnswer + "\n\n",
		"data: " + okAnswer + "\n\ndata: {\"x\n\n", "data: x\r\ndata: " + okAnswer + "\r\n\r\n",
	},
}

// What the official client takes for an answer, we take for the same answer, and what it does not,
// we do not.
func TestAnswersAreReadAsByTheOfficialClient(t *testing.T) {
	t.Parallel()
	compared, answered := 0, 0
	for mediaType, bodies := range differentialAnswers {
		for _, body := range bodies {
			compared++
			ours, theirs := ownReading(mediaType, body), officialReading(t, mediaType, body)
			if ours != theirs {
				t.Errorf("%s %q: got %q, the official client reads %q", mediaType, body, ours, theirs)
			}
			if ours != noReading {
				answered++
			}
		}
	}
	for _, body := range differentialAnswers[jsonType] { // each of them as an event, too
		ours := ownReading(sseType, "data: "+body+"\n\n")
		if theirs := officialReading(t, sseType, "data: "+body+"\n\n"); ours != theirs {
			t.Errorf("%q as an event: got %q, the official client reads %q", body, ours, theirs)
		}
	}
	if answered < 20 || compared-answered < 20 {
		t.Errorf("%d answers in %d bodies", answered, compared)
	}
}

const noReading = "no answer"

func ownReading(mediaType, body string) string {
	resp := &http.Response{Header: http.Header{"Content-Type": {mediaType}}, Body: io.NopCloser(strings.NewReader(body))}
	m, err := readResponse(resp)
	switch {
	case err != nil || m.answers(1) != nil:
		return noReading
	case m.err != nil:
		return fmt.Sprintf("error %d %s %s", m.err.Code, m.err.Message, m.err.Data)
	}
	return string(m.result)
}

func officialReading(t *testing.T, mediaType, body string) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", mediaType)
		_, _ = io.WriteString(w, body)
	}))
	defer server.Close()
	official := &mcp.StreamableClientTransport{Endpoint: server.URL, MaxRetries: -1, DisableStandaloneSSE: true}
	conn, err := official.Connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	id, err := jsonrpc.MakeID(1.0)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := conn.Write(ctx, &jsonrpc.Request{ID: id, Method: "tools/call"}); err != nil {
		t.Fatal(err)
	}
	for {
		message, err := conn.Read(ctx)
		if ctx.Err() != nil {
			t.Fatal("the official client does not return")
		}
		if err != nil {
			return noReading
		}
		r, ok := message.(*jsonrpc.Response)
		if !ok && mediaType == sseType {
			continue
		}
		if !ok || r.ID != id {
			return noReading
		}
		if e, ok := r.Error.(*jsonrpc.Error); ok { //nolint:errorlint // not what the SDK wraps
			return fmt.Sprintf("error %d %s %s", e.Code, e.Message, e.Data)
		}
		if r.Error != nil {
			return noReading
		}
		return string(r.Result)
	}
}
