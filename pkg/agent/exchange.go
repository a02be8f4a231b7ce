package agent

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"adcp-orchestrator/pkg/adcp"
)

// exchange is one request and what is known about its fate.
type exchange struct {
	subject
	// body, if set, is sent instead of the SDK's encoding.
	body []byte
	// limit bounds the answer, in bytes.
	limit int64
	// filterTools removes the unread members of a tool list from the answer, before the limit counts.
	filterTools bool
	// replayable requests may be sent again when a kept connection turns out to be dead. A tool call
	// is never replayable. Nor is a signed request: its nonce counts once.
	replayable bool

	// oneMessage: the answer is one JSON-RPC message and no stream of them.
	oneMessage bool

	connected     atomic.Bool // from here on bytes may have left
	status        int
	retryAfter    time.Duration
	errorBody     []byte // the body of an answer without success
	signatureCode string // the agent's code for a wrong or missing signature
	signingErr    error  // why the request could not be signed

	mu      sync.Mutex
	readErr error // what cut the answer's body short: the SDK does not pass it on
}

// prepareBody gives the request the exchange's body. If the exchange has none and the bytes may be
// needed again, the request's own body becomes the exchange's.
func (x *exchange) prepareBody(req *http.Request, keep bool) (err error) {
	if x.body == nil && !keep {
		return nil
	}
	if x.body == nil {
		x.body, err = io.ReadAll(req.Body)
	}
	_ = req.Body.Close()
	x.setBody(req)
	return err
}

// setBody makes the exchange's bytes the body of the request's next attempt.
func (x *exchange) setBody(req *http.Request) {
	req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(x.body)), nil }
	req.Body, _ = req.GetBody()
	req.ContentLength = int64(len(x.body))
}

// watchedBody records the error that cuts a body short.
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

// retryAfter reads the Retry-After header, in seconds or as a date (contract D8).
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
