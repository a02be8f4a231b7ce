package storetest

import (
	"testing"
	"time"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/registry"
	"adcp-orchestrator/pkg/store"
)

// An agent has a profile for each address and transport. A write of one leaves the others alone.
func profilesOfEndpointsAreSeparate(t *testing.T, s *suite) {
	const first, second = "https://a.example/mcp", "https://b.example/mcp"
	put := func(tenant, agentID, url string, transport adcp.Transport, tool, unknown string) {
		t.Helper()
		must(t, s.PutProfile(t.Context(), tenant, agentID, registry.Profile{
			URL: url, Transport: transport, PollTool: tool, DiscoveredAt: Start, Unknown: unknown,
		}))
	}
	check := func(tenant, agentID, url string, transport adcp.Transport, tool, unknown string) {
		t.Helper()
		p, err := s.Profile(t.Context(), tenant, agentID, registry.EndpointOf(url, transport))
		must(t, err)
		if p.URL != url || p.PollTool != tool || p.Unknown != unknown {
			t.Errorf("the profile of %s at %s %s is %+v", agentID, transport, url, p)
		}
	}
	put(s.tenant, "seller", first, adcp.MCP, "old", `{"vendors":["x"]}`)
	for _, other := range []struct {
		tenant, agentID string
		at              registry.Endpoint
	}{
		{s.tenant, "seller", registry.EndpointOf(second, adcp.MCP)},
		{s.tenant, "seller", registry.EndpointOf(first, adcp.A2A)},
		{s.tenant, "seller", registry.EndpointOf("https://A.example/mcp", adcp.MCP)}, // bytes count
		{s.tenant, "other", registry.EndpointOf(first, adcp.MCP)},
		{s.tenant + "x", "seller", registry.EndpointOf(first, adcp.MCP)},
	} {
		_, err := s.Profile(t.Context(), other.tenant, other.agentID, other.at)
		want(t, err, store.ErrNotFound)
	}
	put(s.tenant, "seller", second, adcp.MCP, "new", "")
	put(s.tenant, "seller", first, adcp.A2A, "a2a", "")
	put(s.tenant, "other", first, adcp.MCP, "other", "")
	put(s.tenant+"x", "seller", first, adcp.MCP, "tenant", "")
	check(s.tenant, "seller", first, adcp.MCP, "old", `{"vendors":["x"]}`)
	check(s.tenant, "seller", first, "", "old", `{"vendors":["x"]}`) // an empty transport is MCP
	put(s.tenant, "seller", first, "", "rewritten", `{"vendors":["y"]}`)
	check(s.tenant, "seller", first, adcp.MCP, "rewritten", `{"vendors":["y"]}`)
	check(s.tenant, "seller", second, adcp.MCP, "new", "")
	check(s.tenant, "seller", first, adcp.A2A, "a2a", "")
	check(s.tenant, "other", first, adcp.MCP, "other", "")
	check(s.tenant+"x", "seller", first, adcp.MCP, "tenant", "")
}

// A profile whose address nobody has any more does not stay for ever. Each discovery prolongs the
// time of its own endpoint only.
func profileExpires(t *testing.T, s *suite) {
	left := registry.Profile{URL: "https://a.example/mcp", DiscoveredAt: Start}
	used := registry.Profile{URL: "https://b.example/mcp", DiscoveredAt: Start}
	must(t, s.PutProfile(t.Context(), s.tenant, "seller", left))
	must(t, s.PutProfile(t.Context(), s.tenant, "seller", used))
	s.at.Store(Start.Add(time.Hour).UnixNano())
	must(t, s.PutProfile(t.Context(), s.tenant, "seller", used))
	s.at.Store(Start.Add(registry.ProfileFor).UnixNano())
	_, err := s.Profile(t.Context(), s.tenant, "seller", left.Endpoint())
	must(t, err) // its last moment
	s.at.Add(int64(2 * time.Second))
	_, err = s.Profile(t.Context(), s.tenant, "seller", left.Endpoint())
	want(t, err, store.ErrNotFound)
	_, err = s.Profile(t.Context(), s.tenant, "seller", used.Endpoint())
	must(t, err)
	must(t, s.PutProfile(t.Context(), s.tenant, "seller", left)) // the table has not deleted the old one yet
	_, err = s.Profile(t.Context(), s.tenant, "seller", left.Endpoint())
	must(t, err)
}
