package httpapi

import (
	"time"

	"adcp-orchestrator/pkg/adcp"
)

// Capabilities are what an agent declares that it supports, under AdCP's own names. What the agent
// does not state is left out: absent and false are different statements.
type Capabilities struct {
	Versions      []string       `json:"supported_versions,omitempty"`
	MajorVersions []int          `json:"major_versions,omitempty"`
	Protocols     []string       `json:"supported_protocols,omitempty"`
	Specialisms   []string       `json:"specialisms,omitempty"`
	Idempotency   Idempotency    `json:"idempotency,omitzero"`
	Requests      RequestSigning `json:"request_signing,omitzero"`
	Webhooks      WebhookSigning `json:"webhook_signing,omitzero"`
	// Emits: the agent sends webhooks of its own accord, besides those of operations.
	Emits       bool               `json:"emits_webhooks"`
	Identity    Identity           `json:"identity,omitzero"`
	Account     adcp.AccountRules  `json:"account,omitzero"`
	MediaBuy    adcp.MediaBuyOffer `json:"media_buy,omitzero"`
	Changes     Changes            `json:"capability_changes,omitzero"`
	LastUpdated time.Time          `json:"last_updated,omitzero"`
}

// Idempotency is what the agent states about repeated requests.
type Idempotency struct {
	Supported   *bool `json:"supported,omitempty"`
	ReplayTTL   int64 `json:"replay_ttl_seconds,omitempty"`
	InFlightMax int64 `json:"in_flight_max_seconds,omitempty"`
}

// RequestSigning is which requests the agent wants signed.
type RequestSigning struct {
	Supported    *bool    `json:"supported,omitempty"`
	Digest       string   `json:"covers_content_digest,omitempty"`
	RequiredFor  []string `json:"required_for,omitempty"`
	WarnFor      []string `json:"warn_for,omitempty"`
	SupportedFor []string `json:"supported_for,omitempty"`
	// Methods are the names of AdCP's three lists of JSON-RPC methods together, MethodsRequired those
	// of the first.
	Methods         []string `json:"protocol_methods,omitempty"`
	MethodsRequired []string `json:"protocol_methods_required_for,omitempty"`
}

// WebhookSigning is whether and how the agent signs webhooks.
type WebhookSigning struct {
	Supported  *bool    `json:"supported,omitempty"`
	Algorithms []string `json:"algorithms,omitempty"`
	// HMACFallback: the agent still supports the legacy modes.
	HMACFallback bool `json:"legacy_hmac_fallback,omitempty"`
}

// Identity is where the agent's keys are, according to the agent.
type Identity struct {
	BrandURL string `json:"brand_json_url,omitempty"`
	// Origins are the origins of the key sets by purpose.
	Origins   map[string]string `json:"key_origins,omitempty"`
	Isolation bool              `json:"per_principal_key_isolation,omitempty"`
}

// IsZero reports whether the agent states nothing about its identity. encoding/json calls it.
func (i Identity) IsZero() bool { return i.BrandURL == "" && len(i.Origins) == 0 && !i.Isolation }

// Changes is how the agent announces changes of its capabilities.
type Changes struct {
	Version string `json:"capabilities_version,omitempty"`
	TTL     int64  `json:"cache_ttl_seconds,omitempty"`
}

func viewCapabilities(c adcp.Capabilities) *Capabilities {
	return &Capabilities{
		Versions:      c.Versions,
		MajorVersions: c.MajorVersions,
		Protocols:     c.Protocols,
		Specialisms:   c.Specialisms,
		Idempotency: Idempotency{
			Supported:   stated(c.Idempotency.Support),
			ReplayTTL:   seconds(c.Idempotency.ReplayTTL),
			InFlightMax: seconds(c.Idempotency.InFlightMax),
		},
		Requests: RequestSigning{
			Supported:       stated(c.Requests.Support),
			Digest:          c.Requests.Digest,
			RequiredFor:     c.Requests.RequiredFor,
			WarnFor:         c.Requests.WarnFor,
			SupportedFor:    c.Requests.SupportedFor,
			Methods:         c.Requests.Methods,
			MethodsRequired: c.Requests.MethodsRequired,
		},
		Webhooks: WebhookSigning{
			Supported:    stated(c.Webhooks.Support),
			Algorithms:   c.Webhooks.Algorithms,
			HMACFallback: c.Webhooks.HMACFallback,
		},
		Emits: c.Webhooks.Emits,
		Identity: Identity{
			BrandURL:  c.Identity.BrandURL,
			Origins:   c.Identity.Origins,
			Isolation: c.Identity.Isolation,
		},
		Account:     c.Account,
		MediaBuy:    c.MediaBuy,
		Changes:     Changes{Version: c.Changes.Version, TTL: seconds(c.Changes.TTL)},
		LastUpdated: c.LastUpdated,
	}
}

// stated returns what the agent says about a feature, nil if it says nothing.
func stated(s adcp.Support) *bool {
	if s == adcp.Unstated {
		return nil
	}
	yes := s == adcp.Supported
	return &yes
}

// seconds returns whole seconds, as AdCP counts them.
func seconds(d time.Duration) int64 { return int64(d / time.Second) }
