package keyring

import (
	"errors"
	"testing"
	"time"
)

// Contract F51: the agent's capabilities name a brand.json, whose operator has to agree.
func TestDiscoveryByCapabilities(t *testing.T) {
	t.Parallel()
	testDiscovery(t, map[string]discoveryCase{
		"on the agent's domain": {
			capabilities: "https://WWW.Example.co.UK/b.json",
			docs:         docs{"WWW.Example.co.UK/b.json": listed},
			want:         "k1",
			notRequested: []string{operatorBrand},
		},
		"with http": {
			capabilities: "http://example.co.uk/b.json",
			docs:         docs{operatorBrand: listed},
			want:         "503 brand_json_unreachable",
			notRequested: []string{operatorBrand},
		},
		"not found": {
			capabilities: "https://example.co.uk/b.json",
			docs:         docs{operatorBrand: listed},
			want:         "503 brand_json_unreachable",
			notRequested: []string{operatorBrand},
		},
		"redirect": {
			capabilities: "https://example.co.uk/b.json",
			docs: docs{
				"example.co.uk/b.json": redirectTo("https://example.co.uk/c.json"),
				"example.co.uk/c.json": listed,
			},
			want:         "503 brand_json_unreachable",
			notRequested: []string{"example.co.uk/c.json"},
		},
		"on another domain": {
			capabilities: "https://house.example/b.json",
			docs:         docs{"house.example/b.json": listed},
			want:         "503 brand_origin_mismatch",
		},
		"on another domain of the same public suffix": {
			capabilities: "https://other.co.uk/b.json",
			docs:         docs{"other.co.uk/b.json": listed},
			want:         "503 brand_origin_mismatch",
		},
		"two tenants of a platform": {
			agent:        "https://a.github.io/mcp",
			capabilities: "https://b.github.io/b.json",
			docs:         docs{"b.github.io/b.json": listing("https://a.github.io/mcp")},
			want:         "503 brand_origin_mismatch",
		},
		"one tenant of a platform": {
			agent:        "https://a.github.io/mcp",
			capabilities: "https://a.github.io/b.json",
			docs: docs{
				"a.github.io/b.json":     listing("https://a.github.io/mcp"),
				"a.github.io" + jwksPath: keySet("k1"),
			},
			want: "k1",
		},
		"one IP address": {
			agent:        "https://93.184.216.34/mcp",
			capabilities: "https://93.184.216.34:8443/b.json",
			docs: docs{
				"93.184.216.34:8443/b.json": listing("https://93.184.216.34/mcp"),
				"93.184.216.34" + jwksPath:  keySet("k1"),
			},
			want: "k1",
		},
		"two IP addresses": {
			agent:        "https://93.184.216.34/mcp",
			capabilities: "https://93.184.216.35/b.json",
			docs:         docs{"93.184.216.35/b.json": listing("https://93.184.216.34/mcp")},
			want:         "503 brand_origin_mismatch",
		},
		"capabilities unreachable": {
			profileErr:   errors.New("down"),
			docs:         docs{operatorBrand: listed},
			want:         "503 capabilities_unreachable",
			notRequested: []string{operatorBrand},
		},
	})
}

// Contract F51: a brand.json on another domain counts if it authorizes the agent's domain.
func TestDiscoveryByAuthorizedOperator(t *testing.T) {
	t.Parallel()
	now, soon := start.Format(time.RFC3339), start.Add(time.Second).Format(time.RFC3339)
	cases := map[string]discoveryCase{}
	for name, tc := range map[string]struct {
		operator map[string]any // changes to the entry of authorized_operators[]
		want     string
	}{
		"authorized":           {nil, "k1"},
		"domain in capitals":   {map[string]any{"domain": "Example.CO.uk"}, "k1"},
		"no longer authorized": {map[string]any{"valid_until": now}, "503 brand_origin_mismatch"},
		"still authorized":     {map[string]any{"valid_until": soon}, "k1"},
		"not yet authorized":   {map[string]any{"valid_from": soon}, "503 brand_origin_mismatch"},
		"until a date":         {map[string]any{"valid_until": "2099-01-01"}, "503 brand_origin_mismatch"},
		"the agent's host":     {map[string]any{"domain": "sales.example.co.uk"}, "503 brand_origin_mismatch"},
		"domain with a path":   {map[string]any{"domain": "example.co.uk/x"}, "503 brand_origin_mismatch"},
	} {
		cases[name] = discoveryCase{
			capabilities: "https://house.example/b.json",
			docs:         docs{"house.example/b.json": authorizing(tc.operator)},
			want:         tc.want,
		}
	}
	testDiscovery(t, cases)
}

// Contract F51: the key set has to be on the origin that the capabilities declare.
func TestDiscoveryWithKeyOrigin(t *testing.T) {
	t.Parallel()
	testDiscovery(t, map[string]discoveryCase{
		"same host": {
			keyOrigin: "https://SALES.example.co.uk/",
			docs:      docs{operatorBrand: listed},
			want:      "k1",
		},
		"another host": {
			keyOrigin:    "https://keys.example.co.uk",
			docs:         docs{operatorBrand: listed},
			want:         "503 key_origin_mismatch",
			notRequested: []string{ownKeys},
		},
		"no URL": {
			keyOrigin: "sales.example.co.uk",
			docs:      docs{operatorBrand: listed},
			want:      "503 key_origin_missing",
		},
		"another host, brand.json by capabilities": {
			capabilities: "https://example.co.uk/b.json",
			keyOrigin:    "https://keys.example.co.uk",
			docs:         docs{"example.co.uk/b.json": listed},
			want:         "503 key_origin_mismatch",
		},
	})
}
