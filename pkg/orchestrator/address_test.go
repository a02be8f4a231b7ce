package orchestrator_test

import (
	"context"
	"encoding/json"
	"maps"
	"strings"
	"testing"
	"time"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/registry"
)

// movedAgent is an agent that answers at several addresses, with another polling tool at each. It
// counts by address.
type movedAgent struct {
	discoveries map[string]int
	polls       map[string]int // by address and tool
}

func at(a registry.Agent) string { return string(a.Transport) + " " + a.URL }

func (*movedAgent) pollTool(url string) string {
	if strings.Contains(url, "new.") {
		return "get_task_status"
	}
	return "tasks_get"
}

func (m *movedAgent) Discover(_ context.Context, a registry.Agent) (registry.Profile, error) {
	m.discoveries[at(a)]++
	return registry.Profile{PollTool: m.pollTool(a.URL), Tasks: []string{"create_media_buy"}}, nil
}

func (m *movedAgent) Call(_ context.Context, a registry.Agent, tool string, _ json.RawMessage) (adcp.Response, error) {
	if tool != "create_media_buy" {
		m.polls[at(a)+" "+tool]++
	}
	return answerWith(`{"status":"submitted","task_id":"` + at(a) + `"}`), nil
}

// Operations keep the address that they began with. Those at several addresses of one entry must
// not overwrite what the others know (contract B38).
func TestOperationsAtTwoAddressesDoNotOverwriteEachOthersProfile(t *testing.T) {
	t.Parallel()
	m := &movedAgent{discoveries: map[string]int{}, polls: map[string]int{}}
	h := newHarnessWith(t, m, buySubmission)
	ids := []string{h.id}
	for version, e := range []registry.Agent{
		{URL: "https://new.example/mcp", Transport: adcp.MCP},
		{URL: "https://new.example/mcp", Transport: adcp.A2A},
	} {
		e.Tenant, e.ID, e.WebhookMode, e.Version = "acme", "seller", operation.WebhookRFC9421, int64(version+2)
		if err := h.store.PutAgent(t.Context(), e); err != nil {
			t.Fatal(err)
		}
		ids = append(ids, h.submit(buySubmission, "k"+string(e.Transport)).ID)
	}
	inTurns := func(run func() operation.Decision) {
		t.Helper()
		at := h.at
		for n, id := range ids {
			h.id, h.at = id, at.Add(time.Duration(n)*time.Second)
			run()
		}
		h.at = at.Add(20 * time.Minute) // each may be polled again
	}
	inTurns(h.dispatch)
	const rounds = 10
	for range rounds {
		inTurns(h.poll)
	}
	once := map[string]int{
		"mcp https://seller.example/mcp": 1, "mcp https://new.example/mcp": 1, "a2a https://new.example/mcp": 1,
	}
	if !maps.Equal(m.discoveries, once) {
		t.Errorf("%d rounds of polls made these discoveries: %v", rounds, m.discoveries)
	}
	h.at = h.at.Add(24 * time.Hour) // the profiles are old
	inTurns(h.poll)
	inTurns(h.poll)
	for address := range once {
		once[address] = 2
	}
	if !maps.Equal(m.discoveries, once) {
		t.Errorf("after a day there were these discoveries: %v", m.discoveries)
	}
	polls := map[string]int{
		"mcp https://seller.example/mcp tasks_get":    rounds + 2,
		"mcp https://new.example/mcp get_task_status": rounds + 2,
		"a2a https://new.example/mcp get_task_status": rounds + 2,
	}
	if !maps.Equal(m.polls, polls) {
		t.Errorf("polls: %v", m.polls)
	}
}
