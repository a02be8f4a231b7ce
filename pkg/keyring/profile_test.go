package keyring

import (
	"context"
	"errors"
	"testing"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/inbox"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/registry"
	"adcp-orchestrator/pkg/store"
)

// A profile counts if it was discovered at the agent's present address.
func TestProfileFromDiscovery(t *testing.T) {
	t.Parallel()
	target := operation.Target{URL: "https://sales.example.co.uk/mcp", BrandURL: "https://example.co.uk/b.json"}
	sender := SenderOf("acme", "sales", target)
	if sender != (Sender{"acme", inbox.SenderID(target), "sales", target.URL, target.BrandURL}) {
		t.Errorf("sender %+v", sender)
	}
	broken := errors.New("throttled")
	known := registry.Profile{URL: target.URL, Capabilities: adcp.Capabilities{Identity: adcp.Identity{
		BrandURL: "b",
		Origins:  map[string]string{"webhook_signing": "o", "request_signing": "p"},
	}}}
	moved := registry.Profile{URL: "https://old.example/mcp", Capabilities: known.Capabilities}
	for name, tc := range map[string]struct {
		profiles fakeProfiles
		brand    string
		err      error
	}{
		"known":                {fakeProfiles{profile: known}, "b", nil},
		"of another address":   {fakeProfiles{profile: moved}, "", nil},
		"never discovered":     {fakeProfiles{err: store.ErrNotFound}, "", nil},
		"a fault of the store": {fakeProfiles{err: broken}, "", broken},
	} {
		brand, origin, err := ProfileFrom(tc.profiles)(t.Context(), sender)
		if brand != tc.brand || (origin != "") != (brand != "") || !errors.Is(err, tc.err) {
			t.Errorf("%s: %q, %q, %v", name, brand, origin, err)
		}
	}
}

type fakeProfiles struct {
	profile registry.Profile
	err     error
}

func (p fakeProfiles) Profile(_ context.Context, tenant, agentID string) (registry.Profile, error) {
	if tenant != "acme" || agentID != "sales" {
		return registry.Profile{}, errors.New("another agent")
	}
	return p.profile, p.err
}
