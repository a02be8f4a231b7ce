package e2e

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"adcp-orchestrator/pkg/apikey"
)

// read asks an agent through the API, and returns the status and the answer.
func (h *harness) read(t *testing.T, agent, task string, arguments any) (*http.Response, map[string]json.RawMessage) {
	t.Helper()
	resp, body, err := h.Do(t.Context(), http.MethodPost, "/v1/agents/"+agent+"/read/"+task, nil, arguments)
	if err != nil {
		t.Fatal(err)
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(body, &members); err != nil {
		t.Fatalf("HTTP %d: %s", resp.StatusCode, body)
	}
	return resp, members
}

// What real sellers offer can be read over each transport, without an operation.
func TestReadsOfRealSellers(t *testing.T) {
	t.Parallel()
	python := env(t, "SENDERS_PYTHON")
	for name, start := range map[string]func(t *testing.T) realSeller{
		"npm":  demoSeller,
		"pypi": func(t *testing.T) realSeller { t.Helper(); return pypiSeller(t, python, "3.2,3.1,3.0", nil) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, h := start(t), newHarness(t, 120)
			createSecret(t, h.secretName("real"), s.token)
			for transport, url := range s.urls {
				agent := name + "-" + transport
				if status, _, text := h.register(t, agent, map[string]any{"url": url, "transport": transport,
					"credential_ref": h.secretName("real"), "brand_json_url": s.brand}); status != http.StatusCreated {
					t.Fatalf("HTTP %d: %s", status, text)
				}
				resp, got := h.read(t, agent, "get_adcp_capabilities", map[string]any{})
				if resp.StatusCode != http.StatusOK || !strings.Contains(string(got["result"]), `"adcp"`) ||
					strings.Contains(string(got["result"]), s.token) {
					t.Errorf("%s: HTTP %d: %s", agent, resp.StatusCode, got)
				}
				resp, got = h.read(t, agent, "get_products", map[string]any{"buying_mode": "brief", "brief": "video",
					"brand": map[string]any{"domain": "acme.example"}})
				t.Logf("%s: HTTP %d: %.300s", agent, resp.StatusCode, got)
				if resp.StatusCode != http.StatusOK || !strings.Contains(string(got["result"]), `"products"`) {
					t.Errorf("%s: HTTP %d: %s", agent, resp.StatusCode, got)
				}
			}
		})
	}
}

// What can't be read is refused with a problem, and nothing reaches the seller.
func TestReadsThatAreRefused(t *testing.T) {
	t.Parallel()
	h := newHarness(t, 120)
	for _, tc := range []struct {
		agent, task string
		arguments   any
		status      int
		code        string
	}{
		{"seller", "create_media_buy", map[string]any{}, http.StatusBadRequest, "not_a_read"},
		{"seller", "get_everything", map[string]any{}, http.StatusNotFound, "no_such_task"},
		{"nobody", "get_products", map[string]any{}, http.StatusNotFound, "not_found"},
		{"seller", "get_products", map[string]any{"idempotency_key": "mine"}, http.StatusBadRequest, "invalid_request"},
		{"seller", "get_products", "[", http.StatusBadRequest, "invalid_request"},
	} {
		resp, body, err := h.Do(t.Context(), http.MethodPost, "/v1/agents/"+tc.agent+"/read/"+tc.task, nil, tc.arguments)
		if err != nil {
			t.Fatal(err)
		}
		checkProblem(t, tc.task+" of "+tc.agent, resp, body, tc.status, h.functionProblem(tc.code))
	}
	key := h.Key
	h.Key = h.issueKey(t, apikey.ScopeAgentsRead, apikey.ScopeAgentsWrite, apikey.ScopeOperationsWrite)
	resp, body, err := h.Do(t.Context(), http.MethodPost, "/v1/agents/seller/read/get_products", nil, map[string]any{})
	if err != nil {
		t.Fatal(err)
	}
	checkProblem(t, "without the scope", resp, body, http.StatusForbidden, h.functionProblem("insufficient_scope"))
	h.Key = key
}

// A silent agent ends a read before API Gateway does, and leaves the other agent's reads alone.
func TestReadOfASilentAgentEndsInTime(t *testing.T) {
	t.Parallel()
	h := newHarness(t, 120)
	agent := h.fickle(t, "fickle", 120)
	if resp, got := h.read(t, "fickle", "get_adcp_capabilities", nil); resp.StatusCode/100 == 5 {
		t.Fatalf("before it is silent: HTTP %d: %s", resp.StatusCode, got)
	}
	agent.turn(silent)
	began := time.Now()
	resp, got := h.read(t, "fickle", "get_adcp_capabilities", nil)
	if took := time.Since(began); resp.StatusCode != http.StatusGatewayTimeout || took > 29*time.Second ||
		string(got["code"]) != `"agent_unreached"` {
		t.Errorf("HTTP %d after %v: %s", resp.StatusCode, took, got)
	}
	agent.turn(answers)
}
