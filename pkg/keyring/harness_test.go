package keyring

import (
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"adcp-orchestrator/pkg/httpsig"
	"adcp-orchestrator/pkg/store"
)

var start = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// harness is an agent with its site, a store, a clock and a Source.
type harness struct {
	t testing.TB
	*site
	*Source
	sender Sender
	store  *fakeStore

	mu     sync.Mutex
	clock  time.Time
	events map[string]int
}

// newHarness has an agent on a server of this machine. Its brand.json and key set are in order,
// with the key k1; it has no revocation list.
func newHarness(t *testing.T) *harness {
	t.Helper()
	h := &harness{t: t, site: newSite(), store: newFakeStore(), clock: start, events: map[string]int{}}
	server := httptest.NewServer(h.site)
	t.Cleanup(server.Close)
	client := NewClient(true)
	t.Cleanup(client.CloseIdleConnections)
	h.sender = Sender{Tenant: "acme", ID: "sender", AgentURL: server.URL + "/mcp"}
	h.Source = h.source(client)
	h.Loopback = true
	h.set(brandPath, h.brandJSON(""))
	h.set(jwksPath, keySet("k1"))
	return h
}

// newNetworkHarness has an agent at https://sales.example.co.uk/mcp, on a network without any page.
func newNetworkHarness(t testing.TB) *harness {
	t.Helper()
	h := &harness{t: t, site: newSite(), store: newFakeStore(), clock: start, events: map[string]int{}}
	h.sender = Sender{Tenant: "acme", ID: "sender", AgentURL: "https://sales.example.co.uk/mcp"}
	h.Source = h.source(fakeNetwork{h.site}.client())
	return h
}

func (h *harness) source(client *http.Client) *Source {
	return &Source{Store: h.store, Client: client, Now: h.now, Count: h.record}
}

// otherFunction returns another function's Source, which has nothing in its cache.
func (h *harness) otherFunction() *Source {
	s := h.source(h.Client)
	s.Loopback, s.Profile, s.Pressure = h.Loopback, h.Profile, h.Pressure
	return s
}

func (h *harness) now() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.clock
}

func (h *harness) advance(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.clock = h.clock.Add(d)
}

func (h *harness) record(event string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.events[event]++
}

func (h *harness) counted(event string) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.events[event]
}

// agentOrigin is the origin of the agent's server.
func (h *harness) agentOrigin() string { return originOf(h.sender.AgentURL) }

// brandJSON returns a brand.json with an entry for the agent. jwks is its jwks_uri, "" for none.
func (h *harness) brandJSON(jwks string) string {
	entry := map[string]any{"type": "sales", "id": "sales_main", "url": h.sender.AgentURL}
	if jwks != "" {
		entry["jwks_uri"] = jwks
	}
	return encoded(map[string]any{"version": "1.0", "agents": []any{entry}})
}

// document returns the stored document, as a delivery would bring it.
func (h *harness) document() store.Document {
	h.store.mu.Lock()
	defer h.store.mu.Unlock()
	return h.store.docs[h.sender.Tenant+"/"+h.sender.ID]
}

// state returns what is stored.
func (h *harness) state() state {
	h.t.Helper()
	s, err := readSnapshot(h.document())
	if err != nil {
		h.t.Fatal(err)
	}
	return s.state
}

// delivery returns the Keys of a new delivery.
func (h *harness) delivery() *Keys { return h.Open(h.sender, h.document()) }

// keyVerdict looks a key up as one delivery does. It returns the key's id, or the error's kind.
func (h *harness) keyVerdict(kid string) string {
	h.t.Helper()
	k, err := h.delivery().Key(h.t.Context(), kid)
	return verdict(k.KID, err)
}

// revocationVerdict checks a key as one delivery does. It returns "good", or the error's kind.
func (h *harness) revocationVerdict(kid string) string {
	h.t.Helper()
	return verdict("good", h.delivery().Check(h.t.Context(), kid))
}

func verdict(good string, err error) string {
	var u *UnavailableError
	switch {
	case err == nil:
		return good
	case errors.Is(err, httpsig.ErrKeyUnknown):
		return "unknown"
	case errors.Is(err, httpsig.ErrKeyRevoked):
		return "revoked"
	case errors.Is(err, httpsig.ErrRevocationStale):
		return "stale"
	case errors.As(err, &u):
		return "503 " + u.Code
	}
	return err.Error()
}

func (h *harness) wantKey(kid, want string) {
	h.t.Helper()
	if got := h.keyVerdict(kid); got != want {
		h.t.Fatalf("key %q at %s: %s, want %s", kid, h.now().Sub(start), got, want)
	}
}

func (h *harness) wantRevocation(kid, want string) {
	h.t.Helper()
	if got := h.revocationVerdict(kid); got != want {
		h.t.Fatalf("revocation of %q at %s: %s, want %s", kid, h.now().Sub(start), got, want)
	}
}

// wantRequests compares the number of requests for each address so far.
func (h *harness) wantRequests(want map[string]int) {
	h.t.Helper()
	h.site.mu.Lock()
	defer h.site.mu.Unlock()
	if !maps.Equal(h.hits, want) {
		h.t.Fatalf("requests %v, want %v", h.hits, want)
	}
}

func (h *harness) wantCount(event string, want int) {
	h.t.Helper()
	if got := h.counted(event); got != want {
		h.t.Fatalf("%s was counted %d times, want %d", event, got, want)
	}
}
