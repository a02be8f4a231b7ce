package keyring

import (
	"context"
	"errors"
	"strings"
	"testing"
)

// Contract F48: from the agent's URL to its key set by the well-known places.
func TestDiscoveryByWellKnownPlaces(t *testing.T) {
	t.Parallel()
	redirect := page{status: 301, header: map[string]string{"Location": "https://www.example.co.uk/"}}
	testDiscovery(t, map[string]discoveryCase{
		"operator's domain": {
			docs:         docs{operatorBrand: listed},
			want:         "k1",
			notRequested: []string{ownBrand},
		},
		"own host": {
			docs: docs{ownBrand: listed},
			want: "k1",
		},
		"own host, not listed by the operator": {
			docs: docs{operatorBrand: unlisted, ownBrand: listed},
			want: "k1",
		},
		"no brand.json": {
			want: "503 brand_json_unreachable",
		},
		"operator's brand.json is gone": {
			pages: map[string]page{operatorBrand: {status: 410}},
			docs:  docs{ownBrand: listed},
			want:  "k1",
		},
		"listed by neither": {
			docs: docs{operatorBrand: unlisted, ownBrand: unlisted},
			want: "503 agent_not_in_brand_json",
		},
		"not listed by the operator, no brand.json on its own host": {
			docs: docs{operatorBrand: unlisted},
			want: "503 agent_not_in_brand_json",
		},
		"operator's host is down": {
			pages:        map[string]page{operatorBrand: {status: 500}},
			docs:         docs{ownBrand: listed},
			want:         "503 brand_json_unreachable",
			notRequested: []string{ownBrand},
		},
		"operator's brand.json is malformed": {
			docs:         docs{operatorBrand: "<html>", ownBrand: listed},
			want:         "503 brand_json_malformed",
			notRequested: []string{ownBrand},
		},
		"HTTP redirect": {
			pages: map[string]page{operatorBrand: redirect},
			want:  "503 brand_json_unreachable",
		},
		"agent with a port": {
			agent: "https://sales.example.co.uk:8443/mcp",
			docs: docs{
				"sales.example.co.uk:8443" + brandPath: listing("https://sales.example.co.uk:8443/mcp"),
				"sales.example.co.uk:8443" + jwksPath:  keySet("k1"),
			},
			want: "k1",
		},
		"agent at the operator's domain": {
			agent: "https://example.co.uk/mcp",
			docs: docs{
				operatorBrand:              listing("https://example.co.uk/mcp"),
				"example.co.uk" + jwksPath: keySet("k1"),
			},
			want: "k1",
		},
		"agent on a platform's host": {
			agent: "https://seller.github.io/mcp",
			docs: docs{
				"seller.github.io" + brandPath: listing("https://seller.github.io/mcp"),
				"seller.github.io" + jwksPath:  keySet("k1"),
			},
			want:         "k1",
			notRequested: []string{"github.io" + brandPath},
		},
		"agent on a public suffix itself": {
			agent: "https://github.io/mcp",
			docs: docs{
				"github.io" + brandPath: listing("https://github.io/mcp"),
				"github.io" + jwksPath:  keySet("k1"),
			},
			want: "k1",
		},
		"agent at an IP address": {
			agent: "https://93.184.216.34/mcp",
			docs: docs{
				"93.184.216.34" + brandPath: listing("https://93.184.216.34/mcp"),
				"93.184.216.34" + jwksPath:  keySet("k1"),
			},
			want: "k1",
		},
		"agent without a URL": {
			agent: "sales",
			want:  "503 brand_json_unreachable",
		},
	})
}

// Contract F48 to F50: the one entry for the agent, wherever the schema allows it, and its
// jwks_uri.
func TestDiscoveryByEntry(t *testing.T) {
	t.Parallel()
	testDiscovery(t, map[string]discoveryCase{
		"jwks_uri": {
			docs: docs{
				operatorBrand:          brandOf(agentOf("https://keys.example.co.uk/j")),
				"keys.example.co.uk/j": keySet("k1"),
				ownKeys:                keySet("k2"),
			},
			want:         "k1",
			notRequested: []string{ownKeys},
		},
		"jwks_uri with http": {
			docs: docs{operatorBrand: brandOf(agentOf("http://keys.example.co.uk/j"))},
			want: "503 brand_json_malformed",
		},
		"jwks_uri with a private address": {
			docs: docs{operatorBrand: brandOf(agentOf("https://169.254.169.254/j"))},
			want: "503 brand_json_malformed",
		},
		"jwks_uri with unprintable characters": {
			docs: docs{operatorBrand: brandOf(agentOf("https://keys.example.co.uk/\u202e"))},
			want: "503 brand_json_malformed",
		},
		"two entries": {
			docs:         docs{operatorBrand: brandOf(agentOf(""), agentOf("")), ownBrand: listed},
			want:         "503 brand_json_ambiguous",
			notRequested: []string{ownBrand},
		},
		"two entries on different levels": {
			docs: docs{operatorBrand: portfolio(map[string]any{"agents": []any{agentOf("")}})},
			want: "503 brand_json_ambiguous",
		},
		"entry of the house": {
			docs: docs{operatorBrand: portfolio()},
			want: "k1",
		},
		"entry of a brand": {
			docs: docs{operatorBrand: authorizing(nil)},
			want: "k1",
		},
		"url with another slash": {
			docs: docs{operatorBrand: listing(salesAgent + "/")},
			want: "503 agent_not_in_brand_json",
		},
		"url in another spelling": {
			docs: docs{operatorBrand: listing("https://Sales.example.co.uk:443/./%6dcp")},
			want: "k1",
		},
		"url in another case of its path": {
			docs: docs{operatorBrand: listing("https://sales.example.co.uk/MCP")},
			want: "503 agent_not_in_brand_json",
		},
		"url twice, in two spellings": {
			docs: docs{operatorBrand: brandOf(agentOf(""), map[string]any{"url": "https://SALES.example.co.uk/mcp"})},
			want: "503 brand_json_ambiguous",
		},
		"brand.json of a large house": {
			docs: docs{operatorBrand: listed + strings.Repeat(" ", 1<<20)},
			want: "k1",
		},
		"brand.json is too long": {
			docs: docs{operatorBrand: listed + strings.Repeat(" ", maxBrand)},
			want: "503 brand_json_malformed",
		},
		"duplicate JSON key": {
			docs: docs{operatorBrand: `{"agents":[{"url":"` + salesAgent + `","url":"` + salesAgent + `"}]}`},
			want: "503 brand_json_malformed",
		},
	})
}

// Contract F48: one redirect by the content of brand.json.
func TestDiscoveryByRedirect(t *testing.T) {
	t.Parallel()
	const toHouse = `{"house":"house.example"}`
	testDiscovery(t, map[string]discoveryCase{
		"by location": {
			docs: docs{operatorBrand: redirectTo("https://cdn.example/b.json"), "cdn.example/b.json": listed},
			want: "k1",
		},
		"by house": {
			docs: docs{operatorBrand: toHouse, "house.example" + brandPath: listed},
			want: "k1",
		},
		"twice": {
			docs: docs{
				operatorBrand:               redirectTo("https://cdn.example/b.json"),
				"cdn.example/b.json":        toHouse,
				"house.example" + brandPath: listed,
			},
			want:         "503 brand_json_unreachable",
			notRequested: []string{"house.example" + brandPath},
		},
		"to no brand.json": {
			docs:         docs{operatorBrand: toHouse, ownBrand: listed},
			want:         "503 brand_json_unreachable",
			notRequested: []string{ownBrand},
		},
		"to a brand.json that does not list the agent": {
			docs: docs{operatorBrand: toHouse, "house.example" + brandPath: unlisted, ownBrand: listed},
			want: "k1",
		},
		"to a private address": {
			docs: docs{operatorBrand: redirectTo("https://10.1.2.3/b.json")},
			want: "503 brand_json_malformed",
		},
		"to a house with a path": {
			docs: docs{operatorBrand: `{"house":"house.example/x"}`},
			want: "503 brand_json_malformed",
		},
		"to a house with a port": {
			docs: docs{operatorBrand: `{"house":"house.example:8443"}`},
			want: "503 brand_json_malformed",
		},
		"to both": {
			docs: docs{
				operatorBrand: `{"house":"house.example","authoritative_location":"https://cdn.example/b.json"}`,
			},
			want: "503 brand_json_malformed",
		},
		"with agents": {
			docs: docs{operatorBrand: `{"house":"house.example",` + listed[1:]},
			want: "503 brand_json_malformed",
		},
	})
}

// The brand.json that the tenant configured is decisive.
func TestDiscoveryByConfiguration(t *testing.T) {
	t.Parallel()
	const configured = "https://any.example/b.json"
	testDiscovery(t, map[string]discoveryCase{
		"listed": {
			configured:   configured,
			capabilities: "https://example.co.uk/x",
			docs:         docs{"any.example/b.json": listed},
			want:         "k1",
			notRequested: []string{"example.co.uk/x", operatorBrand},
		},
		"redirect": {
			configured: configured,
			docs: docs{
				"any.example/b.json": redirectTo("https://cdn.example/b.json"),
				"cdn.example/b.json": listed,
			},
			want: "k1",
		},
		"not found": {
			configured:   configured,
			docs:         docs{operatorBrand: listed},
			want:         "503 brand_json_unreachable",
			notRequested: []string{operatorBrand},
		},
		"not listed": {
			configured:   configured,
			docs:         docs{"any.example/b.json": unlisted, operatorBrand: listed},
			want:         "503 agent_not_in_brand_json",
			notRequested: []string{operatorBrand},
		},
		"private address": {
			configured: "https://192.168.1.1/b.json",
			want:       "503 brand_json_unreachable",
		},
		"capabilities unreachable": {
			configured: configured,
			profileErr: errors.New("down"),
			docs:       docs{"any.example/b.json": listed},
			want:       "k1",
		},
	})
}

// The capabilities' key origin counts when brand.json's address is in use, not while a change of
// the address is pending.
func TestKeyOriginIsCheckedForTheAddressInUse(t *testing.T) {
	t.Parallel()
	h := newNetworkHarness(t)
	declared := ""
	h.Profile = func(context.Context, Sender) (string, string, error) { return "", declared, nil }
	h.set(operatorBrand, h.brandJSON(""))
	h.set(ownKeys, keySet("k1"))
	h.wantKey("k1", "k1")
	const newAddress = "https://keys.example.co.uk/j"
	declared = "https://keys.example.co.uk"
	h.set(operatorBrand, h.brandJSON(newAddress))
	h.set("keys.example.co.uk/j", keySet("k2"))
	h.advance(freshFor)
	h.wantKey("k1", "k1")
	if st := h.state(); st.PendingChange == nil || st.Failure != "" {
		t.Fatalf("pending %v, failure %q", st.PendingChange, st.Failure)
	}
	declared = "https://other.example.co.uk"
	if _, err := h.Pin(t.Context(), h.sender, newAddress); verdict("", err) != "503 key_origin_mismatch" {
		t.Fatal(err)
	}
	declared = "https://keys.example.co.uk"
	if _, err := h.Pin(t.Context(), h.sender, newAddress); err != nil {
		t.Fatal(err)
	}
	h.wantKey("k2", "k2")
}
