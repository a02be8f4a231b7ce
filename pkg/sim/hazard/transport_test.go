package hazard

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"adcp-orchestrator/pkg/operation"
)

// verbs are the HTTP methods of the requests that came, counted.
func (s *seller) verbs() map[string]int {
	n := map[string]int{}
	for _, m := range s.got {
		n[m.verb]++
	}
	return n
}

// methods are the JSON-RPC methods that came, counted.
func (s *seller) methods() map[string]int {
	n := map[string]int{}
	for _, m := range s.got {
		n[m.Method]++
	}
	return n
}

// once fails the nth request with a JSON-RPC method, or call of a tool, below AdCP.
func once(method, tool string, nth int, with func(w http.ResponseWriter, m message)) func(http.ResponseWriter, *http.Request, message) bool {
	seen := 0
	return func(w http.ResponseWriter, _ *http.Request, m message) bool {
		if m.Method != method || tool != "" && !strings.Contains(string(m.Params), `"name":"`+tool+`"`) {
			return false
		}
		if seen++; seen != nth {
			return false
		}
		with(w, m)
		return true
	}
}

func status(code int, body string) func(http.ResponseWriter, message) {
	return func(w http.ResponseWriter, _ message) {
		w.Header().Set("Content-Type", jsonType)
		w.WriteHeader(code)
		_, _ = io.WriteString(w, body)
	}
}

const staleSession = `{"jsonrpc":"2.0","id":"server-error","error":{"code":-32600,"message":"Session not found"}}`

// huge is a page of the tool list with megabytes of schemas, of which those that are said of our tools are wrong.
func huge(size int, tools ...string) string {
	var b strings.Builder
	b.WriteString(`{"tools":[`)
	for i, name := range tools {
		fmt.Fprintf(&b, `{"name":%q,"description":"\"quoted\" \\ {[","inputSchema":{"type":"object","pad":"%s"},"outputSchema":{"name":"no_tool"}},{"name":"other_%d"},`,
			name, strings.Repeat("x", size/len(tools)), i)
	}
	return strings.TrimSuffix(b.String(), ",") + `]}`
}

var offered = []string{"get_adcp_capabilities", "create_media_buy", "get_task_status"}

func transportHazards() []scenario {
	return []scenario{
		{
			// "Accept must list both application/json and text/event-stream, else 406 (TypeScript)."
			name:   "406 unless Accept lists both types",
			seller: &seller{streamed: true}, state: operation.Completed, purchases: 1,
			check: func(t *testing.T, g *stage) {
				for _, m := range g.seller.got {
					if a := m.header.Get("Accept"); m.verb == http.MethodPost && (!strings.Contains(a, jsonType) || !strings.Contains(a, streamType)) {
						t.Errorf("%s was asked with Accept %q", m.Method, a)
					}
				}
			},
		},
		{
			// "TypeScript answers as SSE"
			name:   "answers as a stream of events",
			seller: &seller{streamed: true, sync: true}, state: operation.Completed, purchases: 1,
		},
		{
			// "Python as plain JSON."
			name:   "answers as plain JSON",
			seller: &seller{sync: true}, state: operation.Completed, purchases: 1,
		},
		{
			// "TypeScript is stateless (no session header; accepts a bogus one)."
			name:   "stateless, without a session",
			seller: &seller{streamed: true}, state: operation.Completed, purchases: 1,
			check: func(t *testing.T, g *stage) {
				for _, m := range g.seller.got {
					if m.header.Get("Mcp-Session-Id") != "" {
						t.Errorf("%s came with a session that nobody gave", m.Method)
					}
				}
				if n := g.seller.verbs()[http.MethodDelete]; n != 0 {
					t.Errorf("%d sessions were ended that never began", n)
				}
			},
		},
		{
			// "Python is sessionful: initialize gives mcp-session-id; without it 400, with a stale one 404."
			name:   "sessionful, 400 without a session",
			seller: &seller{sessions: true}, state: operation.Completed, purchases: 1,
			check: func(t *testing.T, g *stage) {
				if len(g.seller.live) != 0 {
					t.Errorf("%d sessions were left open", len(g.seller.live))
				}
			},
		},
		{
			// The same: a session that dies between initialize and the purchase. 404 says that it was not carried out, so it may be made again.
			name: "session dies before the purchase",
			seller: &seller{sessions: true, unsure: true,
				front: once("tools/call", "create_media_buy", 1, status(404, staleSession))},
			state: operation.Completed, purchases: 1,
			check: func(t *testing.T, g *stage) {
				if g.op.Call.Attempts != 2 {
					t.Errorf("the purchase was called for %d times, want 2", g.op.Call.Attempts)
				}
			},
		},
		{
			name:   "session dies before a poll",
			seller: &seller{sessions: true, front: once("tools/call", "get_task_status", 1, status(404, staleSession))},
			state:  operation.Completed, purchases: 1,
		},
		{
			name:   "session dies before the tool list",
			seller: &seller{sessions: true, front: once("tools/list", "", 1, status(404, staleSession))},
			state:  operation.Completed, purchases: 1,
		},
		{
			// "tools/list is 2.3 MB on Python 9.2.0"
			name:   "tool list of 2.3 MB",
			seller: &seller{sessions: true, list: huge(2_300_000, offered...)}, state: operation.Completed, purchases: 1,
		},
		{
			// "(8.7 MB on an older one)"
			name:   "tool list of 8.7 MB, streamed",
			seller: &seller{streamed: true, list: huge(8_700_000, offered...)}, state: operation.Completed, purchases: 1,
		},
		{
			// "Tool parameter schemas there are not to be trusted for validation."
			name: "tool schemas that lie",
			seller: &seller{list: `{"tools":[{"name":"get_adcp_capabilities","inputSchema":{"$ref":"#/nowhere"}},{"name":"get_task_status","inputSchema":{"type":"null"}},` +
				`{"name":"create_media_buy","inputSchema":{"type":"object","required":["budget_in_shells"],"additionalProperties":false,"properties":{"account":{"type":"integer"}}},` +
				`"outputSchema":{"type":"object","required":["nothing"],"additionalProperties":false}}]}`},
			state: operation.Completed, purchases: 1,
		},
		{
			// "Errors are HTTP 200 with isError:true and structuredContent.adcp_error{code,message,recovery,field}"
			name: "error as HTTP 200 with adcp_error",
			seller: &seller{before: on("create_media_buy", func(call) *said {
				return &said{failed: true, payload: `{"adcp_error":{"code":"PRODUCT_NOT_FOUND","message":"no","recovery":"correctable","field":"packages[0]"}}`}
			})},
			state: operation.Failed,
			check: func(t *testing.T, g *stage) {
				if e := g.op.Error; e == nil || e.Code != "PRODUCT_NOT_FOUND" || e.Field != "packages[0]" {
					t.Errorf("the error is %+v", e)
				}
			},
		},
		{
			// "SDK 13 adds errors[]" (and a status, as captured)
			name: "error with errors beside adcp_error",
			seller: &seller{streamed: true, before: on("create_media_buy", func(call) *said {
				const e = `{"code":"VALIDATION_ERROR","message":"no","recovery":"correctable","field":"/account"}`
				return &said{failed: true, payload: `{"adcp_error":` + e + `,"errors":[` + e + `],"status":"failed","adcp_version":"3.1"}`}
			})},
			state: operation.Failed,
			check: func(t *testing.T, g *stage) {
				if e := g.op.Error; e == nil || e.Code != "VALIDATION_ERROR" {
					t.Errorf("the error is %+v", e)
				}
			},
		},
		{
			// "an unknown tool is text only": it says nothing in AdCP's terms, so nothing is concluded (contract A28).
			name: "unknown tool, said in text only",
			seller: &seller{unsure: true, before: on("create_media_buy", func(call) *said {
				return &said{failed: true, text: "MCP error -32602: Tool create_media_buy not found"}
			})},
			state: operation.CallingAdCP, attention: operation.OutcomeUnclear,
		},
		{
			// The same about the polling tool, which the list names all the same: the webhook ends it.
			name: "unknown polling tool, said in text only",
			seller: &seller{list: `{"tools":[{"name":"get_adcp_capabilities"},{"name":"create_media_buy"},{"name":"get_task_status"}]}`, polling: []string{}, takes: 12 * time.Hour,
				push: func(t *task) []push { return []push{{body: t.ended("")}} }},
			state: operation.Completed, purchases: 1,
			check: func(t *testing.T, g *stage) {
				if g.seller.count("get_task_status") == 0 || g.op.Terminal.Channel != operation.ByWebhook {
					t.Errorf("ended by %s after %d polls", g.op.Terminal.Channel, g.seller.count("get_task_status"))
				}
			},
		},
		{
			// "Authorization: Bearer; without it 401 JSON (MCP)". Not reached is no outcome: it is tried until the credential is right.
			name: "401 until the credential is right",
			seller: &seller{unsure: true, front: func(w http.ResponseWriter, r *http.Request, _ message) bool {
				if r.Header.Get("Authorization") == "Bearer "+token {
					return false
				}
				w.Header().Set("WWW-Authenticate", `Bearer realm="mcp", error="invalid_token"`)
				status(401, `{"error":"invalid_token","error_description":"Missing or unrecognized credentials."}`)(w, message{})
				return true
			}},
			begin: func(g *stage) {
				g.secret = "an old token"
				g.Plan(g.Now().Add(6*time.Hour), func() { g.secret = token })
			},
			state: operation.Completed, purchases: 1,
			check: func(t *testing.T, g *stage) { flagged(t, g, operation.AgentRefuses) },
		},
		{
			name: "401 for ever",
			seller: &seller{front: func(w http.ResponseWriter, _ *http.Request, _ message) bool {
				status(401, `{"error":"invalid_token"}`)(w, message{})
				return true
			}},
			state: operation.CallingAdCP, attention: operation.AgentRefuses,
		},
		{
			// JSON in a content text and nowhere else (contract B4).
			name:   "text only, no structured content",
			seller: &seller{textOnly: true}, state: operation.Completed, purchases: 1,
		},
		{
			name: "text only, an error",
			seller: &seller{textOnly: true, before: on("create_media_buy", func(call) *said {
				a := refuse("BUDGET_TOO_LOW")
				return &a
			})},
			state: operation.Failed,
		},
	}
}

// on scripts one tool.
func on(tool string, script func(c call) *said) func(call) *said {
	return func(c call) *said {
		if c.tool != tool {
			return nil
		}
		return script(c)
	}
}

// flagged checks that attention was raised for a reason at some time.
func flagged(t *testing.T, g *stage, why operation.Reason) {
	t.Helper()
	for _, e := range g.events {
		if e.Kind == operation.EventAttention && e.Detail == string(why) {
			return
		}
	}
	t.Errorf("no attention was raised for %s", why)
}

// answer is an AdCP object to answer with.
func answer(payload string) *said { return &said{payload: payload} }
