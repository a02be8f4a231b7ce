package adcp

import (
	"encoding/json"
	"math"
	"slices"
	"time"
)

// Capabilities is what an agent's get_adcp_capabilities says, as far as it decides how the agent is called and believed (contract B34 to B41). Whatever
// is missing, or of another form than it should have, is left at its zero value: one odd member hides no other.
type Capabilities struct {
	// Asked: the agent has answered at all. One that has not is a peer of 2.x (contract B32).
	Asked bool `json:"asked"`
	// Versions are adcp.supported_versions, releases like "3.1", and MajorVersions are adcp.major_versions.
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
}

// IdempotencyOffer is adcp.idempotency (contract B41, C17).
type IdempotencyOffer struct {
	Support Support `json:"support"`
	// ReplayTTL is how long keys are replayed, and InFlightMax how long a request may be in flight; 0 if the agent does not say.
	ReplayTTL   time.Duration `json:"replay_ttl,omitempty"`
	InFlightMax time.Duration `json:"in_flight_max,omitempty"`
}

// Support tells whether an agent has a feature.
type Support string

// An agent says yes or no, or nothing: which counts as no wherever money moves.
const (
	Supported   Support = "supported"
	Unsupported Support = "unsupported"
	Unstated    Support = ""
)

// WebhookSigning is the member of that name, and whether the agent says elsewhere that it sends webhooks of its own accord (contract B39).
type WebhookSigning struct {
	Support    Support  `json:"support,omitempty"`
	Algorithms []string `json:"algorithms,omitempty"`
	// HMACFallback: the agent still serves the legacy modes.
	HMACFallback bool `json:"legacy_hmac_fallback,omitempty"`
	// Emits: reporting, content standards or wholesale feeds are delivered by webhook.
	Emits bool `json:"emits,omitempty"`
}

// Identity is where an agent's keys are to be found (contract F51). Whoever follows an address checks it.
type Identity struct {
	BrandURL string `json:"brand_json_url,omitempty"`
	// Origins are the key_origins by purpose: governance_signing, request_signing, webhook_signing.
	Origins map[string]string `json:"key_origins,omitempty"`
	// Isolation: each principal has to have a key of its own (contract L6).
	Isolation bool `json:"per_principal_key_isolation,omitempty"`
}

// AccountRules are the members of account that an owner has to know of.
type AccountRules struct {
	OperatorAuth bool     `json:"require_operator_auth,omitempty"`
	Billing      []string `json:"supported_billing,omitempty"`
	Sandbox      bool     `json:"sandbox,omitempty"`
}

// MediaBuyOffer are the members of media_buy that an owner has to know of.
type MediaBuyOffer struct {
	Reporting  []string `json:"reporting_delivery_methods,omitempty"`
	Governance bool     `json:"governance_aware,omitempty"`
	Approval   string   `json:"creative_approval_mode,omitempty"`
}

// CapabilityChanges is adcp.capability_changes of 3.2 (contract B37).
type CapabilityChanges struct {
	Version string `json:"capabilities_version,omitempty"`
	// TTL is how long the answer may be kept, 0 if the agent does not say.
	TTL time.Duration `json:"cache_ttl,omitempty"`
}

// The bounds of what is kept.
const (
	maxListed    = 64   // members of a list
	maxWord      = 128  // bytes of one of them
	maxAddress   = 2048 // bytes of an address
	maxReplayTTL = 7 * 24 * time.Hour
)

// ReadCapabilities reads an answer of get_adcp_capabilities.
func ReadCapabilities(payload json.RawMessage) Capabilities {
	top := object(payload)
	if top == nil {
		return Capabilities{}
	}
	core, media, identity := object(top["adcp"]), object(top["media_buy"]), object(top["identity"])
	c := Capabilities{Asked: true, Versions: words(core["supported_versions"]), Protocols: words(top["supported_protocols"]), Specialisms: words(top["specialisms"])}
	for _, raw := range list(core["major_versions"], maxListed) {
		var v int
		if json.Unmarshal(raw, &v) == nil {
			c.MajorVersions = append(c.MajorVersions, v)
		}
	}
	idem := object(core["idempotency"])
	c.Idempotency = IdempotencyOffer{Support: support(idem["supported"])}
	if c.Idempotency.Support == Supported {
		c.Idempotency.ReplayTTL = within(idem["replay_ttl_seconds"], maxReplayTTL)
		c.Idempotency.InFlightMax = within(idem["in_flight_max_seconds"], maxReplayTTL)
	}
	c.Requests = readSigning(object(top["request_signing"]))
	signing := object(top["webhook_signing"])
	c.Webhooks = WebhookSigning{Support: support(signing["supported"]), Algorithms: words(signing["algorithms"]), HMACFallback: yes(signing["legacy_hmac_fallback"])}
	c.MediaBuy = MediaBuyOffer{Reporting: words(media["reporting_delivery_methods"]), Governance: yes(media["governance_aware"]), Approval: word(media["creative_approval_mode"])}
	standards := object(media["content_standards"])
	if standards == nil {
		standards = object(top["content_standards"])
	}
	c.Webhooks.Emits = slices.Contains(c.MediaBuy.Reporting, "webhook") || yes(standards["supports_webhook_delivery"]) ||
		yes(object(top["wholesale_feed_webhooks"])["supported"])
	c.Identity = Identity{BrandURL: address(identity["brand_json_url"]), Isolation: yes(identity["per_principal_key_isolation"])}
	for purpose, raw := range object(identity["key_origins"]) {
		if at := address(raw); at != "" && len(purpose) <= maxWord && len(c.Identity.Origins) < maxListed {
			if c.Identity.Origins == nil {
				c.Identity.Origins = map[string]string{}
			}
			c.Identity.Origins[purpose] = at
		}
	}
	account := object(top["account"])
	c.Account = AccountRules{OperatorAuth: yes(account["require_operator_auth"]), Billing: words(account["supported_billing"]), Sandbox: yes(account["sandbox"])}
	changes := object(core["capability_changes"])
	c.Changes = CapabilityChanges{Version: word(changes["capabilities_version"]), TTL: within(changes["cache_ttl_seconds"], maxReplayTTL)}
	c.LastUpdated, _ = time.Parse(time.RFC3339, word(top["last_updated"]))
	return c
}

// RequestSigning is the member of that name: which requests the agent wants signed, and how (contract B36, B47, B48).
type RequestSigning struct {
	Support Support `json:"support,omitempty"`
	// Digest is covers_content_digest: "required", "forbidden" or "either".
	Digest string `json:"covers_content_digest,omitempty"`
	// The AdCP tasks, and the methods of JSON-RPC, that are to be signed. The two are never matched with each other (contract B44).
	RequiredFor  []string `json:"required_for,omitempty"`
	WarnFor      []string `json:"warn_for,omitempty"`
	SupportedFor []string `json:"supported_for,omitempty"`
	Methods      []string `json:"protocol_methods,omitempty"`
	// MethodsRequired are those of Methods that are refused without a signature.
	MethodsRequired []string `json:"protocol_methods_required,omitempty"`
}

func readSigning(m map[string]json.RawMessage) RequestSigning {
	s := RequestSigning{Support: support(m["supported"]), Digest: word(m["covers_content_digest"]), RequiredFor: words(m["required_for"]), WarnFor: words(m["warn_for"]),
		SupportedFor: words(m["supported_for"]), MethodsRequired: words(m["protocol_methods_required_for"])}
	s.Methods = slices.Concat(s.MethodsRequired, words(m["protocol_methods_warn_for"]), words(m["protocol_methods_supported_for"]))
	return s
}

// Capable reports whether the agent verifies signatures at all.
func (s RequestSigning) Capable() bool {
	return s.Support == Supported || len(s.RequiredFor)+len(s.WarnFor)+len(s.SupportedFor)+len(s.Methods) > 0
}

// Wants reports whether a call of a tool is to be signed, and whether the agent refuses it otherwise. One that hands over a webhook's credential is always to
// be signed for an agent that can check it (contract B47).
func (s RequestSigning) Wants(tool string, credential bool) (sign, must bool) {
	must = slices.Contains(s.RequiredFor, tool) || credential && s.Capable()
	return must || slices.Contains(s.WarnFor, tool) || slices.Contains(s.SupportedFor, tool), must
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

func yes(raw json.RawMessage) bool { return string(raw) == "true" }

func word(raw json.RawMessage) string {
	if s, ok := text(raw); ok && len(s) <= maxWord {
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

func words(raw json.RawMessage) []string {
	var all []string
	for _, r := range list(raw, maxListed) {
		if s := word(r); s != "" {
			all = append(all, s)
		}
	}
	return all
}

// within reads seconds, from 0 to a bound.
func within(raw json.RawMessage, most time.Duration) time.Duration {
	var seconds float64
	if json.Unmarshal(raw, &seconds) != nil || math.IsNaN(seconds) {
		return 0
	}
	return time.Duration(min(max(seconds, 0), most.Seconds())) * time.Second
}
