package httpsig

import "errors"

// What Keys, Revocation and Replay say with their errors. Anything else that they return is a fault of ours and comes out of Verify as it is.
var (
	// ErrKeyUnknown: the sender has published no such key, now that it was asked again (contract F.5 step 7).
	ErrKeyUnknown = errors.New("httpsig: unknown key")
	// ErrKeyRevoked: the sender has revoked the key.
	ErrKeyRevoked = errors.New("httpsig: revoked key")
	// ErrRevocationStale: the sender's revocation list is older than its grace period.
	ErrRevocationStale = errors.New("httpsig: stale revocation list")
	// ErrReplayed: the nonce was claimed before.
	ErrReplayed = errors.New("httpsig: nonce used before")
	// ErrRateAbuse: no room for another nonce of this key.
	ErrRateAbuse = errors.New("httpsig: too many nonces")
)

// The codes without the profile's prefix (contract F.5, P4).
const (
	signatureRequired    = "signature_required"
	headerMalformed      = "signature_header_malformed"
	paramsIncomplete     = "signature_params_incomplete"
	tagInvalid           = "signature_tag_invalid"
	algNotAllowed        = "signature_alg_not_allowed"
	windowInvalid        = "signature_window_invalid"
	componentsIncomplete = "signature_components_incomplete"
	componentsUnexpected = "signature_components_unexpected"
	keyUnknown           = "signature_key_unknown"
	keyPurposeInvalid    = "signature_key_purpose_invalid"
	keyRevoked           = "signature_key_revoked"
	revocationStale      = "signature_revocation_stale"
	rateAbuse            = "signature_rate_abuse"
	signatureInvalid     = "signature_invalid"
	digestMismatch       = "signature_digest_mismatch"
	replayed             = "signature_replayed"
	// contract F36: the only ones without signature_ in their names, webhook_mode_mismatch apart, which is the receiver's.
	targetMalformed = "target_uri_malformed"
	bodyMalformed   = "body_malformed"
)

// Error says that a message is refused, and why. The sender is told the code and nothing else (contract F35).
type Error struct {
	Code string
	// Step is the number in the verifier's checklist: 0 to 14, or 9a.
	Step string
	// Detail is for our logs only.
	Detail string
}

// Error returns the code alone, so that a detail can't leak by way of an error's text.
func (e *Error) Error() string { return e.Code }

// Challenge is the WWW-Authenticate header of the 401 that answers the message (contract F35).
func (e *Error) Challenge() string { return `Signature error="` + e.Code + `"` }

func (p Profile) fail(step, code, detail string) *Error {
	return &Error{Code: p.prefix + "_" + code, Step: step, Detail: detail}
}
