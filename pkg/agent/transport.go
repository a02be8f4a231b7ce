package agent

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"time"

	"adcp-orchestrator/pkg/safehttp"
)

const (
	// maxErrorBody is how many bytes are read of the body of an answer without success.
	maxErrorBody = 64 << 10
	// endTimeout bounds the DELETE that ends a session: a caller with the answer should not wait.
	endTimeout = 2 * time.Second
)

const userAgent = "adcp-orchestrator"

// transport sends all requests of one session. It adds what every request needs, and records in the
// request's exchange how it went.
type transport struct {
	base   http.RoundTripper
	life   context.Context // of the session's calls
	now    func() time.Time
	token  string
	signer requestSigner
}

// identify adds the caller's name and credential (contract B26).
func (t *transport) identify(h http.Header) {
	h.Set("User-Agent", userAgent)
	if t.token != "" {
		h.Set("Authorization", "Bearer "+t.token)
	}
}

// do sends one request and reads the whole answer. Its errors are failures.
func (t *transport) do(ctx context.Context, method, url string, header http.Header, x *exchange) ([]byte, error) {
	resp, err := t.request(ctx, method, url, header, x)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := readAll(resp.Body)
	if err != nil {
		return nil, x.failed(err)
	}
	return body, nil
}

// request sends one request with the exchange's body, and returns an answer with success. Its
// errors are failures. Redirects are not followed.
func (t *transport) request(
	ctx context.Context, method, url string, header http.Header, x *exchange,
) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(x.body))
	if err != nil {
		return nil, x.failed(err)
	}
	req.Header = header
	t.identify(header)
	resp, err := t.send(req, x)
	if err == nil && !x.succeeded() {
		err = fmt.Errorf("the agent answered HTTP %d", x.status)
	}
	if err != nil {
		return nil, x.failed(err)
	}
	return resp, nil
}

// send sends a request, signed if the agent wants that. If the agent refuses an unsigned request
// for lack of a signature, although its capabilities did not require one, send signs the request
// and sends it once more at once: the agent has not looked at it (contract B57).
func (t *transport) send(req *http.Request, x *exchange) (*http.Response, error) {
	canSign := t.signer.signer != nil && req.Method == http.MethodPost
	sign, must := t.signer.wants(x.subject)
	if sign = must || sign && canSign; sign {
		if x.signingErr = t.signer.sign(req, x.body); x.signingErr != nil {
			return nil, x.signingErr
		}
	}
	if x.replayable && !sign {
		// The key lets net/http replay the request on a new connection. A nil value is not sent.
		req.Header["X-Idempotency-Key"] = nil
	}
	resp, err := t.attempt(req, x)
	if err != nil || sign || !canSign || x.signatureCode != codeSignatureRequired {
		return resp, err
	}
	if x.signingErr = t.signer.sign(req, x.body); x.signingErr != nil {
		return nil, x.signingErr
	}
	delete(req.Header, "X-Idempotency-Key")
	if req.Body, err = req.GetBody(); err != nil {
		return nil, err
	}
	return t.attempt(req, x)
}

// attempt sends a request once and records in the exchange how it went. The body of an answer
// without success is read and closed.
func (t *transport) attempt(req *http.Request, x *exchange) (*http.Response, error) {
	x.connected.Store(false)
	x.status, x.retryAfter, x.errorBody, x.signatureCode = 0, 0, nil, ""
	trace := &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { x.connected.Store(true) }}
	resp, err := t.base.RoundTrip(req.WithContext(httptrace.WithClientTrace(req.Context(), trace)))
	if err != nil {
		return nil, err
	}
	x.status = resp.StatusCode
	x.retryAfter = retryAfter(resp.Header.Get("Retry-After"), t.now())
	if resp.StatusCode == http.StatusUnauthorized {
		x.signatureCode = signatureChallenge(resp.Header)
	}
	if x.succeeded() {
		if x.filterTools {
			resp.Body = newToolListFilter(resp.Body, mediaType(resp.Header) == sseType)
		}
		resp.Body = safehttp.LimitBody(resp.Body, x.limit)
		return resp, nil
	}
	x.errorBody, _ = io.ReadAll(io.LimitReader(resp.Body, maxErrorBody)) // as much as arrives
	_ = resp.Body.Close()
	return resp, nil
}

// end sends the DELETE that ends a session. A session whose calls are over is not worth another
// request.
func (t *transport) end(url string, header http.Header) {
	ctx, cancel := context.WithTimeout(t.life, endTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodDelete, url, http.NoBody)
	if err != nil || ctx.Err() != nil {
		return
	}
	req.Header = header
	t.identify(header)
	resp, err := t.base.RoundTrip(req)
	if err != nil {
		return
	}
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, maxErrorBody)) // a drained connection can be reused
	_ = resp.Body.Close()
}
