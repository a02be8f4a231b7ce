package registry_test

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/registry"
	"adcp-orchestrator/pkg/store"
)

func TestRegisterStoresTheProfile(t *testing.T) {
	t.Parallel()
	agent := &fakeAgent{Profile: cleanProfile()}
	agent.PollTool = ""
	r, s := register(agent)
	a, found, err := r.Run(t.Context(), "acme", "seller", []byte(sellerEntry))
	if err != nil || !slices.Equal(lines(found.Findings), []string{"unsafe no_polling tools"}) ||
		found.Profile.DiscoveredAt != now || found.Profile.URL != a.URL {
		t.Fatalf("got %+v, %v", found, err)
	}
	stored, err := s.Profile(t.Context(), "acme", "seller", seller().Endpoint())
	if err != nil || !reflect.DeepEqual(stored, found.Profile) {
		t.Errorf("stored %+v, %v", stored, err)
	}
	again, shown, err := r.Show(t.Context(), "acme", "seller")
	if err != nil || !reflect.DeepEqual(again, a) || !reflect.DeepEqual(shown, found) || agent.discoveries != 1 {
		t.Errorf("shown %+v, %+v, %v; discovered %d times", again, shown, err, agent.discoveries)
	}
	if _, _, err := r.Show(t.Context(), "other", "seller"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("another tenant: %v", err)
	}
}

// A profile of the address that the entry had before counts as none.
func TestShowIgnoresTheProfileOfAnotherAddress(t *testing.T) {
	t.Parallel()
	r, s := register(&fakeAgent{Profile: cleanProfile()})
	a, _, err := r.Run(t.Context(), "acme", "seller", []byte(sellerEntry))
	if err != nil {
		t.Fatal(err)
	}
	a.URL, a.Version = "https://new.example/mcp", 2
	if err := s.PutAgent(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	_, shown, err := r.Show(t.Context(), "acme", "seller")
	if err != nil || !slices.Equal(lines(shown.Findings), []string{"unsafe not_asked url"}) ||
		shown.Profile.PollTool != "" || !shown.Profile.DiscoveredAt.IsZero() {
		t.Errorf("shown %+v, %v", shown, err)
	}
}

// Operations at the address that the entry had before discover that one anew. What they find must
// not show as the profile of the entry, nor take its place.
func TestShowKeepsTheProfileOfThePresentAddressWhileOldOperationsDiscover(t *testing.T) {
	t.Parallel()
	agent := &fakeAgent{Profile: cleanProfile()}
	r, s := register(agent)
	if _, _, err := r.Run(t.Context(), "acme", "seller", []byte(sellerEntry)); err != nil {
		t.Fatal(err)
	}
	agent.PollTool = "tasks_get"
	a, found, err := r.Run(t.Context(), "acme", "seller", []byte(`{"url":"https://new.example/mcp"}`))
	if err != nil || found.Profile.PollTool != "tasks_get" {
		t.Fatalf("got %+v, %v", found, err)
	}
	agent.PollTool = "get_task_status"
	old, err := registry.Recall(t.Context(), s, seller())
	if err != nil || !old.KnownFor(seller()) {
		t.Fatalf("the old address is known as %+v, %v", old, err)
	}
	if _, err := registry.Refresh(t.Context(), s, agent, seller(), old, now.Add(48*time.Hour)); err != nil {
		t.Fatal(err)
	}
	_, shown, err := r.Show(t.Context(), "acme", "seller")
	if err != nil || !reflect.DeepEqual(shown, found) || shown.Profile.URL != a.URL || agent.discoveries != 3 {
		t.Errorf("shown %+v, %v after %d discoveries", shown, err, agent.discoveries)
	}
	refreshed, err := registry.Recall(t.Context(), s, seller())
	if err != nil || !refreshed.DiscoveredAt.Equal(now.Add(48*time.Hour)) {
		t.Errorf("the old address is known as %+v, %v", refreshed, err)
	}
}

// contract B39: a refused agent is not registered, and what is stored stays as it is.
func TestRefusedAgentIsNotStored(t *testing.T) {
	t.Parallel()
	agent := &fakeAgent{}
	r, s := register(agent)
	bad := cleanProfile()
	bad.Capabilities.Webhooks = adcp.WebhookSigning{Emits: true, Algorithms: []string{"RSA"}}
	bad.PollTool = ""
	runRefused := func() {
		t.Helper()
		agent.Profile = bad
		_, _, err := r.Run(t.Context(), "acme", "seller", []byte(sellerEntry))
		var refused *registry.AgentRefusedError
		if !errors.As(err, &refused) {
			t.Fatalf("got %v", err)
		}
		want := []string{
			"refused algorithm_not_allowed webhook_signing.algorithms[0]",
			"refused webhooks_not_signed webhook_signing.supported",
		}
		if !slices.Equal(lines(refused.Findings), want) {
			t.Errorf("got %v", err)
		}
		for _, part := range []string{"webhook_signing.supported: ", "choose another webhook_mode"} {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("%q does not contain %q", err, part)
			}
		}
	}
	runRefused()
	if _, err := s.Agent(t.Context(), "acme", "seller"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("stored: %v", err)
	}
	if _, err := s.Profile(t.Context(), "acme", "seller", seller().Endpoint()); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a profile is stored: %v", err)
	}
	agent.Profile = cleanProfile()
	before, found, err := r.Run(t.Context(), "acme", "seller", []byte(sellerEntry))
	if err != nil {
		t.Fatal(err)
	}
	runRefused()
	a, shown, err := r.Show(t.Context(), "acme", "seller")
	if err != nil || !reflect.DeepEqual(a, before) || !reflect.DeepEqual(shown, found) {
		t.Errorf("it was %+v and is %+v, %+v, %v", before, a, shown, err)
	}
}

// An agent that can't be reached is stored with a finding. What is known about it stays, and still
// counts.
func TestRegisterAnAgentThatIsDown(t *testing.T) {
	t.Parallel()
	r, s := register(&fakeAgent{err: &adcp.CallError{Outcome: adcp.Unsent, Cause: errors.New("down")}})
	_, found, err := r.Run(t.Context(), "acme", "seller", []byte(sellerEntry))
	if err != nil || !slices.Equal(lines(found.Findings), []string{"unsafe agent_unreached url"}) {
		t.Fatalf("got %+v, %v", found, err)
	}
	if _, err := s.Profile(t.Context(), "acme", "seller", seller().Endpoint()); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a profile is stored without a discovery: %v", err)
	}
	known := cleanProfile()
	known.Capabilities.Webhooks.Support = adcp.Unstated // acceptable only without webhooks
	if err := s.PutProfile(t.Context(), "acme", "seller", known); err != nil {
		t.Fatal(err)
	}
	const polled = `{"url":"https://s.example/mcp","webhook_mode":"none"}`
	a, found, err := r.Run(t.Context(), "acme", "seller", []byte(polled))
	want := []string{"unsafe agent_unreached url", "unsafe webhooks_not_signed webhook_signing.supported"}
	if err != nil || a.Version != 2 || found.Profile.PollTool != known.PollTool ||
		!slices.Equal(lines(found.Findings), want) {
		t.Errorf("got %+v, %+v, %v", a, found, err)
	}
	var refused *registry.AgentRefusedError
	if _, _, err := r.Run(t.Context(), "acme", "seller", []byte(sellerEntry)); !errors.As(err, &refused) {
		t.Errorf("got %v", err)
	}
	stored, err := s.Profile(t.Context(), "acme", "seller", seller().Endpoint())
	if err != nil || !reflect.DeepEqual(stored, known) {
		t.Errorf("stored %+v, %v", stored, err)
	}
}

// An internal fault is returned, and nothing is stored.
func TestFaultOfOursStoresNothing(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	agent := &fakeAgent{err: broken}
	r, s := register(agent)
	if _, _, err := r.Run(t.Context(), "acme", "seller", []byte(sellerEntry)); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
	if _, err := s.Agent(t.Context(), "acme", "seller"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("stored: %v", err)
	}
	for name, tc := range map[string]struct {
		failReads bool
		err       error // of the discovery
	}{
		"the profile can't be read":    {true, &adcp.CallError{Outcome: adcp.Unsent}},
		"the profile can't be written": {false, nil},
	} {
		agent.err, r.Store = tc.err, failingStore{s, tc.failReads}
		if _, _, err := r.Run(t.Context(), "acme", "seller", []byte(sellerEntry)); !errors.Is(err, errThrottled) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := s.Agent(t.Context(), "acme", "seller"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("%s: stored: %v", name, err)
		}
	}
}
