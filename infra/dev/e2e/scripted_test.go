package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"adcp-orchestrator/pkg/operation"
)

// scriptedSeller is an agent over MCP that lets each task go as its purchase order says: it accepts
// the request, and each poll shows the next status of the script, the last one again and again.
type scriptedSeller struct {
	script map[string][]string // statuses by purchase order
	// keys: it says that it deduplicates by idempotency key.
	keys bool
	// refuses: it refuses our credential.
	refuses atomic.Bool

	mu    sync.Mutex
	polls map[string]int // by task
}

// scripted starts a scripted seller and registers it.
func (h *harness) scripted(t *testing.T, id string, keys bool, script map[string][]string) *scriptedSeller {
	t.Helper()
	s := &scriptedSeller{script: script, keys: keys, polls: map[string]int{}}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	err := h.PutAgent(t.Context(), id, map[string]any{
		"url":            server.URL + "/mcp",
		"credential_ref": h.secretName("seller"),
		"webhook_mode":   operation.WebhookNone,
		"poll":           map[string]any{"interval_seconds": 2},
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *scriptedSeller) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var call struct {
		ID     json.RawMessage `json:"id"`
		Method string          `json:"method"`
		Params struct {
			Name      string         `json:"name"`
			Arguments map[string]any `json:"arguments"`
		} `json:"params"`
	}
	switch {
	case s.refuses.Load():
		w.WriteHeader(http.StatusUnauthorized)
		return
	case r.Method != http.MethodPost:
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	case json.NewDecoder(r.Body).Decode(&call) != nil:
		w.WriteHeader(http.StatusBadRequest)
		return
	case len(call.ID) == 0: // a notification
		w.WriteHeader(http.StatusAccepted)
		return
	}
	var result any
	switch call.Method {
	case "initialize":
		result = map[string]any{"protocolVersion": "2025-06-18", "capabilities": map[string]any{"tools": map[string]any{}},
			"serverInfo": map[string]any{"name": "scripted", "version": "1"}}
	case "tools/list":
		var tools []any
		for _, name := range []string{"get_adcp_capabilities", "create_media_buy", "get_task_status"} {
			tools = append(tools, map[string]any{"name": name, "inputSchema": map[string]any{"type": "object"}})
		}
		result = map[string]any{"tools": tools}
	case "tools/call":
		answer := s.call(call.Params.Name, call.Params.Arguments)
		if answer == nil { // it has bought, and does not say so
			panic(http.ErrAbortHandler)
		}
		text, _ := json.Marshal(answer)
		result = map[string]any{"structuredContent": answer,
			"content": []any{map[string]any{"type": "text", "text": string(text)}}}
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{"jsonrpc": "2.0", "id": call.ID, "result": result})
}

// call answers a tool's call, nil if the connection breaks.
func (s *scriptedSeller) call(tool string, arguments map[string]any) map[string]any {
	switch tool {
	case "get_adcp_capabilities":
		idempotency := map[string]any{"supported": s.keys}
		if s.keys {
			idempotency["replay_ttl_seconds"] = 86_400
		}
		return map[string]any{"status": "completed", "supported_protocols": []any{"media_buy"},
			"adcp": map[string]any{"major_versions": []any{3}, "supported_versions": []any{"3.1"}, "idempotency": idempotency}}
	case "create_media_buy":
		po := fmt.Sprint(arguments["po_number"])
		if len(s.script[po]) == 0 {
			return nil
		}
		return map[string]any{"status": "submitted", "task_id": "task-" + po}
	}
	task := fmt.Sprint(arguments["task_id"])
	script := s.script[strings.TrimPrefix(task, "task-")]
	s.mu.Lock()
	defer s.mu.Unlock()
	status := script[min(s.polls[task], len(script)-1)]
	s.polls[task]++
	answer := map[string]any{"status": status, "task_id": task, "task_type": "create_media_buy", "protocol": "media-buy",
		"created_at": "2026-11-23T12:00:00Z", "updated_at": "2026-11-23T12:00:00Z", "message": "as the script says"}
	switch status {
	case "completed":
		answer["result"] = map[string]any{"media_buy_id": "mb-" + task, "packages": []any{}, "revision": 1,
			"confirmed_at": "2026-11-23T12:00:00Z"}
	case "failed", "rejected":
		answer["error"] = map[string]any{"code": "POLICY_VIOLATION", "message": "as the script says"}
	}
	return answer
}
