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

// interceptNth answers the nth request with a JSON-RPC method, or the nth call of a tool, below
// AdCP.
func interceptNth(
	method, tool string, nth int, answer func(w http.ResponseWriter, req request),
) func(http.ResponseWriter, *http.Request, request) bool {
	seen := 0
	return func(w http.ResponseWriter, _ *http.Request, req request) bool {
		if req.Method != method || tool != "" && !strings.Contains(string(req.Params), `"name":"`+tool+`"`) {
			return false
		}
		if seen++; seen != nth {
			return false
		}
		answer(w, req)
		return true
	}
}

// respondWith answers with an HTTP status and a JSON body.
func respondWith(code int, body string) func(http.ResponseWriter, request) {
	return func(w http.ResponseWriter, _ request) {
		w.Header().Set("Content-Type", jsonType)
		w.WriteHeader(code)
		_, _ = io.WriteString(w, body)
	}
}

// hugeToolList returns a page of the tool list with size bytes of schemas. The schemas of the
// named tools are wrong.
func hugeToolList(size int, tools ...string) string {
	var b strings.Builder
	b.WriteString(`{"tools":[`)
	for i, name := range tools {
		fmt.Fprintf(&b, `{"name":%q,"description":"\"quoted\" \\ {[",`+
			`"inputSchema":{"type":"object","pad":"%s"},"outputSchema":{"name":"no_tool"}},{"name":"other_%d"},`,
			name, strings.Repeat("x", size/len(tools)), i)
	}
	return strings.TrimSuffix(b.String(), ",") + `]}`
}

var offeredTools = []string{"get_adcp_capabilities", "create_media_buy", "get_task_status"}

func transportHazards() []scenario {
	return []scenario{
		{
			// "Accept must list both application/json and text/event-stream, else 406 (TypeScript)."
			name:      "406 unless Accept lists both types",
			seller:    &seller{streamed: true},
			state:     operation.Completed,
			purchases: 1,
			check: func(t *testing.T, h *harness) {
				for _, req := range h.seller.requests {
					accept := req.header.Get("Accept")
					both := strings.Contains(accept, jsonType) && strings.Contains(accept, streamType)
					if req.httpMethod == http.MethodPost && !both {
						t.Errorf("%s came with Accept %q", req.Method, accept)
					}
				}
			},
		},
		{
			// "TypeScript answers as SSE"
			name:      "answers as a stream of events",
			seller:    &seller{streamed: true, synchronous: true},
			state:     operation.Completed,
			purchases: 1,
		},
		{
			// "Python as plain JSON."
			name:      "answers as plain JSON",
			seller:    &seller{synchronous: true},
			state:     operation.Completed,
			purchases: 1,
		},
		{
			// "TypeScript is stateless (no session header; accepts a bogus one)."
			name:      "stateless, without a session",
			seller:    &seller{streamed: true},
			state:     operation.Completed,
			purchases: 1,
			check: func(t *testing.T, h *harness) {
				for _, req := range h.seller.requests {
					if req.header.Get("Mcp-Session-Id") != "" {
						t.Errorf("%s came with a session that the seller never opened", req.Method)
					}
				}
				if n := h.seller.httpMethods()[http.MethodDelete]; n != 0 {
					t.Errorf("%d sessions were ended that the seller never opened", n)
				}
			},
		},
		{
			// "Python is sessionful: initialize gives mcp-session-id; without it 400, with a stale one
			// 404."
			name:      "sessionful, 400 without a session",
			seller:    &seller{sessions: true},
			state:     operation.Completed,
			purchases: 1,
			check: func(t *testing.T, h *harness) {
				if len(h.seller.liveSessions) != 0 {
					t.Errorf("%d sessions were left open", len(h.seller.liveSessions))
				}
			},
		},
		{
			// The same: a session that dies between initialize and the purchase. A 404 proves nothing, so
			// the orchestrator looks for the buy before it calls again.
			name: "session dies before the purchase",
			seller: &seller{
				sessions:   true,
				noDedup:    true,
				otherTools: []string{"get_media_buys"},
				intercept:  interceptNth("tools/call", "create_media_buy", 1, respondWith(404, staleSession)),
			},
			state:     operation.Completed,
			purchases: 1,
			check: func(t *testing.T, h *harness) {
				if h.op.Call.Attempts != 2 {
					t.Errorf("%d attempts to purchase, want 2", h.op.Call.Attempts)
				}
			},
		},
		{
			name: "session dies before a poll",
			seller: &seller{
				sessions:  true,
				intercept: interceptNth("tools/call", "get_task_status", 1, respondWith(404, staleSession)),
			},
			state:     operation.Completed,
			purchases: 1,
		},
		{
			name: "session dies before the tool list",
			seller: &seller{
				sessions:  true,
				intercept: interceptNth("tools/list", "", 1, respondWith(404, staleSession)),
			},
			state:     operation.Completed,
			purchases: 1,
		},
		{
			// "tools/list is 2.3 MB on Python 9.2.0"
			name:      "tool list of 2.3 MB",
			seller:    &seller{sessions: true, toolList: hugeToolList(2_300_000, offeredTools...)},
			state:     operation.Completed,
			purchases: 1,
		},
		{
			// "(8.7 MB on an older one)"
			name:      "tool list of 8.7 MB, streamed",
			seller:    &seller{streamed: true, toolList: hugeToolList(8_700_000, offeredTools...)},
			state:     operation.Completed,
			purchases: 1,
		},
		{
			// "Tool parameter schemas there are not to be trusted for validation."
			name: "tool schemas that lie",
			seller: &seller{
				toolList: `{"tools":[{"name":"get_adcp_capabilities","inputSchema":{"$ref":"#/nowhere"}},` +
					`{"name":"get_task_status","inputSchema":{"type":"null"}},` +
					`{"name":"create_media_buy","inputSchema":{"type":"object","required":["budget_in_shells"],` +
					`"additionalProperties":false,"properties":{"account":{"type":"integer"}}},` +
					`"outputSchema":{"type":"object","required":["nothing"],"additionalProperties":false}}]}`,
			},
			state:     operation.Completed,
			purchases: 1,
		},
		{
			// "Errors are HTTP 200 with isError:true and
			// structuredContent.adcp_error{code,message,recovery,field}"
			name: "error as HTTP 200 with adcp_error",
			seller: &seller{
				before: onTool("create_media_buy", func(call) *fakeAnswer {
					return adcpError("PRODUCT_NOT_FOUND", `"recovery":"correctable"`, `"field":"packages[0]"`)
				}),
			},
			state: operation.Failed,
			check: func(t *testing.T, h *harness) {
				if e := h.op.Error; e == nil || e.Code != "PRODUCT_NOT_FOUND" || e.Field != "packages[0]" {
					t.Errorf("the error is %+v", e)
				}
			},
		},
		{
			// "SDK 13 adds errors[]" (and a status, as captured)
			name: "error with errors beside adcp_error",
			seller: &seller{
				streamed: true,
				before: onTool("create_media_buy", func(call) *fakeAnswer {
					const e = `{"code":"VALIDATION_ERROR","message":"no","recovery":"correctable","field":"/account"}`
					return &fakeAnswer{
						isError: true,
						payload: `{"adcp_error":` + e + `,"errors":[` + e + `],"status":"failed","adcp_version":"3.1"}`,
					}
				}),
			},
			state: operation.Failed,
			check: func(t *testing.T, h *harness) {
				if e := h.op.Error; e == nil || e.Code != "VALIDATION_ERROR" {
					t.Errorf("the error is %+v", e)
				}
			},
		},
		{
			// "an unknown tool is text only": such an answer says nothing in AdCP's terms, so it proves
			// nothing (contract A28).
			name: "unknown tool, said in text only",
			seller: &seller{
				noDedup: true,
				before: onTool("create_media_buy", func(call) *fakeAnswer {
					return &fakeAnswer{isError: true, text: "MCP error -32602: Tool create_media_buy not found"}
				}),
			},
			state:     operation.CallingAdCP,
			attention: operation.OutcomeUnclear,
		},
		{
			// The same for the polling tool, although the tool list has it: the webhook ends the operation.
			name: "unknown polling tool, said in text only",
			seller: &seller{
				toolList: `{"tools":[{"name":"get_adcp_capabilities"},{"name":"create_media_buy"},` +
					`{"name":"get_task_status"}]}`,
				pollTools: []string{},
				workTime:  12 * time.Hour,
				push:      honestWebhook,
			},
			state:     operation.Completed,
			purchases: 1,
			check: func(t *testing.T, h *harness) {
				if h.seller.callCount("get_task_status") == 0 || h.op.Terminal.Channel != operation.ByWebhook {
					t.Errorf("ended by %s after %d polls", h.op.Terminal.Channel, h.seller.callCount("get_task_status"))
				}
			},
		},
		{
			// "Authorization: Bearer; without it 401 JSON (MCP)". A call that did not reach AdCP is no
			// outcome: the orchestrator retries until the credential is right.
			name: "401 until the credential is right",
			seller: &seller{
				noDedup: true,
				intercept: func(w http.ResponseWriter, r *http.Request, _ request) bool {
					if r.Header.Get("Authorization") == "Bearer "+token {
						return false
					}
					w.Header().Set("WWW-Authenticate", `Bearer realm="mcp", error="invalid_token"`)
					const body = `{"error":"invalid_token","error_description":"Missing or unrecognized credentials."}`
					respondWith(401, body)(w, request{})
					return true
				},
			},
			setup:     credentialAfterSixHours,
			state:     operation.Completed,
			purchases: 1,
			check:     func(t *testing.T, h *harness) { attentionRaised(t, h, operation.AgentRefuses) },
		},
		{
			name: "401 for ever",
			seller: &seller{
				intercept: func(w http.ResponseWriter, _ *http.Request, _ request) bool {
					respondWith(401, `{"error":"invalid_token"}`)(w, request{})
					return true
				},
			},
			state:     operation.CallingAdCP,
			attention: operation.AgentRefuses,
		},
		{
			// JSON in a content text and nowhere else (contract B4).
			name:      "text only, no structured content",
			seller:    &seller{textOnly: true},
			state:     operation.Completed,
			purchases: 1,
		},
		{
			name: "text only, an error",
			seller: &seller{
				textOnly: true,
				before: onTool("create_media_buy", func(call) *fakeAnswer {
					return adcpError("BUDGET_TOO_LOW")
				}),
			},
			state: operation.Failed,
		},
	}
}
