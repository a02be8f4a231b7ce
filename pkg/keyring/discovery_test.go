package keyring

import (
	"context"
	"maps"
	"strings"
	"testing"
)

const (
	salesAgent    = "https://sales.example.co.uk/mcp"
	operatorBrand = "example.co.uk" + brandPath
	ownBrand      = "sales.example.co.uk" + brandPath
	ownKeys       = "sales.example.co.uk" + jwksPath
)

// docs are documents by host and path.
type docs = map[string]string

// discoveryCase is a way from an agent's URL to its key set, on a network of names. The key set at
// ownKeys exists in every case.
type discoveryCase struct {
	agent        string // salesAgent if it is empty
	configured   string // Sender.BrandURL
	capabilities string // identity.brand_json_url
	keyOrigin    string // identity.key_origins.webhook_signing
	profileErr   error
	docs         docs            // every other address answers 404
	pages        map[string]page // the same, for other responses than a document
	want         string          // the verdict on k1: "k1" if its key set was found
	notRequested []string
}

func testDiscovery(t *testing.T, cases map[string]discoveryCase) {
	t.Helper()
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newNetworkHarness(t)
			if tc.agent != "" {
				h.sender.AgentURL = tc.agent
			}
			h.sender.BrandURL = tc.configured
			h.Profile = func(context.Context, Sender) (string, string, error) {
				return tc.capabilities, tc.keyOrigin, tc.profileErr
			}
			h.set(ownKeys, keySet("k1"))
			for at, body := range tc.docs {
				h.set(at, body)
			}
			for at, p := range tc.pages {
				h.put(at, p)
			}
			h.wantKey("k1", tc.want)
			for _, at := range tc.notRequested {
				if h.requests(at) > 0 {
					t.Errorf("a request for %s", at)
				}
			}
		})
	}
}

// agentOf returns an entry of agents[] for salesAgent. jwks is its jwks_uri, "" for none.
func agentOf(jwks string) map[string]any {
	e := map[string]any{"type": "sales", "id": "sales_main", "url": salesAgent}
	if jwks != "" {
		e["jwks_uri"] = jwks
	}
	return e
}

// brandOf returns a brand.json with the given entries of agents[].
func brandOf(entries ...any) string { return encoded(map[string]any{"agents": entries}) }

var (
	listed   = brandOf(agentOf(""))
	unlisted = brandOf(map[string]any{"type": "brand", "id": "b", "url": "https://brand.example.co.uk/mcp"})
)

// listing returns a brand.json that lists the agent with another URL.
func listing(url string) string { return strings.Replace(listed, salesAgent, url, 1) }

// redirectTo returns a brand.json that redirects by authoritative_location.
func redirectTo(url string) string {
	return encoded(map[string]any{"authoritative_location": url, "redirect_reason": "moved"})
}

// portfolio returns the brand.json of a house that lists the agent itself.
func portfolio(brands ...any) string {
	return encoded(map[string]any{
		"house":  map[string]any{"domain": "example.co.uk", "agents": []any{agentOf("")}},
		"brands": append([]any{}, brands...),
	})
}

// authorizing returns the brand.json of a house that authorizes an operator, by default
// example.co.uk. One of its brands lists the agent.
func authorizing(changes map[string]any) string {
	operator := map[string]any{"domain": "example.co.uk", "brands": []string{"*"}}
	maps.Copy(operator, changes)
	return encoded(map[string]any{
		"house":                map[string]any{"domain": "house.example", "name": "House"},
		"authorized_operators": []any{operator},
		"brands":               []any{map[string]any{"id": "b", "agents": []any{agentOf("")}}},
	})
}
