package httpapi

import (
	"time"

	"adcp-orchestrator/pkg/adcp"
)

// Capabilities are an agent's, under the names that AdCP has for them. What it does not state is left out.
type Capabilities struct {
	Versions      []string           `json:"supported_versions,omitempty"`
	MajorVersions []int              `json:"major_versions,omitempty"`
	Protocols     []string           `json:"supported_protocols,omitempty"`
	Specialisms   []string           `json:"specialisms,omitempty"`
	Idempotency   Idempotency        `json:"idempotency,omitzero"`
	Requests      RequestSigning     `json:"request_signing,omitzero"`
	Webhooks      WebhookSigning     `json:"webhook_signing,omitzero"`
	Emits         bool               `json:"emits_webhooks"` // of its own accord, beside those of operations
	Identity      Identity           `json:"identity,omitzero"`
	Account       adcp.AccountRules  `json:"account,omitzero"`
	MediaBuy      adcp.MediaBuyOffer `json:"media_buy,omitzero"`
	Changes       Changes            `json:"capability_changes,omitzero"`
	LastUpdated   time.Time          `json:"last_updated,omitzero"`
}

// Idempotency is what the agent says of repeated requests.
type Idempotency struct {
	Supported   *bool `json:"supported,omitempty"`
	ReplayTTL   int64 `json:"replay_ttl_seconds,omitempty"`
	InFlightMax int64 `json:"in_flight_max_seconds,omitempty"`
}

// RequestSigning is which requests the agent wants signed.
type RequestSigning struct {
	Supported       *bool    `json:"supported,omitempty"`
	Digest          string   `json:"covers_content_digest,omitempty"`
	RequiredFor     []string `json:"required_for,omitempty"`
	WarnFor         []string `json:"warn_for,omitempty"`
	SupportedFor    []string `json:"supported_for,omitempty"`
	Methods         []string `json:"protocol_methods,omitempty"` // in whichever of the three lists
	MethodsRequired []string `json:"protocol_methods_required_for,omitempty"`
}

// WebhookSigning is whether the agent signs webhooks, and how.
type WebhookSigning struct {
	Supported    *bool    `json:"supported,omitempty"`
	Algorithms   []string `json:"algorithms,omitempty"`
	HMACFallback bool     `json:"legacy_hmac_fallback,omitempty"`
}

// Identity is where the agent's keys are, by its own word.
type Identity struct {
	BrandURL  string            `json:"brand_json_url,omitempty"`
	Origins   map[string]string `json:"key_origins,omitempty"`
	Isolation bool              `json:"per_principal_key_isolation,omitempty"`
}

// IsZero reports whether the agent says nothing of itself.
func (i Identity) IsZero() bool { return i.BrandURL == "" && len(i.Origins) == 0 && !i.Isolation }

// Changes is how an agent tells that its capabilities have changed.
type Changes struct {
	Version string `json:"capabilities_version,omitempty"`
	TTL     int64  `json:"cache_ttl_seconds,omitempty"`
}

func viewCapabilities(c adcp.Capabilities) *Capabilities {
	r, w := c.Requests, c.Webhooks
	return &Capabilities{
		Versions: c.Versions, MajorVersions: c.MajorVersions, Protocols: c.Protocols, Specialisms: c.Specialisms,
		Idempotency: Idempotency{stated(c.Idempotency.Support), seconds(c.Idempotency.ReplayTTL), seconds(c.Idempotency.InFlightMax)},
		Requests:    RequestSigning{stated(r.Support), r.Digest, r.RequiredFor, r.WarnFor, r.SupportedFor, r.Methods, r.MethodsRequired},
		Webhooks:    WebhookSigning{stated(w.Support), w.Algorithms, w.HMACFallback},
		Emits:       w.Emits,
		Identity:    Identity{c.Identity.BrandURL, c.Identity.Origins, c.Identity.Isolation},
		Account:     c.Account, MediaBuy: c.MediaBuy,
		Changes:     Changes{c.Changes.Version, seconds(c.Changes.TTL)},
		LastUpdated: c.LastUpdated,
	}
}

// stated is nil for what the agent says nothing of.
func stated(s adcp.Support) *bool {
	if s == adcp.Unstated {
		return nil
	}
	yes := s == adcp.Supported
	return &yes
}

func seconds(d time.Duration) int64 { return int64(d / time.Second) }

