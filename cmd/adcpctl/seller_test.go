package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// seller is a sales agent that speaks MCP. The zero value gives a buyer nothing to suffer from.
type seller struct {
	*httptest.Server

	// careless: it invents tasks, buys again for the same key, refuses outside of AdCP, and promises
	// nothing.
	careless bool
	// token is what a call has to bear, "" for none.
	token string

	mu     sync.Mutex
	orders map[string]string // by key: the order
	buys   []string
}

func newSeller(t *testing.T, s *seller) *seller {
	t.Helper()
	s.orders = map[string]string{}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

type call struct {
	ID     json.RawMessage `json:"id"`
	Method string          `json:"method"`
	Params struct {
		Name      string         `json:"name"`
		Arguments map[string]any `json:"arguments"`
	} `json:"params"`
}

func (s *seller) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var c call
	switch {
	case r.Method != http.MethodPost:
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	case s.token != "" && r.Header.Get("Authorization") != "Bearer "+s.token:
		w.WriteHeader(http.StatusUnauthorized)
		return
	case json.NewDecoder(r.Body).Decode(&c) != nil:
		w.WriteHeader(http.StatusBadRequest)
		return
	case c.ID == nil:
		w.WriteHeader(http.StatusAccepted)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	result := ""
	switch c.Method {
	case "initialize":
		result = `{"protocolVersion":"2025-06-18","capabilities":{"tools":{}},"serverInfo":{"name":"s","version":"1"}}`
	case "tools/list":
		var tools []string
		for _, name := range []string{"get_adcp_capabilities", "create_media_buy", "update_media_buy", "get_media_buys",
			"get_task_status"} {
			tools = append(tools, fmt.Sprintf(`{"name":%q,"inputSchema":{"type":"object"}}`, name))
		}
		result = `{"tools":[` + strings.Join(tools, ",") + `]}`
	case "tools/call":
		if s.careless && c.Params.Name == "create_media_buy" && c.Params.Arguments["packages"] == nil {
			fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"error":{"code":-32602,"message":"packages: field required"}}`, c.ID)
			return
		}
		structured := s.tool(c.Params.Name, c.Params.Arguments)
		failed := strings.HasPrefix(structured, `{"adcp_error"`)
		result = fmt.Sprintf(`{"content":[{"type":"text","text":"{}"}],"structuredContent":%s,"isError":%t}`, structured,
			failed)
	}
	fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"result":%s}`, c.ID, result)
}

func refusal(code string) string {
	return fmt.Sprintf(`{"adcp_error":{"code":%q,"message":"no","recovery":"correctable"}}`, code)
}

func (s *seller) tool(name string, arguments map[string]any) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch name {
	case "get_adcp_capabilities":
		if s.careless {
			return `{"adcp":{"major_versions":[3],"idempotency":{"supported":false}},"supported_protocols":["media_buy"]}`
		}
		return `{"adcp":{"major_versions":[3],"supported_versions":["3.1"],"idempotency":{"supported":true,` +
			`"replay_ttl_seconds":86400}},"supported_protocols":["media_buy"],"webhook_signing":{"supported":true}}`
	case "create_media_buy":
		return s.order(arguments)
	case "update_media_buy":
		return fmt.Sprintf(`{"media_buy_id":%q,"status":"completed","media_buy_status":"canceled"}`,
			arguments["media_buy_id"])
	case "get_media_buys":
		var list []string
		for _, id := range s.buys {
			list = append(list, fmt.Sprintf(`{"media_buy_id":%q,"status":"active"}`, id))
		}
		return `{"media_buys":[` + strings.Join(list, ",") + `]}`
	}
	if s.careless {
		return fmt.Sprintf(`{"task_id":%q,"task_type":"create_media_buy","status":"working"}`, arguments["task_id"])
	}
	return refusal("REFERENCE_NOT_FOUND")
}

func (s *seller) order(arguments map[string]any) string {
	key := fmt.Sprint(arguments["idempotency_key"])
	order, _ := json.Marshal(arguments)
	before, known := s.orders[key]
	switch {
	case arguments["packages"] == nil:
		return refusal("INVALID_REQUEST")
	case known && before != string(order) && !s.careless:
		return refusal("IDEMPOTENCY_CONFLICT")
	case !known || s.careless:
		s.orders[key] = string(order)
		s.buys = append(s.buys, fmt.Sprintf("mb_%d", len(s.buys)+1))
	}
	return fmt.Sprintf(`{"media_buy_id":%q,"packages":[],"status":"completed","confirmed_at":"2026-11-26T12:00:00Z",`+
		`"revision":1}`, s.buys[len(s.buys)-1])
}
