package registry_test

import (
	"testing"
	"time"

	"adcp-orchestrator/pkg/registry"
)

const later = `{"spend_limit":{"eur":5}}`

// What newer code has stored with an entry and a profile stays when this code stores them anew, as
// long as they are of the same agent.
func TestRegisteringAnewKeepsWhatNewerCodeStored(t *testing.T) {
	t.Parallel()
	r, s := register(&fakeAgent{Profile: cleanProfile()})
	a, found, err := r.Run(t.Context(), "acme", "seller", []byte(sellerEntry))
	if err != nil {
		t.Fatal(err)
	}
	a.Version, a.Unknown, a.Poll.Unknown = a.Version+1, later, later
	found.Profile.Unknown, found.Profile.Capabilities.Idempotency.Unknown = later, later
	if s.PutAgent(t.Context(), a) != nil || s.PutProfile(t.Context(), "acme", "seller", found.Profile) != nil {
		t.Fatal("not stored")
	}
	for body, profile := range map[string]string{
		sellerEntry:                       later,
		`{"url":"https://t.example/mcp"}`: "", // was discovered of another address
	} {
		if err := s.PutProfile(t.Context(), "acme", "seller", found.Profile); err != nil {
			t.Fatal(err)
		}
		if _, _, err := r.Run(t.Context(), "acme", "seller", []byte(body)); err != nil {
			t.Fatal(err)
		}
		entry, err := s.Agent(t.Context(), "acme", "seller")
		if err != nil || entry.Unknown != later || entry.Poll.Unknown != later {
			t.Errorf("%s: the entry keeps %q and %q, %v", body, entry.Unknown, entry.Poll.Unknown, err)
		}
		p, err := s.Profile(t.Context(), "acme", "seller", entry.Endpoint())
		inner := p.Capabilities.Idempotency.Unknown
		if err != nil || p.Unknown != profile || inner != profile {
			t.Errorf("%s: the profile keeps %q and %q, want %q, %v", body, p.Unknown, inner, profile, err)
		}
		first, err := s.Profile(t.Context(), "acme", "seller", seller().Endpoint())
		if err != nil || first.Unknown != later {
			t.Errorf("%s: the profile of the first address keeps %q, %v", body, first.Unknown, err)
		}
	}
}

func TestDiscoveryBeforeACallKeepsWhatNewerCodeStored(t *testing.T) {
	t.Parallel()
	agent := &fakeAgent{Profile: cleanProfile()}
	_, s := register(agent)
	old := cleanProfile()
	old.Unknown = later
	fresh, err := registry.Refresh(t.Context(), s, agent, seller(), old, now.Add(48*time.Hour))
	if err != nil || fresh.Unknown != later || agent.discoveries != 1 {
		t.Fatalf("got %q after %d discoveries, %v", fresh.Unknown, agent.discoveries, err)
	}
	stored, err := s.Profile(t.Context(), "acme", "seller", seller().Endpoint())
	if err != nil || stored.Unknown != later {
		t.Errorf("stored %q, %v", stored.Unknown, err)
	}
}
