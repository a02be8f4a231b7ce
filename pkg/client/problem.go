package client

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Problem is an answer that says why a request was not carried out (RFC 9457). Match Code, never
// the texts.
type Problem struct {
	Type      string `json:"type"`
	Title     string `json:"title"`
	Status    int    `json:"status"`
	Code      string `json:"code"`
	Detail    string `json:"detail"`
	RequestID string `json:"request_id"`
	// OperationID names the operation that stands in the way. State is the state that is the reason.
	OperationID string       `json:"operation_id"`
	State       string       `json:"state"`
	ADCPVersion string       `json:"adcp_version"`
	Open        int          `json:"open"` // operations of an agent that can't be deleted
	Verdict     string       `json:"verdict"`
	AgentError  *AgentError  `json:"agent_error"`
	Errors      []FieldError `json:"errors"`

	// RetryAfter is how long to wait before the same request is sent again, 0 if the answer names
	// nothing.
	RetryAfter time.Duration `json:"-"`
	// Raw is the body as it came.
	Raw json.RawMessage `json:"-"`
}

// FieldError names a wrong field, the rule that it breaks, and the remedy.
type FieldError struct {
	Field  string `json:"field"`
	Code   string `json:"code"`
	Rule   string `json:"rule"`
	Remedy string `json:"remedy"`
}

// Error is the code with the sentence that goes with it.
func (p *Problem) Error() string {
	if p.Detail == "" {
		return strconv.Itoa(p.Status) + " " + p.Code
	}
	return p.Code + ": " + p.Detail
}

// Code returns the code of an error that is a Problem, "" of any other.
func Code(err error) string {
	if p, ok := errors.AsType[*Problem](err); ok {
		return p.Code
	}
	return ""
}

// problemOf reads an answer as a problem. What is none, such as a proxy's page, has the code "".
func problemOf(r Response) *Problem {
	p := &Problem{}
	if json.Unmarshal(r.Body, p) == nil {
		p.Raw = r.Body
	} else {
		*p = Problem{}
	}
	p.Status = r.Status
	if p.Title == "" {
		p.Title = http.StatusText(r.Status)
	}
	if p.Detail == "" && p.Code == "" {
		p.Detail = "the answer was " + strconv.Itoa(r.Status) + " " + http.StatusText(r.Status) +
			", which is not the orchestrator's own"
	}
	if n, err := strconv.Atoi(strings.TrimSpace(r.Header.Get("Retry-After"))); err == nil && n >= 0 {
		p.RetryAfter = time.Duration(n) * time.Second
	}
	return p
}

// retryAfter says how long to wait before a request is sent again, and whether that can help.
func retryAfter(err error, attempt int) (time.Duration, bool) {
	backoff := 500 * time.Millisecond << (2 * (attempt - 1)) // 0.5 s, 2 s
	p, ok := errors.AsType[*Problem](err)
	if !ok {
		_, unreachable := errors.AsType[*UnreachableError](err)
		return backoff, unreachable
	}
	if p.RetryAfter > MaxRetryAfter {
		return 0, false
	}
	switch p.Status {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		// An agent's fault is the answer to a question, not a fault of the API: it stays for a while.
		return max(backoff, p.RetryAfter), !strings.HasPrefix(p.Code, "agent_") && !strings.HasPrefix(p.Code, "answer_")
	}
	return 0, false
}
