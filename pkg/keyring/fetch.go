package keyring

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/httpsig"
	"adcp-orchestrator/pkg/safehttp"
)

// The largest documents that are read (contract F53; the list's is ours).
const (
	maxBrand = 256 << 10
	maxJWKS  = 64 << 10
	maxList  = 64 << 10
	maxETag  = 256
)

// userAgent tells senders who asks.
const userAgent = "adcp-orchestrator"

// The codes of contract F52, and those that it lacks.
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

// failure is why something of a sender's can't be had. Its text is for our logs, and fit for them: whatever the counterparty chose is Loggable.
type failure struct {
	code, detail string
	cause        error
}

func (f *failure) Error() string { return f.code + ": " + f.detail }

// Unwrap returns the cause, whose own text may hold anything.
func (f *failure) Unwrap() error { return f.cause }

// errAbsent: there is no such document.
var errAbsent = errors.New("not there")

// answer is what a sender's server said.
type answer struct {
	status int
	body   []byte // of a 200
	etag   string
}

// fetch asks once. A redirect is an answer like any other: nothing follows it.
func (s *Source) fetch(ctx context.Context, at string, limit int64, etag string) (answer, error) {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, at, nil)
	if err != nil {
		return answer{}, err
	}
	req.Header.Set("User-Agent", userAgent)
	req.Header.Set("Accept", "application/json, application/jose+json, application/jose, */*;q=0.1")
	if etag != "" {
		req.Header.Set("If-None-Match", etag)
	}
	resp, err := s.Client.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = resp.Body.Close() }()
	a := answer{status: resp.StatusCode, etag: resp.Header.Get("ETag")}
	if len(a.etag) > maxETag || !printable(a.etag) {
		a.etag = ""
	}
	if a.status != http.StatusOK {
		return a, nil
	}
	a.body, err = io.ReadAll(safehttp.LimitBody(resp.Body, limit))
	return a, err
}

// document reads a JSON document that has to be there. It returns errAbsent or a *failure of one of the two codes.
func (s *Source) document(ctx context.Context, at string, limit int64, unreachable, malformed string) ([]byte, error) {
	if err := s.checkURL(at); err != nil {
		return nil, &failure{unreachable, describe(err), err}
	}
	a, err := s.fetch(ctx, at, limit, "")
	var large *safehttp.TooLargeError
	switch {
	case errors.As(err, &large):
		return nil, &failure{malformed, describe(err), err}
	case err != nil:
		return nil, &failure{unreachable, describe(err) + " at " + loggableHost(at), err}
	case a.status == http.StatusNotFound || a.status == http.StatusGone:
		return nil, errAbsent
	case a.status != http.StatusOK:
		return nil, &failure{unreachable, "status " + strconv.Itoa(a.status) + " at " + loggableHost(at), nil}
	}
	if err := adcp.CheckObject(a.body); err != nil {
		return nil, &failure{malformed, describe(err), err}
	}
	return a.body, nil
}

// checkURL keeps to addresses that the client would dial and that are plain ASCII, as a URI is: they stand in views and documents.
func (s *Source) checkURL(raw string) error {
	if !printable(raw) {
		return &safehttp.BlockedError{Rule: safehttp.RuleURL, Detail: "it holds characters that have to be escaped"}
	}
	return safehttp.CheckURL(raw, s.Loopback)
}

// describe says in words of ours what went wrong: errors of the network quote names and addresses that the counterparty chose.
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
