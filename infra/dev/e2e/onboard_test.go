package e2e

import (
	"adcp-orchestrator/pkg/httpapi"
	"adcp-orchestrator/pkg/registry"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
)

// onboard registers an agent and returns the status, the answer and its text.
func (w *world) onboard(t *testing.T, id string, entry map[string]any) (int, httpapi.Agent, string) {
	t.Helper()
	resp, body, err := w.Do(t.Context(), http.MethodPut, "/v1/agents/"+id, nil, entry)
	if err != nil {
		t.Fatal(err)
	}
	var a httpapi.Agent
	if err := json.Unmarshal(body, &a); err != nil {
		t.Fatalf("%s: %s", resp.Status, body)
	}
	return resp.StatusCode, a, string(body)
}

// shown reads a registered agent. It is empty if there is none.
func (w *world) shown(t *testing.T, id string) string {
	t.Helper()
	resp, body, err := w.Do(t.Context(), http.MethodGet, "/v1/agents/"+id, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode == http.StatusNotFound {
		return ""
	}
	return string(body)
}

func severity(a httpapi.Agent, code string) registry.Severity {
	for _, f := range a.Discovery.Findings {
		if f.Code == code {
			return f.Severity
		}
	}
	return ""
}

// What is found of the real sellers, over each transport, and that it is told again without asking.
func TestOnboardingOfRealSellers(t *testing.T) {
	t.Parallel()
	python := env(t, "SENDERS_PYTHON")
	for _, tc := range []struct {
		name, poll, list string
		idempotent       bool
		denies           map[string]string // what a wrong credential is found to be
		start            func(t *testing.T) foreign
	}{
		// npm's A2A server answers a wrong token by HTTP 500 and JSON-RPC's internal error: nothing tells it from a fault.
		{"npm", "tasks_get", "", true, map[string]string{"mcp": "credential_refused", "a2a": "agent_unreached"}, func(t *testing.T) foreign { return demoSeller(t) }},
		{"pypi", "get_task_status", "list_tasks", false, map[string]string{"mcp": "credential_refused", "a2a": "credential_refused"}, func(t *testing.T) foreign { return pypiSeller(t, python) }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			f, w := tc.start(t), enter(t, 120)
			ref := "adcp/" + w.tenant + "/foreign"
			secret(t, ref, f.token)
			for transport, url := range f.urls {
				status, a, text := w.onboard(t, tc.name+"-"+transport, map[string]any{"url": url, "transport": transport, "credential_ref": ref, "brand_json_url": f.brand})
				t.Logf("%s over %s: %s", f.name, transport, indented(t, text))
				if status != http.StatusCreated || strings.Contains(text, f.token) {
					t.Fatalf("HTTP %d", status)
				}
				if a.Discovery.PollTool != tc.poll || a.Discovery.ListTool != tc.list || !slices.Contains(a.Discovery.Tasks, "create_media_buy") {
					t.Errorf("%s: polling tool %q, list tool %q, tasks %v", transport, a.Discovery.PollTool, a.Discovery.ListTool, a.Discovery.Tasks)
				}
				c := a.Discovery.Capabilities
				if c == nil || c.Idempotency.Supported == nil || *c.Idempotency.Supported != tc.idempotent || (severity(a, "idempotency_unsupported") == "") != tc.idempotent {
					t.Errorf("%s: capabilities %+v, findings %+v", transport, c, a.Discovery.Findings)
				}
				if got := w.shown(t, a.ID); got != text {
					t.Errorf("shown as %s", got)
				}
				// contract D12: a credential that the agent refuses is told from an agent that is down.
				secret(t, ref+"-wrong", "nobody's")
				if _, a, _ = w.onboard(t, "wrong-"+transport, map[string]any{"url": url, "transport": transport, "credential_ref": ref + "-wrong"}); severity(a, tc.denies[transport]) != registry.SeverityUnsafe {
					t.Errorf("%s with a wrong credential: %+v", transport, a.Discovery.Findings)
				}
			}
		})
	}
}

// An agent that is down is registered all the same: whoever writes infrastructure as code does not wait for it.
func TestOnboardingOfAnAgentThatIsDown(t *testing.T) {
	t.Parallel()
	w := enter(t, 120)
	entry := map[string]any{"url": "http://127.0.0.1:" + freePort(t) + "/mcp", "webhook_mode": "none"}
	for _, want := range []int{http.StatusCreated, http.StatusOK} {
		status, a, text := w.onboard(t, "down", entry)
		if status != want || severity(a, "agent_unreached") != registry.SeverityUnsafe || !a.Discovery.DiscoveredAt.IsZero() {
			t.Fatalf("HTTP %d: %s", status, text)
		}
	}
	if got := w.shown(t, "down"); !strings.Contains(got, `"code":"not_asked"`) || !strings.Contains(got, `"version":2`) {
		t.Errorf("shown as %s", got)
	}
}

// contract B39: an agent that breaks the rule is refused, with all that speaks against it, and nothing is stored.
func TestOnboardingRefuses(t *testing.T) {
	t.Parallel()
	w := enter(t, 120)
	agent := scripted(t, `{"adcp":{"major_versions":[3],"idempotency":{"supported":true,"replay_ttl_seconds":3600}},"supported_protocols":["media_buy"],
		"media_buy":{"reporting_delivery_methods":["webhook"]},"webhook_signing":{"supported":false,"algorithms":["rsa-pss-sha512"]}}`)
	refused := func(entry map[string]any, fields ...string) {
		t.Helper()
		resp, body, err := w.Do(t.Context(), http.MethodPut, "/v1/agents/odd", nil, entry)
		if err != nil {
			t.Fatal(err)
		}
		var p httpapi.Problem
		if err := json.Unmarshal(body, &p); err != nil || resp.StatusCode != http.StatusUnprocessableEntity || resp.Header.Get("Content-Type") != "application/problem+json" {
			t.Fatalf("%s %v: %s", resp.Status, err, body)
		}
		t.Log(indented(t, string(body)))
		var got []string
		for _, e := range p.Errors {
			got = append(got, e.Field)
		}
		if !slices.Equal(got, fields) {
			t.Errorf("refused for %v, want %v", got, fields)
		}
	}
	refused(map[string]any{"url": agent}, "webhook_signing.algorithms[0]", "webhook_signing.supported")
	if got := w.shown(t, "odd"); got != "" {
		t.Errorf("stored: %s", got)
	}
	// The entry that is there stays as it is.
	if status, _, text := w.onboard(t, "odd", map[string]any{"url": env(t, "SELLER_URL"), "credential_ref": "adcp/" + w.tenant + "/seller"}); status != http.StatusCreated {
		t.Fatal(text)
	}
	before := w.shown(t, "odd")
	refused(map[string]any{"url": agent, "webhook_mode": "none"}, "webhook_signing.algorithms[0]")
	if got := w.shown(t, "odd"); got != before {
		t.Errorf("it was\n%s\nand is\n%s", before, got)
	}
	// A mode that doesn't rely on signatures is the owner's choice.
	unsigned := scripted(t, `{"media_buy":{"reporting_delivery_methods":["webhook"]}}`)
	if status, a, text := w.onboard(t, "chosen", map[string]any{"url": unsigned, "webhook_mode": "none"}); status != http.StatusCreated || severity(a, "webhooks_not_signed") != registry.SeverityUnsafe {
		t.Errorf("HTTP %d: %s", status, text)
	}
}

// scripted is an MCP agent that offers two tools and tells those capabilities.
func scripted(t *testing.T, capabilities string) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var in struct {
			ID     json.RawMessage `json:"id"`
			Method string          `json:"method"`
		}
		if json.NewDecoder(r.Body).Decode(&in) != nil || in.ID == nil {
			w.WriteHeader(http.StatusAccepted)
			return
		}
		result := `{}`
		switch in.Method {
		case "initialize":
			result = `{"protocolVersion":"2025-06-18","capabilities":{"tools":{}},"serverInfo":{"name":"scripted","version":"1"}}`
		case "tools/list":
			result = `{"tools":[{"name":"get_adcp_capabilities","inputSchema":{"type":"object"}},{"name":"create_media_buy","inputSchema":{"type":"object"}}]}`
		case "tools/call":
			result = `{"content":[],"structuredContent":` + capabilities + `}`
		}
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"result":%s}`, in.ID, result)
	}))
	t.Cleanup(s.Close)
	return s.URL + "/mcp"
}

func indented(t *testing.T, text string) string {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatal(err)
	}
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
