package httpsig

import "errors"

// The errors by which Keys, Revocation and Replay report on the sender. Verify treats any other
// error of theirs as an internal failure and returns it unchanged.
var (
	// ErrKeyUnknown: the sender has not published the key, even after a refetch (contract F.5 step 7).
	ErrKeyUnknown = errors.New("httpsig: unknown key")
	// ErrKeyRevoked: the sender has revoked the key.
	ErrKeyRevoked = errors.New("httpsig: revoked key")
	// ErrRevocationStale: the sender's revocation list is older than its grace period.
	ErrRevocationStale = errors.New("httpsig: stale revocation list")
	// ErrReplayed: the nonce was claimed before.
	ErrReplayed = errors.New("httpsig: nonce used before")
	// ErrRateAbuse: the key has no room for another nonce.
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
	// Contract F36: only these two and the receiver's webhook_mode_mismatch lack "signature_".
	targetMalformed = "target_uri_malformed"
	bodyMalformed   = "body_malformed"
)

// Error says that a message is refused and why. The sender learns the code only (contract F35).
type Error struct {
	Code string
	// Step is the number of the step in the verifier's checklist: 0 to 14, or 9a.
	Step string
	// Detail is for the receiver's own logs only.
	Detail string
}

// Error returns the code alone, so that an error text never leaks the detail.
func (e *Error) Error() string { return e.Code }

// Challenge returns the WWW-Authenticate header of the 401 response (contract F35).
func (e *Error) Challenge() string { return `Signature error="` + e.Code + `"` }

func (p Profile) fail(step, code, detail string) *Error {
	return &Error{Code: p.prefix + "_" + code, Step: step, Detail: detail}
}
