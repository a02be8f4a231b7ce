package adcp

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestReadCapabilities(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		payload string
		want    Capabilities
	}{
		"not an object": {`[]`, Capabilities{}},
		"nothing":       {``, Capabilities{}},
		"empty object":  {`{}`, Capabilities{Stated: true}},
		"malformed members": {
			payload: `{
				"adcp": {"idempotency": {"supported": "yes"}, "supported_versions": "3.1", "major_versions": ["x", 3]},
				"identity": 7,
				"request_signing": [],
				"supported_protocols": [1, "media_buy"]
			}`,
			want: Capabilities{Stated: true, MajorVersions: []int{3}, Protocols: []string{"media_buy"}},
		},
		"the TypeScript seller's": {
			payload: `{
				"adcp": {"major_versions": [3], "idempotency": {"supported": true, "replay_ttl_seconds": 86400}},
				"supported_protocols": ["media_buy", "creative"],
				"account": {"require_operator_auth": true, "supported_billing": ["agent"]}
			}`,
			want: Capabilities{
				Stated:        true,
				MajorVersions: []int{3},
				Protocols:     []string{"media_buy", "creative"},
				Idempotency:   IdempotencyOffer{Support: Supported, ReplayTTL: 24 * time.Hour},
				Account:       AccountRules{OperatorAuth: true, Billing: []string{"agent"}},
			},
		},
		"the Python seller's": {
			payload: `{
				"adcp": {
					"major_versions": [3],
					"supported_versions": ["3.0", "3.1"],
					"idempotency": {"supported": false, "replay_ttl_seconds": 5}
				},
				"webhook_signing": {"supported": true, "algorithms": ["ed25519"], "legacy_hmac_fallback": false},
				"specialisms": ["sales-guaranteed"]
			}`,
			want: Capabilities{
				Stated:        true,
				MajorVersions: []int{3},
				Versions:      []string{"3.0", "3.1"},
				Idempotency:   IdempotencyOffer{Support: Unsupported},
				Specialisms:   []string{"sales-guaranteed"},
				Webhooks:      WebhookSigning{Support: Supported, Algorithms: []string{"ed25519"}},
			},
		},
		"every member that is kept": {
			payload: `{
				"adcp": {
					"idempotency": {"supported": true, "replay_ttl_seconds": 1e300, "in_flight_max_seconds": 300},
					"capability_changes": {"capabilities_version": "v7", "cache_ttl_seconds": 600}
				},
				"request_signing": {
					"supported": true,
					"covers_content_digest": "required",
					"required_for": ["create_media_buy"],
					"warn_for": ["update_media_buy"],
					"supported_for": ["get_products"],
					"protocol_methods_required_for": ["tasks/cancel"],
					"protocol_methods_supported_for": ["tasks/get"]
				},
				"webhook_signing": {"supported": false, "algorithms": ["rsa"], "legacy_hmac_fallback": true},
				"media_buy": {
					"reporting_delivery_methods": ["webhook"],
					"governance_aware": true,
					"creative_approval_mode": "manual"
				},
				"identity": {
					"brand_json_url": "https://s.example/b",
					"key_origins": {"webhook_signing": "https://s.example", "governance_signing": 7},
					"per_principal_key_isolation": true
				},
				"account": {"sandbox": true},
				"last_updated": "2026-11-01T00:00:00Z"
			}`,
			want: Capabilities{
				Stated: true,
				Idempotency: IdempotencyOffer{
					Support:     Supported,
					ReplayTTL:   7 * 24 * time.Hour,
					InFlightMax: 5 * time.Minute,
				},
				Changes: CapabilityChanges{Version: "v7", TTL: 10 * time.Minute},
				Requests: RequestSigning{
					Support:         Supported,
					Digest:          "required",
					RequiredFor:     []string{"create_media_buy"},
					WarnFor:         []string{"update_media_buy"},
					SupportedFor:    []string{"get_products"},
					Methods:         []string{"tasks/cancel", "tasks/get"},
					MethodsRequired: []string{"tasks/cancel"},
				},
				Webhooks: WebhookSigning{
					Support:      Unsupported,
					Algorithms:   []string{"rsa"},
					HMACFallback: true,
					Emits:        true,
				},
				MediaBuy: MediaBuyOffer{Reporting: []string{"webhook"}, Governance: true, Approval: "manual"},
				Identity: Identity{
					BrandURL:  "https://s.example/b",
					Origins:   map[string]string{"webhook_signing": "https://s.example"},
					Isolation: true,
				},
				Account:     AccountRules{Sandbox: true},
				LastUpdated: time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC),
			},
		},
	} {
		got := ReadCapabilities(json.RawMessage(c.payload))
		if !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s:\ngot  %+v\nwant %+v", name, got, c.want)
		}
		stored, err := json.Marshal(got)
		var back Capabilities
		if err != nil || json.Unmarshal(stored, &back) != nil || !reflect.DeepEqual(back, got) {
			t.Errorf("%s: stored as %s, read as %+v, %v", name, stored, back, err)
		}
	}
}

// Every operation reads the stored capabilities, so an agent must not be able to make them large.
func TestCapabilitiesAreBounded(t *testing.T) {
	t.Parallel()
	long := `"` + strings.Repeat("x", 5000) + `"`
	many := `["w"` + strings.Repeat(`,"w"`, 5000) + `]`
	origins := `"a":"u"`
	for i := range 1000 {
		origins += fmt.Sprintf(`,"k%d":"https://o.example"`, i)
	}
	c := ReadCapabilities(json.RawMessage(`{
		"adcp":{"supported_versions":` + many + `},
		"specialisms":[` + long + `],
		"identity":{"brand_json_url":` + long + `,"key_origins":{` + origins + `}},
		"request_signing":{"required_for":` + many + `}
	}`))
	if len(c.Versions) != maxListed || c.Specialisms != nil || c.Identity.BrandURL != "" ||
		len(c.Identity.Origins) != maxListed || len(c.Requests.RequiredFor) != maxListed {
		t.Errorf("got %+v", c)
	}
}

// What the agent lists is signed, and a credential whenever the agent can verify (contract B47).
func TestRequestSigningWants(t *testing.T) {
	t.Parallel()
	s := RequestSigning{
		RequiredFor:  []string{"a"},
		WarnFor:      []string{"b"},
		SupportedFor: []string{"c"},
		Methods:      []string{"d"},
	}
	for tool, want := range map[string][4]bool{ // sign and must without a credential, then with one
		"a": {true, true, true, true},
		"b": {true, false, true, true},
		"c": {true, false, true, true},
		"d": {false, false, true, true},
	} {
		sign, must := s.Wants(tool, false)
		sign2, must2 := s.Wants(tool, true)
		if got := [4]bool{sign, must, sign2, must2}; got != want {
			t.Errorf("%s: %v, want %v", tool, got, want)
		}
	}
	for _, s := range []RequestSigning{{}, {Support: Unsupported}} {
		if sign, must := s.Wants("a", true); sign || must || s.Capable() {
			t.Errorf("%+v wants signatures", s)
		}
	}
}
