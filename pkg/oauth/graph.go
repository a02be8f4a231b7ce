package oauth

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/safehttp"
)

const (
	// maxBody is how many bytes of a document or of an answer are read.
	maxBody = 64 << 10
	// maxRequests is how many requests one look at an agent's metadata makes at most.
	maxRequests = 64
)

// Fetcher reads metadata. HTTP is the guarded client's transport: it follows no redirect.
type Fetcher struct {
	HTTP http.RoundTripper
	// CheckURL returns the error with which HTTP would refuse an address (contract L1).
	CheckURL func(string) error
	Now      func() time.Time
}

// walk is one look at an agent's metadata, with what it may still ask.
type walk struct {
	Fetcher
	left int
}

// Check judges all that an agent's metadata leads to, in the order of contract L26, and returns the
// listed issuers and the first fault. It sends no credential anywhere.
func (f Fetcher) Check(ctx context.Context, agentURL string) ([]string, *Fault) {
	w := &walk{f, maxRequests}
	issuers, fault := w.resource(ctx, agentURL)
	if fault != nil {
		return nil, fault
	}
	for _, issuer := range issuers {
		if fault := w.judge(ctx, issuer); fault != nil {
			return issuers, fault
		}
	}
	return issuers, nil
}

// Find returns the server that the client's secret goes to: that of the pinned issuer, or else the
// first listed one that may know the client credentials grant. If its metadata is wrong or away, no
// other one takes its place: the secret is for one server.
func (f Fetcher) Find(ctx context.Context, agentURL, pinned string) (Server, *Fault) {
	w := &walk{f, maxRequests}
	issuers := []string{pinned}
	if pinned == "" {
		var fault *Fault
		if issuers, fault = w.resource(ctx, agentURL); fault != nil {
			return Server{}, fault
		}
	}
	for _, issuer := range issuers {
		s, fault := w.server(ctx, issuer)
		if fault != nil || s.OffersClientCredentials() {
			return s, fault
		}
	}
	return Server{}, fault(GrantUnsupported, "grant_types_supported", "no server offers client credentials")
}

// judge checks one server with all that it names.
func (w *walk) judge(ctx context.Context, issuer string) *Fault {
	s, f := w.server(ctx, issuer)
	if f != nil {
		return f
	}
	for _, e := range []struct{ name, url string }{
		{"authorization_endpoint", s.AuthorizationEndpoint}, {"token_endpoint", s.TokenEndpoint},
	} {
		if e.url == "" {
			continue
		}
		if f := w.reachable(ctx, e.name, e.url); f != nil {
			return f
		}
	}
	if s.JWKS == "" {
		return nil
	}
	body, f := w.document(ctx, []string{s.JWKS}, "jwks_uri", JWKSUnavailable)
	if f != nil {
		return f
	}
	m, err := members(body)
	if err != nil || len(m["keys"]) == 0 || m["keys"][0] != '[' {
		return fault(JWKSUnavailable, "jwks_uri", "the answer is no key set")
	}
	return nil
}

// resource reads the agent's metadata and returns the issuers that it lists.
func (w *walk) resource(ctx context.Context, agentURL string) ([]string, *Fault) {
	body, f := w.document(ctx, ResourceURLs(agentURL), "resource", ResourceUnavailable)
	if f != nil {
		return nil, f
	}
	return ReadResource(body, agentURL, w.CheckURL)
}

// server reads the metadata of an issuer.
func (w *walk) server(ctx context.Context, issuer string) (Server, *Fault) {
	if f := CheckIssuer(issuer, w.CheckURL); f != nil {
		return Server{}, f
	}
	body, f := w.document(ctx, ServerURLs(issuer), "issuer", ServerUnavailable)
	if f != nil {
		return Server{}, f
	}
	return ReadServer(body, issuer, w.CheckURL)
}

// reachable asks an endpoint for nothing, without a credential. Any answer but a fault of the
// server will do: many token endpoints have no route for GET.
func (w *walk) reachable(ctx context.Context, field, address string) *Fault {
	a, f := w.get(ctx, address, field, EndpointUnreachable)
	switch {
	case a.status >= 500:
		f = fault(EndpointUnreachable, field, "the endpoint answered HTTP %d", a.status)
		f.Waiting = true
	case a.status != 0: // whatever the page holds
		return nil
	}
	return f
}

// document reads a document from the first of its addresses that has it. missing is the code for
// one that can't be had.
func (w *walk) document(ctx context.Context, addresses []string, field string, missing Code) ([]byte, *Fault) {
	last := fault(missing, field, "it has no address")
	for _, address := range addresses {
		a, f := w.get(ctx, address, field, missing)
		switch {
		case f != nil:
			return nil, f
		case a.status == http.StatusOK:
			return a.body, nil
		case a.status >= 300 && a.status < 400:
			return nil, w.redirected(a, address, field, missing)
		}
		last = fault(missing, field, "the server answered HTTP %d", a.status)
		last.RetryAfter = a.retryAfter
		last.Waiting = a.status >= 500 || a.status == http.StatusTooManyRequests
		if last.Waiting {
			return nil, last
		}
	}
	return nil, last
}

// redirected is the fault of a document that is said to be elsewhere. No redirection is followed.
func (w *walk) redirected(a answer, from, field string, missing Code) *Fault {
	if u, err := url.Parse(from); err == nil {
		if to, err := u.Parse(a.location); err == nil {
			if err := w.CheckURL(to.String()); err != nil {
				return &Fault{Code: FetchBlocked, Field: field, Cause: err}
			}
		}
	}
	return fault(missing, field, "the server answered with a redirection, which is not followed")
}

// get sends one request without a credential.
func (w *walk) get(ctx context.Context, address, field string, failed Code) (answer, *Fault) {
	if w.left--; w.left < 0 {
		return answer{}, fault(GraphLimit, field, "more than %d requests", maxRequests)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return answer{}, &Fault{Code: failed, Field: field, Cause: errors.New("the address can't be read")}
	}
	req.Header.Set("Accept", "application/json")
	return w.send(req, field, failed)
}

// answer is what a server answered.
type answer struct {
	status     int
	location   string
	retryAfter time.Duration
	body       []byte
}

// send sends a request and reads the whole answer, within bounds. What was answered before a fault
// is returned with it.
func (f Fetcher) send(req *http.Request, field string, failed Code) (answer, *Fault) {
	req.Header.Set("User-Agent", "adcp-orchestrator")
	resp, err := f.HTTP.RoundTrip(req)
	if err != nil {
		if refused := (*safehttp.BlockedError)(nil); errors.As(err, &refused) {
			return answer{}, &Fault{Code: FetchBlocked, Field: field, Cause: err}
		}
		return answer{}, &Fault{Code: failed, Field: field, Waiting: true, Cause: err}
	}
	a := answer{status: resp.StatusCode, location: resp.Header.Get("Location"),
		retryAfter: adcp.ClampRetryAfter(safehttp.RetryAfter(resp.Header.Get("Retry-After"), f.Now()))}
	a.body, err = io.ReadAll(safehttp.LimitBody(resp.Body, maxBody))
	_ = resp.Body.Close()
	if err != nil {
		long := (*safehttp.TooLargeError)(nil)
		return a, &Fault{Code: failed, Field: field, Waiting: !errors.As(err, &long),
			Cause: fmt.Errorf("the answer breaks off: %w", err)}
	}
	return a, nil
}
