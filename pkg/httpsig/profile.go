package httpsig

import "slices"

// The tags of the profiles. They prevent the use of a signature for another purpose.
const (
	TagWebhook = "adcp/webhook-signing/v1"
	TagRequest = "adcp/request-signing/v1"
)

// The values of a key's adcp_use that a profile accepts.
const (
	UseRequestSigning = "request-signing"
	UseWebhookSigning = "webhook-signing" // deprecated by the protocol, but senders still use it
)

// DigestPolicy says whether a signature covers Content-Digest: a verifier's covers_content_digest
// (contract B48).
type DigestPolicy string

// The digest policies.
const (
	DigestRequired  DigestPolicy = "required"
	DigestForbidden DigestPolicy = "forbidden"
	DigestEither    DigestPolicy = "either"
)

// Profile holds the rules of one use of signatures. The zero Profile is not usable.
type Profile struct {
	prefix     string // of the error codes
	tag        string
	components []string // that a signature has to cover
	digest     DigestPolicy
	uses       []string // the values of a key's adcp_use that are accepted
	// extraFields: a signature may cover other header fields too.
	extraFields bool
	// padded: byte sequences are padded standard base64 (RFC 8941), and nothing else is read.
	padded bool
	// bodiless: a message without a body needs no digest.
	bodiless bool
	// strictBody: duplicate keys in the body are refused.
	strictBody bool
	// unsignedCode is the error code for a message without signature headers.
	unsignedCode string
}

// requiredComponents are those of both profiles. The digest policy decides about content-digest.
var requiredComponents = []string{compMethod, compTarget, compAuthority, compType}

// WebhookProfile returns the rules for webhooks (contract F.5). A signature always covers the
// digest, because the body is the event.
func WebhookProfile() Profile {
	return Profile{
		prefix:       "webhook",
		tag:          TagWebhook,
		components:   requiredComponents,
		digest:       DigestRequired,
		uses:         []string{UseRequestSigning, UseWebhookSigning},
		extraFields:  true,
		strictBody:   true,
		unsignedCode: headerMalformed,
	}
}

// RequestProfile returns the rules for requests to agents of 3.1 and 3.0 (contract B.4) under the
// agent's digest policy.
func RequestProfile(digest DigestPolicy) Profile {
	return Profile{
		prefix:       "request",
		tag:          TagRequest,
		components:   requiredComponents,
		digest:       digest,
		uses:         []string{UseRequestSigning},
		unsignedCode: signatureRequired,
	}
}

// RequestProfile32 returns the rules for requests to agents that speak 3.2 or later (contract B50).
// There is no policy: a signature covers the digest of every body.
func RequestProfile32() Profile {
	p := RequestProfile(DigestRequired)
	p.padded, p.bodiless = true, true
	return p
}

// checkComponents is step 6: a signature covers what the profile requires and, on requests, nothing
// else.
func (p Profile) checkComponents(components []component, body bool) *Error {
	has := func(name string) bool {
		return slices.ContainsFunc(components, func(c component) bool { return c.name == name && !c.params })
	}
	for _, name := range p.components {
		if !has(name) {
			return p.fail("6", componentsIncomplete, name+" is not covered")
		}
	}
	switch digest := has(compDigest); {
	case p.digest == DigestRequired && !digest && (body || !p.bodiless):
		return p.fail("6", componentsIncomplete, "content-digest is not covered")
	case p.digest == DigestForbidden && digest:
		return p.fail("6", componentsUnexpected, "content-digest is covered")
	}
	if p.extraFields {
		return nil
	}
	for _, c := range components {
		if c.params || !slices.Contains(p.components, c.name) && c.name != compDigest {
			return p.fail("6", componentsUnexpected, "the profile does not allow to cover "+Loggable(c.name))
		}
	}
	return nil
}
