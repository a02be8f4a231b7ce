package keyring

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/safehttp"
)

// The largest documents that are read, in bytes (contract F53; maxList is our own).
const (
	maxBrand = 2 << 20
	maxJWKS  = 64 << 10
	maxList  = 64 << 10
	maxETag  = 256
)

// userAgent identifies us to senders.
const userAgent = "adcp-orchestrator"

// response is what a sender's server returned.
type response struct {
	status int
	body   []byte // of a 200 only
	etag   string // "" if it is too long or not printable
}

// fetch sends one request. It follows no redirect: a 3xx is a response like any other.
func (s *Source) fetch(ctx context.Context, at string, limit int64, etag string) (response, error) {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, at, nil)
	if err != nil {
		return response{}, err
	}
	req.Header.Set("User-Agent", userAgent)
	req.Header.Set("Accept", "application/json, application/jose+json, application/jose, */*;q=0.1")
	if etag != "" {
		req.Header.Set("If-None-Match", etag)
	}
	resp, err := s.Client.Do(req)
	if err != nil {
		return response{}, err
	}
	defer func() { _ = resp.Body.Close() }()
	got := response{status: resp.StatusCode, etag: resp.Header.Get("ETag")}
	if len(got.etag) > maxETag || !printable(got.etag) {
		got.etag = ""
	}
	if got.status != http.StatusOK {
		return got, nil
	}
	got.body, err = io.ReadAll(safehttp.LimitBody(resp.Body, limit))
	return got, err
}

// fetchDocument reads a JSON object of at most limit bytes. It returns errAbsent, or a *failure
// with one of the two codes.
func (s *Source) fetchDocument(
	ctx context.Context, at string, limit int64, unreachable, malformed string,
) ([]byte, error) {
	if err := s.checkURL(at); err != nil {
		return nil, &failure{unreachable, describe(err), err}
	}
	got, err := s.fetch(ctx, at, limit, "")
	var large *safehttp.TooLargeError
	switch {
	case errors.As(err, &large):
		return nil, &failure{malformed, describe(err), err}
	case err != nil:
		return nil, &failure{unreachable, describe(err) + " at " + loggableHost(at), err}
	case got.status == http.StatusNotFound || got.status == http.StatusGone:
		return nil, errAbsent
	case got.status != http.StatusOK:
		return nil, &failure{unreachable, "status " + strconv.Itoa(got.status) + " at " + loggableHost(at), nil}
	}
	if err := adcp.CheckObject(got.body); err != nil {
		return nil, &failure{malformed, describe(err), err}
	}
	return got.body, nil
}

// checkURL accepts addresses that the client would connect to and that are printable ASCII, as a
// URI is: views and stored documents show them.
func (s *Source) checkURL(raw string) error {
	if !printable(raw) {
		return &safehttp.BlockedError{Rule: safehttp.RuleURL, Detail: "it contains characters that must be escaped"}
	}
	return safehttp.CheckURL(raw, s.Loopback)
}
