package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"adcp-orchestrator/pkg/httpapi"
	"adcp-orchestrator/pkg/registry"
)

// register registers an agent, and returns the status, the agent and the text of the answer.
func (h *harness) register(t *testing.T, id string, entry map[string]any) (int, httpapi.Agent, string) {
	t.Helper()
	resp, body, err := h.Do(t.Context(), http.MethodPut, "/v1/agents/"+id, nil, entry)
	if err != nil {
		t.Fatal(err)
	}
	var a httpapi.Agent
	if err := json.Unmarshal(body, &a); err != nil {
		t.Fatalf("%s: %s", resp.Status, body)
	}
	return resp.StatusCode, a, string(body)
}

// showAgent returns a registered agent as the API shows it, "" if there is none.
func (h *harness) showAgent(t *testing.T, id string) string {
	t.Helper()
	resp, body, err := h.Do(t.Context(), http.MethodGet, "/v1/agents/"+id, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode == http.StatusNotFound {
		checkProblem(t, id, resp, body, http.StatusNotFound, h.functionProblem("not_found"))
		return ""
	}
	return string(body)
}

// severity returns the severity of an agent's finding, "" if the agent does not have it.
func severity(a httpapi.Agent, code string) registry.Severity {
	for _, f := range a.Discovery.Findings {
		if f.Code == code {
			return f.Severity
		}
	}
	return ""
}

// discoveryCase is a real seller, and what its registration must find.
type discoveryCase struct {
	name               string
	pollTool, listTool string
	idempotent         bool
	// wrongCredential is the code of the finding for a wrong credential, by transport.
	wrongCredential map[string]string
	start           func(t *testing.T) realSeller
}

// Registration discovers each real seller over each transport. GET shows the same without calling
// the seller.
func TestRegistrationOfRealSellers(t *testing.T) {
	t.Parallel()
	python := env(t, "SENDERS_PYTHON")
	for _, tc := range []discoveryCase{
		{
			name:       "npm",
			pollTool:   "tasks_get",
			idempotent: true,
			// npm's A2A server answers a wrong token with HTTP 500 and JSON-RPC's internal error, as it
			// answers a fault.
			wrongCredential: map[string]string{"mcp": "credential_refused", "a2a": "agent_unreached"},
			start:           demoSeller,
		},
		{
			name:            "pypi",
			pollTool:        "get_task_status",
			listTool:        "list_tasks",
			wrongCredential: map[string]string{"mcp": "credential_refused", "a2a": "credential_refused"},
			start:           func(t *testing.T) realSeller { return pypiSeller(t, python, "3.2,3.1,3.0", allCells()) },
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			s, h := tc.start(t), newHarness(t, 120)
			createSecret(t, h.secretName("real"), s.token)
			createSecret(t, h.secretName("wrong"), "not the token")
			for transport, url := range s.urls {
				h.checkDiscovery(t, tc, s, transport, url)
			}
		})
	}
}

// checkDiscovery registers a seller over one transport, with the right credential and with a wrong
// one.
func (h *harness) checkDiscovery(t *testing.T, tc discoveryCase, s realSeller, transport, url string) {
	t.Helper()
	status, a, text := h.register(t, tc.name+"-"+transport, map[string]any{
		"url":            url,
		"transport":      transport,
		"credential_ref": h.secretName("real"),
		"brand_json_url": s.brand,
	})
	t.Logf("%s over %s: %s", s.name, transport, indent(t, text))
	if status != http.StatusCreated || strings.Contains(text, s.token) {
		t.Fatalf("HTTP %d", status)
	}
	d := a.Discovery
	if d.PollTool != tc.pollTool || d.ListTool != tc.listTool || !slices.Contains(d.Tasks, "create_media_buy") {
		t.Errorf("%s: poll tool %q, list tool %q, tasks %v", transport, d.PollTool, d.ListTool, d.Tasks)
	}
	c := d.Capabilities
	if c == nil || c.Idempotency.Supported == nil || *c.Idempotency.Supported != tc.idempotent ||
		(severity(a, "idempotency_unsupported") == "") != tc.idempotent {
		t.Errorf("%s: capabilities %+v, findings %+v", transport, c, d.Findings)
	}
	if got := h.showAgent(t, a.ID); !strings.HasPrefix(got, strings.TrimSuffix(text, "}")+`,"traffic":{`) {
		t.Errorf("shown as %s", got)
	}
	// A refused credential is another finding than an agent that is down, where the agent allows it
	// (contract D12).
	_, a, _ = h.register(t, "wrong-"+transport, map[string]any{
		"url":            url,
		"transport":      transport,
		"credential_ref": h.secretName("wrong"),
	})
	if severity(a, tc.wrongCredential[transport]) != registry.SeverityUnsafe {
		t.Errorf("%s with a wrong credential: %+v", transport, a.Discovery.Findings)
	}
}

// An agent that is down is registered all the same, so that infrastructure as code does not depend
// on it.
func TestAgentThatIsDownIsRegistered(t *testing.T) {
	t.Parallel()
	h := newHarness(t, 120)
	entry := map[string]any{"url": "http://127.0.0.1:" + freePort(t) + "/mcp", "webhook_mode": "none"}
	for _, want := range []int{http.StatusCreated, http.StatusOK} {
		status, a, text := h.register(t, "down", entry)
		unsafe := severity(a, "agent_unreached") == registry.SeverityUnsafe
		if status != want || !unsafe || !a.Discovery.DiscoveredAt.IsZero() {
			t.Fatalf("HTTP %d: %s", status, text)
		}
	}
	got := h.showAgent(t, "down")
	if !strings.Contains(got, `"code":"not_asked"`) || !strings.Contains(got, `"version":2`) {
		t.Errorf("shown as %s", got)
	}
}

// An agent that breaks AdCP's rules is refused with every finding, and nothing is stored (contract
// B39).
func TestAgentThatBreaksTheRulesIsRefused(t *testing.T) {
	t.Parallel()
	h := newHarness(t, 120)
	agent := fakeAgent(t, `{"adcp":{"major_versions":[3],"idempotency":{"supported":true,"replay_ttl_seconds":3600}},
		"supported_protocols":["media_buy"],"media_buy":{"reporting_delivery_methods":["webhook"]},
		"webhook_signing":{"supported":false,"algorithms":["rsa-pss-sha512"]}}`)
	const algorithm = "webhook_signing.algorithms[0] algorithm_not_allowed"
	h.checkRefused(t, map[string]any{"url": agent}, algorithm, "webhook_signing.supported webhooks_not_signed")
	if got := h.showAgent(t, "odd"); got != "" {
		t.Errorf("stored: %s", got)
	}

	// An existing entry stays as it is.
	seller := map[string]any{"url": env(t, "SELLER_URL"), "credential_ref": h.secretName("seller")}
	if status, _, text := h.register(t, "odd", seller); status != http.StatusCreated {
		t.Fatal(text)
	}
	before := h.showAgent(t, "odd")
	h.checkRefused(t, map[string]any{"url": agent, "webhook_mode": "none"}, algorithm)
	if got := h.showAgent(t, "odd"); got != before {
		t.Errorf("it was\n%s\nand is\n%s", before, got)
	}

	// A webhook_mode without signatures is the owner's choice.
	unsigned := fakeAgent(t, `{"media_buy":{"reporting_delivery_methods":["webhook"]}}`)
	status, a, text := h.register(t, "chosen", map[string]any{"url": unsigned, "webhook_mode": "none"})
	if status != http.StatusCreated || severity(a, "webhooks_not_signed") != registry.SeverityUnsafe {
		t.Errorf("HTTP %d: %s", status, text)
	}
}

// checkRefused checks that an entry for the agent "odd" is refused for these fields and codes.
func (h *harness) checkRefused(t *testing.T, entry map[string]any, want ...string) {
	t.Helper()
	resp, body, err := h.Do(t.Context(), http.MethodPut, "/v1/agents/odd", nil, entry)
	if err != nil {
		t.Fatal(err)
	}
	got := checkProblem(t, "refused agent", resp, body, http.StatusUnprocessableEntity, h.functionProblem("agent_refused"))
	t.Log(indent(t, string(body)))
	if !slices.Equal(got, want) {
		t.Errorf("refused for %v, want %v", got, want)
	}
}

const (
	fakeInitialize = `{"protocolVersion":"2025-06-18","capabilities":{"tools":{}},` +
		`"serverInfo":{"name":"fake","version":"1"}}`
	fakeTools = `{"tools":[{"name":"get_adcp_capabilities","inputSchema":{"type":"object"}},` +
		`{"name":"create_media_buy","inputSchema":{"type":"object"}}]}`
)

// fakeAgent is an MCP agent that offers two tools and returns these capabilities.
func fakeAgent(t *testing.T, capabilities string) string {
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
			result = fakeInitialize
		case "tools/list":
			result = fakeTools
		case "tools/call":
			result = `{"content":[],"structuredContent":` + capabilities + `}`
		}
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"result":%s}`, in.ID, result)
	}))
	t.Cleanup(s.Close)
	return s.URL + "/mcp"
}

func indent(t *testing.T, text string) string {
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
