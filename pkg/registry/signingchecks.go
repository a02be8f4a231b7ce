package registry

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/operation"
)

// allowedAlgorithms are the algorithms of signatures that are verified (contract B28, B39).
var allowedAlgorithms = []string{"ed25519", "ecdsa-p256-sha256"}

// keyPurposes are the members of identity.key_origins.
var keyPurposes = []string{"governance_signing", "request_signing", "webhook_signing", "tmp_signing"}

// keys checks what the agent says about its keys (contract B39, L16) and where they are.
func (r *report) keys(c adcp.Capabilities) {
	for i, name := range c.Webhooks.Algorithms {
		if !slices.Contains(allowedAlgorithms, name) {
			r.add(SeverityRefused, "algorithm_not_allowed", fmt.Sprintf("webhook_signing.algorithms[%d]", i),
				"the agent signs webhooks with "+quoteName(name)+"; only ed25519 and ecdsa-p256-sha256 are allowed",
				"ask the agent's owner to take it off the list")
		}
	}
	governance := origin(c.Identity.Origins["governance_signing"])
	for _, purpose := range []string{"request_signing", "webhook_signing"} {
		if governance != "" && governance == origin(c.Identity.Origins[purpose]) {
			r.add(SeverityRefused, "origins_not_separate", "identity.key_origins.governance_signing",
				"the governance keys are served from the origin of the "+purpose+" keys: control of that origin is "+
					"control of both",
				"ask the agent's owner to serve its governance keys from a separate origin")
		}
	}
	if c.Identity.BrandURL != "" {
		r.address("identity.brand_json_url", c.Identity.BrandURL)
	}
	for _, purpose := range keyPurposes {
		if at := c.Identity.Origins[purpose]; at != "" {
			r.address("identity.key_origins."+purpose, at)
		}
	}
	if c.Identity.Isolation {
		r.add(SeverityNote, "key_isolation", "identity.per_principal_key_isolation",
			"the agent wants a separate credential for each principal, and an entry has only one",
			"register the agent once for each principal that you buy for, each with its own credential_ref")
	}
}

// address checks an address that the agent names. Why it is refused is not shown: that text quotes
// what the agent wrote.
func (r *report) address(field, address string) {
	if r.checker.CheckURL(address) != nil {
		r.add(SeverityRefused, "address_not_allowed", field, "the address is not a public https address of at most "+
			"2048 bytes, so it can't be fetched from", "ask the agent's owner for a public https address")
	}
}

// webhooks checks whether the agent's webhooks can be relied on in the mode that the owner chose.
func (r *report) webhooks(c adcp.Capabilities) {
	const code, field = "webhooks_not_signed", "webhook_signing.supported"
	signed := r.agent.WebhookMode == operation.WebhookRFC9421
	says := map[adcp.Support]string{
		adcp.Unsupported: "says that it doesn't sign",
		adcp.Unstated:    "doesn't say that it signs",
	}[c.Webhooks.Support]
	switch {
	case says != "" && c.Webhooks.Emits && signed:
		r.add(SeverityRefused, code, field, "the agent sends webhooks of its own accord and "+says+" them",
			"ask the agent's owner to sign webhooks and to declare it; or choose another webhook_mode, hmac-sha256, "+
				"bearer or none, which doesn't rely on the agent's signature")
	case says != "" && c.Webhooks.Emits:
		r.add(SeverityUnsafe, code, field, "the agent sends webhooks of its own accord and "+says+" them; "+
			"webhook_mode "+string(r.agent.WebhookMode)+" doesn't rely on its signature",
			"ask the agent's owner to sign webhooks, then choose rfc9421")
	case c.Webhooks.Support == adcp.Unsupported && signed:
		r.add(SeverityUnsafe, code, field,
			"the agent "+says+" webhooks, and unsigned webhooks are refused: only polls will end its operations",
			"choose the webhook_mode that the agent supports, or none")
	case c.Webhooks.Support == adcp.Unstated && signed:
		r.add(SeverityNote, code, field,
			"the agent "+says+" webhooks; if it doesn't, they are refused and only polls will end its operations",
			"watch GET /v1/quarantine for its first webhooks")
	case c.Webhooks.Support == adcp.Supported && signed && c.Identity.BrandURL == "" && r.agent.BrandURL == "":
		// contract B40
		r.add(SeverityUnsafe, "keys_not_named", "identity.brand_json_url", "the agent signs webhooks and doesn't say "+
			"where its brand.json is: its keys are looked for at /.well-known/brand.json of its domain",
			"give brand_json_url with the entry, or ask the agent's owner to name it")
	}
}

// signingLists checks that each list of request_signing holds names of its own kind. Tasks and
// methods are never matched with each other, so a request would never be signed because of a name
// in the wrong list (contract B44).
func (r *report) signingLists(s adcp.RequestSigning) {
	const methods, tasks = "JSON-RPC methods, which have a slash or begin with a capital", "AdCP tasks, which do not"
	for _, list := range []struct {
		field string
		names []string
		kind  string
	}{
		{"required_for", s.RequiredFor, tasks},
		{"warn_for", s.WarnFor, tasks},
		{"supported_for", s.SupportedFor, tasks},
		{"protocol_methods_*", s.Methods, methods},
	} {
		wrong := func(name string) bool { return adcp.MethodName(name) != (list.kind == methods) }
		if i := slices.IndexFunc(list.names, wrong); i >= 0 { // one name shows the mistake
			r.add(SeverityRefused, "signing_misconfigured", "request_signing."+list.field,
				"the list must hold "+list.kind+"; "+quoteName(list.names[i])+" is not one",
				"ask the agent's owner to put it into the list where it belongs")
		}
	}
}

// signing checks which requests the agent wants signed, if there is no key to sign with.
func (r *report) signing(s adcp.RequestSigning) {
	switch {
	case r.checker.CanSign:
	case len(s.RequiredFor) > 0:
		r.add(SeverityRefused, "signature_required", "request_signing.required_for",
			"the agent refuses these tasks unless they are signed, and there is no key to sign with",
			"deploy with a signing key, or ask the agent's owner to accept unsigned requests with the credential")
	case s.Capable() && r.agent.WebhookMode.Shared(): // contract B47
		r.add(SeverityRefused, "signature_required", "webhook_mode", "the agent checks signatures, so a request that "+
			"hands over a webhook's credential must be signed, and there is no key to sign with",
			"choose webhook_mode rfc9421 or none, which hand over no credential")
	case len(s.WarnFor)+len(s.MethodsRequired) > 0:
		r.add(SeverityUnsafe, "signature_wanted", "request_signing", "the agent wants requests signed, and there is no "+
			"key to sign with: what it warns about today it may refuse tomorrow",
			"deploy with a signing key, or ask the agent's owner for how long it accepts unsigned requests")
	}
}

// origin returns what the URLs of one server share: scheme, host and port (contract L16). It
// returns "" for a text that is no URL.
func origin(raw string) string {
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" {
		return ""
	}
	scheme, port := strings.ToLower(u.Scheme), u.Port()
	if port == "" {
		port = map[string]string{"https": "443", "http": "80"}[scheme]
	}
	return scheme + "://" + strings.TrimSuffix(strings.ToLower(u.Hostname()), ".") + ":" + port
}
