package agent

import (
	"sync/atomic"
	"time"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/safehttp"
)

// exchange is one request and what is known about its fate.
type exchange struct {
	subject
	body []byte // of the request
	// limit bounds the answer, in bytes.
	limit int64
	// filterTools removes the unread members of a tool list from the answer, before the limit counts.
	filterTools bool
	// replayable requests may be sent again when a kept connection turns out to be dead. A tool call
	// is never replayable. Nor is a signed request: its nonce counts once.
	replayable bool

	connected     atomic.Bool // from here on bytes may have left
	status        int
	retryAfter    time.Duration
	errorBody     []byte // the body of an answer without success
	signatureCode string // the agent's code for a wrong or missing signature
	signingErr    error  // why the request could not be signed
}

// succeeded reports whether the answer has a status of success.
func (x *exchange) succeeded() bool { return x.status >= 200 && x.status < 300 }

// retryAfter is how long a Retry-After header asks us to wait (contract D8).
func retryAfter(value string, now time.Time) time.Duration {
	return adcp.ClampRetryAfter(safehttp.RetryAfter(value, now))
}
