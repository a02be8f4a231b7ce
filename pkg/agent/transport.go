package agent

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/http/httptrace"
	"strings"
	"time"

	"adcp-orchestrator/pkg/safehttp"
)

const (
	// maxErrorBody is how many bytes are read of the body of an answer without success.
	maxErrorBody = 64 << 10
	// endTimeout bounds the DELETE that ends a session: a caller with the answer should not wait.
	endTimeout = 2 * time.Second
)

// transport sends all requests of one session, the SDK's too. It adds what every request needs and
// remembers how the last one went.
type transport struct {
	base http.RoundTripper
	// life is the context of the session, because the SDK detaches its own. A session whose calls are
	// over is not worth another request.
	life    context.Context
	now     func() time.Time
	token   string
	version string // of MCP, once agreed
	last    *exchange
	signer  requestSigner
}

// RoundTrip sends a request of the SDK.
func (t *transport) RoundTrip(req *http.Request) (*http.Response, error) {
	body := req.Body
	req = req.Clone(req.Context())
	t.identify(req)
	if t.version != "" {
		req.Header.Set("MCP-Protocol-Version", t.version)
	}
	switch req.Method {
	case http.MethodPost:
		resp, err := t.send(req, t.last)
		if err == nil {
			mediaType, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
			t.last.oneMessage = mediaType == "application/json"
			resp.Body = newNullMethodFilter(resp.Body, mediaType == "text/event-stream")
		}
		return resp, err
	case http.MethodDelete:
		return t.endSession(req)
	}
	if body != nil {
		_ = body.Close()
	}
	return nil, fmt.Errorf("%s is not sent to agents", req.Method)
}

// identify adds the caller's name and credential (contract B26).
func (t *transport) identify(req *http.Request) {
	req.Header.Set("User-Agent", userAgent)
	if t.token != "" {
		req.Header.Set("Authorization", "Bearer "+t.token)
	}
}

// do sends one request that is not the SDK's and reads the whole answer. Its errors are failures.
func (t *transport) do(ctx context.Context, method, url string, header http.Header, x *exchange) ([]byte, error) {
	t.last = x
	req, err := http.NewRequestWithContext(ctx, method, url, http.NoBody)
	if err != nil {
		return nil, x.failed(err)
	}
	req.Header = header
	t.identify(req)
	resp, err := t.send(req, x)
	if err != nil {
		return nil, x.failed(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err == nil && (x.status < 200 || x.status >= 300) {
		err = fmt.Errorf("the agent answered HTTP %d", x.status)
	}
	if err != nil {
		return nil, x.failed(err)
	}
	return body, nil
}

// send sends a request, signed if the agent wants that. If the agent refuses an unsigned request
// for lack of a signature, although its capabilities did not require one, send signs the request
// and sends it once more at once: the agent has not looked at it (contract B57).
func (t *transport) send(req *http.Request, x *exchange) (*http.Response, error) {
	canSign := t.signer.signer != nil && req.Method == http.MethodPost
	if err := x.prepareBody(req, canSign); err != nil {
		return nil, err
	}
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
	x.setBody(req)
	return t.attempt(req, x)
}

// attempt sends a request once and records in the exchange how it went.
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
	if resp.StatusCode >= 200 && resp.StatusCode < 300 {
		if x.filterTools {
			events := strings.HasPrefix(resp.Header.Get("Content-Type"), "text/event-stream")
			resp.Body = newToolListFilter(resp.Body, events)
		}
		resp.Body = &watchedBody{ReadCloser: safehttp.LimitBody(resp.Body, x.limit), exchange: x}
		return resp, nil
	}
	x.errorBody, _ = io.ReadAll(io.LimitReader(resp.Body, maxErrorBody)) // as much as arrives
	_ = resp.Body.Close()
	resp.Body = io.NopCloser(bytes.NewReader(x.errorBody))
	return resp, nil
}

// endSession sends the DELETE that ends a session.
func (t *transport) endSession(req *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithTimeout(t.life, endTimeout)
	defer cancel()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	resp, err := t.base.RoundTrip(req.WithContext(ctx))
	if err != nil {
		return nil, err
	}
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, maxErrorBody)) // a drained connection can be reused
	_ = resp.Body.Close()
	resp.Body = http.NoBody
	return resp, nil
}
