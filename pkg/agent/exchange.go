package agent

import (
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"adcp-orchestrator/pkg/adcp"
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
