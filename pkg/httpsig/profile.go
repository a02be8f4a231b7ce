// Package httpsig is the AdCP profile of RFC 9421, HTTP Message Signatures: what a receiver checks on a signed webhook or request, and what a sender signs.
// It reads nothing but its arguments: no network, no store, no clock. What needs those comes in through Keys, Revocation, Replay and Signer.
//
// The profile's own rules, base64url among them, are why this is no general library: those refuse what AdCP's senders send, and accept what AdCP refuses.
package httpsig

import "slices"

// The profiles' tags: they keep a signature made for one purpose from being used for the other.
const (
	TagWebhook = "adcp/webhook-signing/v1"
	TagRequest = "adcp/request-signing/v1"
)

// The values of a key's adcp_use that some profile accepts.
const (
	UseRequestSigning = "request-signing"
	UseWebhookSigning = "webhook-signing" // deprecated by the protocol, in use all the same
)

// DigestPolicy is a verifier's covers_content_digest (contract B48).
type DigestPolicy string

// The three policies.
const (
	DigestRequired  DigestPolicy = "required"
	DigestForbidden DigestPolicy = "forbidden"
	DigestEither    DigestPolicy = "either"
)

// Profile is one use of signatures.
type Profile struct {
	prefix     string // of the codes
	tag        string
	components []string // that have to be covered
	digest     DigestPolicy
	uses       []string // of a key
	// extras: other header fields than the profile's may be covered.
	extras bool
	// strictBody: the body is checked for duplicate keys.
	strictBody bool
	unsigned   string // the code for neither signature header
}

// components that both profiles require; content-digest is the policy's.
var required = []string{compMethod, compTarget, compAuthority, compType}

// WebhookProfile is for webhooks (contract F.5): the digest is always covered, because the body is the event.
func WebhookProfile() Profile {
	return Profile{prefix: "webhook", tag: TagWebhook, components: required, digest: DigestRequired, uses: []string{UseRequestSigning, UseWebhookSigning},
		extras: true, strictBody: true, unsigned: headerMalformed}
}

// RequestProfile is for requests to agents (contract B.4), under the agent's policy on content-digest.
func RequestProfile(digest DigestPolicy) Profile {
	return Profile{prefix: "request", tag: TagRequest, components: required, digest: digest, uses: []string{UseRequestSigning}, unsigned: signatureRequired}
}

// covered checks step 6: what has to be covered is, and for requests nothing else is.
func (p Profile) covered(components []component) *Error {
	has := func(name string) bool {
		return slices.ContainsFunc(components, func(c component) bool { return c.name == name && !c.params })
	}
	for _, name := range p.components {
		if !has(name) {
			return p.fail("6", componentsIncomplete, name+" is not covered")
		}
	}
	switch digest := has(compDigest); {
	case p.digest == DigestRequired && !digest:
		return p.fail("6", componentsIncomplete, "content-digest is not covered")
	case p.digest == DigestForbidden && digest:
		return p.fail("6", componentsUnexpected, "content-digest is covered")
	}
	if p.extras {
		return nil
	}
	for _, c := range components {
		if c.params || !slices.Contains(p.components, c.name) && c.name != compDigest {
			return p.fail("6", componentsUnexpected, "more is covered than the profile allows: "+Loggable(c.name))
		}
	}
	return nil
}
