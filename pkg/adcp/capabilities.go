package adcp

import (
	"encoding/json"
	"math"
	"slices"
	"time"
)

// Capabilities is what an agent's get_adcp_capabilities says, as far as it decides how the agent is
// called and trusted (contract B34 to B41). A member that is missing or malformed stays at its zero
// value and does not hide any other.
type Capabilities struct {
	// Asked: the agent has answered. One that has not is a peer of 2.x (contract B32).
	Stated bool `json:"stated"`
	// Versions are adcp.supported_versions, releases like "3.1"; MajorVersions are
	// adcp.major_versions.
	Versions      []string `json:"supported_versions,omitempty"`
	MajorVersions []int    `json:"major_versions,omitempty"`
	// Protocols are supported_protocols, in the spelling of capabilities: media_buy (contract B35).
	Protocols   []string          `json:"supported_protocols,omitempty"`
	Specialisms []string          `json:"specialisms,omitempty"`
	Idempotency IdempotencyOffer  `json:"idempotency"`
	Requests    RequestSigning    `json:"request_signing"`
	Webhooks    WebhookSigning    `json:"webhook_signing"`
	Identity    Identity          `json:"identity"`
	Account     AccountRules      `json:"account"`
	MediaBuy    MediaBuyOffer     `json:"media_buy"`
	LastUpdated time.Time         `json:"last_updated,omitzero"`
	Changes     CapabilityChanges `json:"capability_changes"`
	// Unknown holds the members of a stored document that only newer code knows, here and in the
	// structs inside. Nothing of an agent's answer gets there.
	Unknown string `json:"-" document:"unknown"`
}

// IdempotencyOffer is adcp.idempotency (contract B41, C17).
type IdempotencyOffer struct {
	Support Support `json:"support"`
	// ReplayTTL is how long the agent replays a key's answer, and InFlightMax how long a request may
	// be in flight. 0 if the agent does not say.
	ReplayTTL   time.Duration `json:"replay_ttl,omitempty"`
	InFlightMax time.Duration `json:"in_flight_max,omitempty"`
	Unknown     string        `json:"-" document:"unknown"`
}

// Support says whether an agent supports a feature.
type Support string

// The values of Support. Unstated counts as Unsupported wherever money moves.
const (
	Supported   Support = "supported"
	Unsupported Support = "unsupported"
	Unstated    Support = ""
)

// WebhookSigning is webhook_signing, and whether the agent says elsewhere that it sends webhooks on
// its own initiative (contract B39).
type WebhookSigning struct {
	Support    Support  `json:"support,omitempty"`
	Algorithms []string `json:"algorithms,omitempty"`
	// HMACFallback: the agent still serves the legacy modes.
	HMACFallback bool `json:"legacy_hmac_fallback,omitempty"`
	// Emits: the agent delivers reporting, content standards or wholesale feeds by webhook.
	Emits   bool   `json:"emits,omitempty"`
	Unknown string `json:"-" document:"unknown"`
}

// Identity says where an agent publishes its keys (contract F51). The addresses are unchecked:
// check them before you follow them.
type Identity struct {
	BrandURL string `json:"brand_json_url,omitempty"`
	// Origins are the key_origins by purpose: governance_signing, request_signing, webhook_signing.
	Origins map[string]string `json:"key_origins,omitempty"`
	// Isolation: each principal needs a key of its own (contract L6).
	Isolation bool   `json:"per_principal_key_isolation,omitempty"`
	Unknown   string `json:"-" document:"unknown"`
}

// AccountRules are the members of account that an agent's owner has to know.
type AccountRules struct {
	OperatorAuth bool     `json:"require_operator_auth,omitempty"`
	Billing      []string `json:"supported_billing,omitempty"`
	Sandbox      bool     `json:"sandbox,omitempty"`
	Unknown      string   `json:"-" document:"unknown"`
}

// MediaBuyOffer are the members of media_buy that an agent's owner has to know.
type MediaBuyOffer struct {
	Reporting  []string `json:"reporting_delivery_methods,omitempty"`
	Governance bool     `json:"governance_aware,omitempty"`
	Approval   string   `json:"creative_approval_mode,omitempty"`
	Unknown    string   `json:"-" document:"unknown"`
}

// CapabilityChanges is adcp.capability_changes of 3.2 (contract B37).
type CapabilityChanges struct {
	Version string `json:"capabilities_version,omitempty"`
	// TTL is how long the answer may be cached, 0 if the agent does not say.
	TTL     time.Duration `json:"cache_ttl,omitempty"`
	Unknown string        `json:"-" document:"unknown"`
}

// The bounds of what is kept.
const (
	maxListed    = 64   // elements of a list
	maxShortText = 128  // bytes of one of them
	maxAddress   = 2048 // bytes of an address
	maxReplayTTL = 7 * 24 * time.Hour
)

// ReadCapabilities reads an answer of get_adcp_capabilities. A payload that is not an object gives
// the zero value.
func ReadCapabilities(payload json.RawMessage) Capabilities {
	top := object(payload)
	if top == nil {
		return Capabilities{}
	}
	core := object(top["adcp"])
	c := Capabilities{
		Stated:      true,
		Versions:    shortTexts(core["supported_versions"]),
		Protocols:   shortTexts(top["supported_protocols"]),
		Specialisms: shortTexts(top["specialisms"]),
		Idempotency: readIdempotency(object(core["idempotency"])),
		Requests:    readRequestSigning(object(top["request_signing"])),
		Identity:    readIdentity(object(top["identity"])),
		Account:     readAccount(object(top["account"])),
		MediaBuy:    readMediaBuy(object(top["media_buy"])),
		Changes:     readChanges(object(core["capability_changes"])),
	}
	for _, raw := range list(core["major_versions"], maxListed) {
		var v int
		if json.Unmarshal(raw, &v) == nil {
			c.MajorVersions = append(c.MajorVersions, v)
		}
	}
	c.LastUpdated, _ = time.Parse(time.RFC3339, shortText(top["last_updated"]))
	c.Webhooks = readWebhookSigning(object(top["webhook_signing"]))
	c.Webhooks.Emits = emitsWebhooks(top, c.MediaBuy)
	return c
}

func readIdempotency(m map[string]json.RawMessage) IdempotencyOffer {
	offer := IdempotencyOffer{Support: support(m["supported"])}
	if offer.Support == Supported {
		offer.ReplayTTL = seconds(m["replay_ttl_seconds"], maxReplayTTL)
		offer.InFlightMax = seconds(m["in_flight_max_seconds"], maxReplayTTL)
	}
	return offer
}

func readWebhookSigning(m map[string]json.RawMessage) WebhookSigning {
	return WebhookSigning{
		Support:      support(m["supported"]),
		Algorithms:   shortTexts(m["algorithms"]),
		HMACFallback: isTrue(m["legacy_hmac_fallback"]),
	}
}

// emitsWebhooks applies contract B39. content_standards may be in media_buy or beside it.
func emitsWebhooks(top map[string]json.RawMessage, offer MediaBuyOffer) bool {
	standards := object(object(top["media_buy"])["content_standards"])
	if standards == nil {
		standards = object(top["content_standards"])
	}
	return slices.Contains(offer.Reporting, "webhook") ||
		isTrue(standards["supports_webhook_delivery"]) ||
		isTrue(object(top["wholesale_feed_webhooks"])["supported"])
}

func readMediaBuy(m map[string]json.RawMessage) MediaBuyOffer {
	return MediaBuyOffer{
		Reporting:  shortTexts(m["reporting_delivery_methods"]),
		Governance: isTrue(m["governance_aware"]),
		Approval:   shortText(m["creative_approval_mode"]),
	}
}

func readIdentity(m map[string]json.RawMessage) Identity {
	id := Identity{
		BrandURL:  address(m["brand_json_url"]),
		Isolation: isTrue(m["per_principal_key_isolation"]),
	}
	for purpose, raw := range object(m["key_origins"]) {
		if at := address(raw); at != "" && len(purpose) <= maxShortText && len(id.Origins) < maxListed {
			if id.Origins == nil {
				id.Origins = map[string]string{}
			}
			id.Origins[purpose] = at
		}
	}
	return id
}

func readAccount(m map[string]json.RawMessage) AccountRules {
	return AccountRules{
		OperatorAuth: isTrue(m["require_operator_auth"]),
		Billing:      shortTexts(m["supported_billing"]),
		Sandbox:      isTrue(m["sandbox"]),
	}
}

func readChanges(m map[string]json.RawMessage) CapabilityChanges {
	return CapabilityChanges{
		Version: shortText(m["capabilities_version"]),
		TTL:     seconds(m["cache_ttl_seconds"], maxReplayTTL),
	}
}

// support reads a boolean that may be missing.
func support(raw json.RawMessage) Support {
	switch string(raw) {
	case "true":
		return Supported
	case "false":
		return Unsupported
	}
	return Unstated
}

func isTrue(raw json.RawMessage) bool { return string(raw) == "true" }

func shortText(raw json.RawMessage) string {
	if s, ok := text(raw); ok && len(s) <= maxShortText {
		return s
	}
	return ""
}

func address(raw json.RawMessage) string {
	if s, ok := text(raw); ok && len(s) <= maxAddress {
		return s
	}
	return ""
}

func shortTexts(raw json.RawMessage) []string {
	var all []string
	for _, r := range list(raw, maxListed) {
		if s := shortText(r); s != "" {
			all = append(all, s)
		}
	}
	return all
}

// seconds reads a number of seconds as a duration of 0 to limit.
func seconds(raw json.RawMessage, limit time.Duration) time.Duration {
	var n float64
	if json.Unmarshal(raw, &n) != nil || math.IsNaN(n) {
		return 0
	}
	return time.Duration(min(max(n, 0), limit.Seconds())) * time.Second
}
