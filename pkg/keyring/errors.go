package keyring

import (
	"crypto/tls"
	"errors"
	"net"
	"net/url"
	"time"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/httpsig"
	"adcp-orchestrator/pkg/safehttp"
)

// UnavailableError says that no verdict on the key is possible now. The signature is not at fault:
// answer the delivery with 503, so that the sender repeats it (contract F86).
type UnavailableError struct {
	// Code names what is wrong: a name of contract F52 without its prefix, or one of our own. Do not
	// show it to the sender (contract L1).
	Code string
	// RetryAfter is how long the sender should wait at least.
	RetryAfter time.Duration
	// Cause is safe for logs. It is nil if an earlier delivery met the fault.
	Cause error
}

// Error returns the code alone, so that an error's text can't leak anything internal.
func (e *UnavailableError) Error() string { return "keyring: " + e.Code }

// Unwrap returns the cause.
func (e *UnavailableError) Unwrap() error { return e.Cause }

// The codes of contract F52, and those that it lacks for other failed fetches.
const (
	capabilitiesUnreachable = "capabilities_unreachable"
	brandUnreachable        = "brand_json_unreachable"
	brandMalformed          = "brand_json_malformed"
	brandMismatch           = "brand_origin_mismatch"
	brandAmbiguous          = "brand_json_ambiguous"
	agentMissing            = "agent_not_in_brand_json"
	originMismatch          = "key_origin_mismatch"
	originMissing           = "key_origin_missing"
	jwksUnreachable         = "jwks_unreachable"
	jwksMalformed           = "jwks_malformed"
	listUnreachable         = "revocation_unreachable"
	listMalformed           = "revocation_malformed"
)

// The codes for what is known of a sender without a failed fetch.
const (
	codePendingChange = "jwks_uri_held"      // the key set's address has changed, and no person has confirmed it
	codeCooldown      = "refetch_cooldown"   // the key is unknown, and the last refetch was too recent
	codeStale         = "keys_stale"         // the keys are too old to be used
	codeChanging      = "keys_changing"      // two refreshes happened at once
	codeNoList        = "revocation_unknown" // it is not known yet whether there is a revocation list
)

// failure says why a sender's keys or list are not available. Its text is for our logs, and safe
// for them: everything in it that the counterparty chose passed httpsig.Loggable.
type failure struct {
	code, detail string
	cause        error
}

func (f *failure) Error() string { return f.code + ": " + f.detail }

// Unwrap returns the cause. The cause's own text may contain anything.
func (f *failure) Unwrap() error { return f.cause }

// errAbsent says that the server has no such document.
var errAbsent = errors.New("not there")

// describe words an error without its own text: network errors quote names and addresses that the
// counterparty chose.
func describe(err error) string {
	var (
		blocked *safehttp.BlockedError
		large   *safehttp.TooLargeError
		dup     *adcp.DuplicateKeyError
		dns     *net.DNSError
		cert    *tls.CertificateVerificationError
		timeout interface{ Timeout() bool }
		op      *net.OpError
	)
	switch {
	case errors.As(err, &blocked):
		return "refused by rule " + string(blocked.Rule)
	case errors.As(err, &large):
		return large.Error()
	case errors.As(err, &dup):
		return "duplicate key " + httpsig.Loggable(dup.Key)
	case errors.As(err, &cert):
		return "the certificate is not valid"
	case errors.As(err, &timeout) && timeout.Timeout():
		return "it took too long"
	case errors.As(err, &dns):
		return "the host has no address"
	case errors.As(err, &op):
		return "the connection failed (" + op.Op + ")"
	}
	return "it can't be read"
}

func loggableHost(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return "?"
	}
	return httpsig.Loggable(u.Host)
}
