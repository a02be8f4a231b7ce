package agent

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/safehttp"
)

const (
	// maxRefusal is what is read of the body of an answer that is no success.
	maxRefusal = 64 << 10
	// endTimeout bounds the DELETE that ends a session: nobody should wait for it who already has the answer.
	endTimeout = 2 * time.Second
)

// wire is what is sent through during one call, by the SDK too: it adds what every request needs and remembers how the last one went.
type wire struct {
	base    http.RoundTripper
	call    context.Context // the call's: the SDK detaches its own, and a session of a call that is over is not worth another request
	now     func() time.Time
	token   string
	version string // of the protocol, once agreed
	last    *exchange
	pen     pen
}

// exchange is one request and what is known of its fate.
type exchange struct {
	subject
	// body, if set, is sent instead of the SDK's encoding.
	body []byte
	// limit bounds the answer.
	limit int64
	// slim leaves out of the answer what nobody reads of a tool list, before the limit counts.
	slim bool
	// replayable requests may be sent again when a kept connection turns out to be dead. No tool call ever is, and nothing that is signed: its nonce counts once.
	replayable bool

	connected  atomic.Bool // from here on bytes may have left
	status     int
	retryAfter time.Duration
	refusal    []byte // the body of an answer that is no success
	signature  string // the code that a signature, or that there is none, was refused with
	unsigned   error  // why the request could not be signed

	mu      sync.Mutex
	readErr error // what cut the answer's body short: the SDK does not pass it on
}

// RoundTrip sends a request of the SDK's.
func (w *wire) RoundTrip(req *http.Request) (*http.Response, error) {
	body := req.Body
	req = req.Clone(req.Context())
	w.identify(req)
	if w.version != "" {
		req.Header.Set("MCP-Protocol-Version", w.version)
	}
	switch req.Method {
	case http.MethodPost:
		return w.send(req, w.last)
	case http.MethodDelete:
		return w.end(req)
	}
	if body != nil {
		_ = body.Close()
	}
	return nil, fmt.Errorf("%s is not sent to agents", req.Method)
}

// identify says who asks (contract B26).
func (w *wire) identify(req *http.Request) {
	req.Header.Set("User-Agent", userAgent)
	if w.token != "" {
		req.Header.Set("Authorization", "Bearer "+w.token)
	}
}

// ask sends one request that is not the SDK's and reads the whole answer. Its errors are failures.
func (w *wire) ask(ctx context.Context, method, url string, header http.Header, x *exchange) ([]byte, error) {
	w.last = x
	req, err := http.NewRequestWithContext(ctx, method, url, http.NoBody)
	if err != nil {
		return nil, x.failed(err)
	}
	req.Header = header
	w.identify(req)
	resp, err := w.send(req, x)
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

// send sends a request, signed if the agent wants that. One that it refuses for want of a signature, which its capabilities did not tell, is signed and sent
// once more at once: the agent has not looked at it.
func (w *wire) send(req *http.Request, x *exchange) (*http.Response, error) {
	signs := w.pen.signer != nil && req.Method == http.MethodPost
	if err := x.take(req, signs); err != nil {
		return nil, err
	}
	sign, must := w.pen.wants(x.subject)
	if sign = must || sign && signs; sign {
		if x.unsigned = w.pen.sign(req, x.body); x.unsigned != nil {
			return nil, x.unsigned
		}
	}
	if x.replayable && !sign {
		req.Header["X-Idempotency-Key"] = nil // tells net/http so, and is not sent
	}
	resp, err := w.attempt(req, x)
	if err != nil || sign || !signs || x.signature != codeRequired {
		return resp, err
	}
	if x.unsigned = w.pen.sign(req, x.body); x.unsigned != nil {
		return nil, x.unsigned
	}
	delete(req.Header, "X-Idempotency-Key")
	x.fill(req)
	return w.attempt(req, x)
}

// take gives the request the exchange's body. Without one, and if the bytes may be needed again, the request's own becomes the exchange's.
func (x *exchange) take(req *http.Request, keep bool) (err error) {
	if x.body == nil && !keep {
		return nil
	}
	if x.body == nil {
		x.body, err = io.ReadAll(req.Body)
	}
	_ = req.Body.Close()
	x.fill(req)
	return err
}

// fill makes the exchange's bytes the body of the request's next attempt.
func (x *exchange) fill(req *http.Request) {
	req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(x.body)), nil }
	req.Body, _ = req.GetBody()
	req.ContentLength = int64(len(x.body))
}

// attempt sends a request once and notes in the exchange how it went.
func (w *wire) attempt(req *http.Request, x *exchange) (*http.Response, error) {
	x.connected.Store(false)
	x.status, x.retryAfter, x.refusal, x.signature = 0, 0, nil, ""
	trace := &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { x.connected.Store(true) }}
	resp, err := w.base.RoundTrip(req.WithContext(httptrace.WithClientTrace(req.Context(), trace)))
	if err != nil {
		return nil, err
	}
	x.status = resp.StatusCode
	x.retryAfter = retryAfter(resp.Header.Get("Retry-After"), w.now())
	if resp.StatusCode == http.StatusUnauthorized {
		x.signature = challenge(resp.Header)
	}
	if resp.StatusCode >= 200 && resp.StatusCode < 300 {
		if x.slim {
			resp.Body = newSlim(resp.Body, strings.HasPrefix(resp.Header.Get("Content-Type"), "text/event-stream"))
		}
		resp.Body = &watchedBody{ReadCloser: safehttp.LimitBody(resp.Body, x.limit), exchange: x}
		return resp, nil
	}
	x.refusal, _ = io.ReadAll(io.LimitReader(resp.Body, maxRefusal)) // what there is of it
	_ = resp.Body.Close()
	resp.Body = io.NopCloser(bytes.NewReader(x.refusal))
	return resp, nil
}

// end sends the DELETE that ends a session.
func (w *wire) end(req *http.Request) (*http.Response, error) {
	if err := w.call.Err(); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(req.Context(), endTimeout)
	defer cancel()
	resp, err := w.base.RoundTrip(req.WithContext(ctx))
	if err != nil {
		return nil, err
	}
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, maxRefusal)) // so that the connection can be used again
	_ = resp.Body.Close()
	resp.Body = http.NoBody
	return resp, nil
}

// watchedBody remembers the error that ends a body before its end.
type watchedBody struct {
	io.ReadCloser
	exchange *exchange
}

func (b *watchedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		b.exchange.mu.Lock()
		b.exchange.readErr = err
		b.exchange.mu.Unlock()
	}
	return n, err
}

// retryAfter reads the header of that name, in seconds or as a date (contract D8).
func retryAfter(value string, now time.Time) time.Duration {
	value = strings.TrimSpace(value)
	if value != "" && strings.Trim(value, "0123456789") == "" {
		seconds, err := strconv.ParseFloat(value, 64)
		if err != nil {
			return 0
		}
		return adcp.ClampRetryAfter(seconds)
	}
	at, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	return adcp.ClampRetryAfter(at.Sub(now).Seconds())
}
