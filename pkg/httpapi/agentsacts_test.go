package httpapi_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/apikey"
	"adcp-orchestrator/pkg/breaker"
	"adcp-orchestrator/pkg/circuit"
	"adcp-orchestrator/pkg/httpapi"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/orchestrator"
	"adcp-orchestrator/pkg/registry"
	"adcp-orchestrator/pkg/store/memory"
)

// The routes of agents.
const (
	deleteAgent = "DELETE /v1/agents/{id}"
	showAgent   = "GET /v1/agents/{id}"
	pauseAgent  = "POST /v1/agents/{id}/pause"
	resumeAgent = "POST /v1/agents/{id}/resume"
	probeAgent  = "POST /v1/agents/{id}/probe"
)

// agentActs are the functions of agents over a store with the agents a0 to a4.
type agentActs struct {
	store                                    *memory.Store
	list, show, remove, pause, resume, probe httpapi.Function
}

func newAgentActs(t *testing.T) agentActs {
	t.Helper()
	s := memory.New(clock)
	for n := range 5 {
		a := registry.Agent{Tenant: "acme", ID: fmt.Sprint("a", n), URL: "https://s.example/mcp", Version: 1,
			Transport: adcp.MCP, WebhookMode: operation.WebhookHMAC, Poll: operation.PollPolicy{}.WithDefaults(),
			CreatedAt: now.Add(time.Duration(n) * time.Second)}
		if err := s.PutAgent(t.Context(), a); err != nil {
			t.Fatal(err)
		}
	}
	b := breaker.New(s, breaker.Options{Policy: circuit.Default, Bounds: breaker.DefaultBounds, Lease: time.Minute,
		Now: clock, Jitter: func() float64 { return 0 }, NewID: func() string { return "l" }})
	r := registry.Register{Store: s, Agents: fakeAgent(""), Now: clock,
		Checker: registry.Checker{CheckURL: func(string) error { return nil }}}
	o := registry.Overview{Store: s, Breaker: b}
	return agentActs{store: s,
		list:   api.Serve(apikey.ScopeAgentsRead, api.ListAgents(o.Page)),
		show:   api.Serve(apikey.ScopeAgentsRead, api.ShowAgent(r.Show, o.Of)),
		remove: api.Serve(apikey.ScopeAgentsWrite, api.DeleteAgent(r.Delete)),
		pause:  api.Serve(apikey.ScopeAgentsWrite, api.SetAgentBrake(s, true, clock)),
		resume: api.Serve(apikey.ScopeAgentsWrite, api.SetAgentBrake(s, false, clock)),
		probe:  api.Serve(apikey.ScopeAgentsCall, api.ProbeAgent(r.Probe)),
	}
}

// of is a request of a route about what has an id.
func of(route, id, body string, header map[string]string) events.APIGatewayProxyRequest {
	e := routed(route, id)
	e.Body, e.Headers = body, header
	return as(e, "acme")
}

func TestAgentsAreListedNewestFirst(t *testing.T) {
	t.Parallel()
	acts := newAgentActs(t)
	type item struct {
		ID      string          `json:"id"`
		Traffic httpapi.Traffic `json:"traffic"`
	}
	type agents struct {
		Items []item
		Self  string
		Next  string
	}
	var got []string
	query := map[string]string{"limit": "2"}
	for pages := 0; ; pages++ {
		p := decode[agents](t, call(t, acts.list, listOf("/v1/agents", query, "acme")), 200)
		for _, a := range p.Items {
			got = append(got, a.ID)
			if a.Traffic.Circuit.State != breaker.CircuitClosed || a.Traffic.Paused != nil {
				t.Errorf("%s: %+v", a.ID, a.Traffic)
			}
		}
		if p.Next == "" || pages > 5 {
			break
		}
		u, err := url.Parse(p.Next)
		if err != nil || !strings.HasPrefix(p.Next, baseURL+"/v1/agents?") {
			t.Fatal(p.Next, err)
		}
		query = map[string]string{"limit": u.Query().Get("limit"), "cursor": u.Query().Get("cursor")}
	}
	if want := "[a4 a3 a2 a1 a0]"; fmt.Sprint(got) != want {
		t.Errorf("got %v", got)
	}
	p := decode[agents](t, call(t, acts.list, listOf("/v1/agents", nil, "other")), 200)
	if len(p.Items) != 0 || p.Items == nil {
		t.Errorf("another tenant sees %+v", p)
	}
	none := listOf("/v1/agents", map[string]string{"limit": "0"}, "acme")
	wantProblem(t, call(t, acts.list, none), 400, "invalid_request")
	for _, wrong := range []string{"e30", "%"} {
		e := listOf("/v1/agents", map[string]string{"cursor": wrong}, "acme")
		wantProblem(t, call(t, acts.list, e), 400, "invalid_cursor")
	}
}

func TestAgentWithOpenOperationsIsNotDeleted(t *testing.T) {
	t.Parallel()
	acts := newAgentActs(t)
	n := orchestrator.NewOperation{Op: operation.Operation{Tenant: "acme", ID: "op_1", AgentID: "a1", Counted: true,
		State: operation.Requested, Version: 1}, Request: json.RawMessage(`{}`), KeyHash: "k"}
	if err := acts.store.Create(t.Context(), n); err != nil {
		t.Fatal(err)
	}
	p := wantProblem(t, call(t, acts.remove, of(deleteAgent, "a1", "", nil)), 409, "agent_has_open_operations")
	if p.Open != 1 {
		t.Errorf("got %+v", p)
	}
	shown := call(t, acts.show, of(showAgent, "a1", "", nil))
	if a := decode[httpapi.Agent](t, shown, 200); a.Traffic == nil || a.Traffic.OpenOperations != 1 ||
		shown.Headers["ETag"] != `"1"` {
		t.Errorf("got %s, ETag %s", shown.Body, shown.Headers["ETag"])
	}
	version := func(tag string) events.APIGatewayProxyResponse {
		t.Helper()
		return call(t, acts.remove, of(deleteAgent, "a2", "", map[string]string{"If-Match": tag}))
	}
	wantProblem(t, version(`"2"`), 412, "version_mismatch")
	wantProblem(t, version(`2`), 400, "invalid_request")
	got := version(`"1"`)
	if got.StatusCode != 204 || got.Body != "" {
		t.Errorf("got %d %q", got.StatusCode, got.Body)
	}
	wantProblem(t, call(t, acts.remove, of(deleteAgent, "a2", "", nil)), 404, "not_found")
	wantProblem(t, call(t, acts.remove, of(deleteAgent, strings.Repeat("a", 3000), "", nil)), 404, "not_found")
}

func TestAgentIsPausedAndResumed(t *testing.T) {
	t.Parallel()
	acts := newAgentActs(t)
	type answer struct {
		ID     string          `json:"id"`
		Paused *httpapi.Paused `json:"paused"`
	}
	for _, reason := range []string{"the invoice is wrong", "again"} {
		got := decode[answer](t, call(t, acts.pause, of(pauseAgent, "a1", `{"reason":"`+reason+`"}`, nil)), 200)
		if got.Paused == nil || got.Paused.Reason != "the invoice is wrong" || got.Paused.Actor.ID != "k" {
			t.Errorf("got %+v", got)
		}
	}
	if a := decode[httpapi.Agent](t, call(t, acts.show, of(showAgent, "a1", "", nil)), 200); a.Traffic.Paused == nil {
		t.Error("the agent is not shown as paused")
	}
	resumed := call(t, acts.resume, of(resumeAgent, "a1", `{"reason":"settled"}`, nil))
	if got := decode[answer](t, resumed, 200); got.Paused != nil {
		t.Errorf("got %+v", got)
	}
	wantProblem(t, call(t, acts.pause, of(pauseAgent, "nobody", `{"reason":"x"}`, nil)), 404, "not_found")
	for _, body := range []string{"", "{}", `{"reason":""}`, `{"reason":"a\nb"}`, `{"reason":7}`,
		`{"reason":"x","more":1}`, `{"reason":"` + strings.Repeat("x", 501) + `"}`} {
		wantProblem(t, call(t, acts.pause, of(pauseAgent, "a1", body, nil)), 400, "invalid_request")
	}
}

func TestProbeOfAnAgentThatIsDown(t *testing.T) {
	t.Parallel()
	acts := newAgentActs(t)
	var got struct {
		AgentID string `json:"agent_id"`
		Reached bool   `json:"reached"`
		Steps   []struct {
			Step  string `json:"step"`
			Error string `json:"error"`
		} `json:"steps"`
		Discovery struct{ Findings []registry.Finding } `json:"discovery"`
	}
	answer := call(t, acts.probe, of(probeAgent, "a1", "", nil))
	if err := json.Unmarshal([]byte(answer.Body), &got); err != nil || answer.StatusCode != 200 {
		t.Fatal(answer, err)
	}
	if got.AgentID != "a1" || got.Reached || len(got.Steps) != 1 || got.Steps[0].Step != "discovery" ||
		got.Steps[0].Error == "" || len(got.Discovery.Findings) == 0 {
		t.Errorf("got %s", answer.Body)
	}
	wantProblem(t, call(t, acts.probe, of(probeAgent, "nobody", "", nil)), 404, "not_found")
}
