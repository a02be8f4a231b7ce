package keyring

import (
	"context"
	"errors"
	"testing"
	"time"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/inbox"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/registry"
	"adcp-orchestrator/pkg/store"
	"adcp-orchestrator/pkg/store/memory"
)

// A profile counts if it was discovered at the sender's own address and transport.
func TestProfileFromDiscovery(t *testing.T) {
	t.Parallel()
	target := operation.Target{
		URL: "https://sales.example.co.uk/mcp", Transport: adcp.A2A, BrandURL: "https://example.co.uk/b.json",
	}
	sender := SenderOf("acme", "sales", target)
	if sender != (Sender{"acme", inbox.SenderID(target), "sales", adcp.A2A, target.URL, target.BrandURL}) {
		t.Errorf("sender %+v", sender)
	}
	broken := errors.New("throttled")
	known := registry.Profile{URL: target.URL, Transport: adcp.A2A}
	known.Capabilities.Identity = adcp.Identity{
		BrandURL: "b",
		Origins:  map[string]string{"webhook_signing": "o", "request_signing": "p"},
	}
	moved, otherTransport := known, known
	moved.URL, otherTransport.Transport = "https://old.example/mcp", adcp.MCP
	for name, tc := range map[string]struct {
		profiles fakeProfiles
		brand    string
		err      error
	}{
		"known":                {fakeProfiles{profile: known}, "b", nil},
		"of another address":   {fakeProfiles{profile: moved}, "", nil},
		"of another transport": {fakeProfiles{profile: otherTransport}, "", nil},
		"never discovered":     {fakeProfiles{}, "", nil},
		"a fault of the store": {fakeProfiles{err: broken}, "", broken},
	} {
		brand, origin, err := ProfileFrom(tc.profiles)(t.Context(), sender)
		if brand != tc.brand || (origin != "") != (brand != "") || !errors.Is(err, tc.err) {
			t.Errorf("%s: %q, %q, %v", name, brand, origin, err)
		}
	}
}

// While operations at the old and at the new address of an entry run, the keys of each are searched
// for where the agent at its own address says.
func TestAnOldOperationsKeysAreNotThoseOfTheNewAddress(t *testing.T) {
	t.Parallel()
	s := memory.New(func() time.Time { return start })
	for _, host := range []string{"old", "new"} {
		p := registry.Profile{URL: "https://" + host + ".example/mcp", DiscoveredAt: start}
		p.Capabilities.Identity.BrandURL = "https://" + host + ".example/brand.json"
		if err := s.PutProfile(t.Context(), "acme", "sales", p); err != nil {
			t.Fatal(err)
		}
	}
	for _, host := range []string{"old", "new"} {
		frozen := operation.Target{URL: "https://" + host + ".example/mcp", Transport: adcp.MCP}
		brand, _, err := ProfileFrom(s)(t.Context(), SenderOf("acme", "sales", frozen))
		if brand != "https://"+host+".example/brand.json" || err != nil {
			t.Errorf("%s: %q, %v", host, brand, err)
		}
	}
}

// fakeProfiles has one profile, under its endpoint.
type fakeProfiles struct {
	profile registry.Profile
	err     error
}

func (p fakeProfiles) Profile(_ context.Context, tenant, agentID string, at registry.Endpoint) (
	registry.Profile, error) {
	if tenant != "acme" || agentID != "sales" {
		return registry.Profile{}, errors.New("another agent")
	}
	if p.err == nil && p.profile.Endpoint() != at {
		return registry.Profile{}, store.ErrNotFound
	}
	return p.profile, p.err
}
