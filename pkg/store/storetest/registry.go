package storetest

import (
	"reflect"
	"testing"
	"time"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/registry"
	"adcp-orchestrator/pkg/store"
)

func agentsAreVersioned(t *testing.T, s *suite) {
	a := registry.Agent{
		Tenant:        s.tenant,
		ID:            "seller",
		URL:           "https://a.example/mcp",
		Transport:     adcp.MCP,
		WebhookMode:   operation.WebhookHMAC,
		CredentialRef: "adcp/x/y",
		Poll:          operation.PollPolicy{IntervalSeconds: 3},
		Version:       1,
		CreatedAt:     Start,
		UpdatedAt:     Start,
	}
	if stored := race(t, 8, func(int) error { return s.PutAgent(background, a) }, isStale); stored != 1 {
		t.Fatalf("%d first versions", stored)
	}
	got, err := s.Agent(t.Context(), s.tenant, "seller")
	must(t, err)
	if !reflect.DeepEqual(got, a) {
		t.Errorf("got %+v, want %+v", got, a)
	}
	a.Version, a.URL = 2, "https://b.example/mcp"
	must(t, s.PutAgent(t.Context(), a))
	want(t, s.PutAgent(t.Context(), a), store.ErrStale)
	got, err = s.Agent(t.Context(), s.tenant, "seller")
	must(t, err)
	if got.URL != a.URL {
		t.Errorf("got %+v", got)
	}
}

func profilesSurvive(t *testing.T, s *suite) {
	offer := adcp.IdempotencyOffer{Support: adcp.Supported, ReplayTTL: time.Hour}
	p := registry.Profile{
		URL:          "https://a.example/mcp",
		PollTool:     "get_task_status",
		Capabilities: adcp.Capabilities{Idempotency: offer},
		DiscoveredAt: Start,
	}
	must(t, s.PutProfile(t.Context(), s.tenant, "seller", p))
	back, err := s.Profile(t.Context(), s.tenant, "seller", p.Endpoint())
	must(t, err)
	if back.PollTool != p.PollTool || back.Capabilities.Idempotency != offer || !back.DiscoveredAt.Equal(Start) {
		t.Errorf("got %+v", back)
	}
}
