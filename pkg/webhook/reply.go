package webhook

import (
	"encoding/json"
	"net/http"
	"time"

	"adcp-orchestrator/pkg/validation"
)

// Reply is the answer to the sender of a delivery.
type Reply struct {
	Status int
	// Code names the outcome (2xx) or what is wrong.
	Code   string
	Detail string
	// Errors describes the wrong fields of the envelope.
	Errors []validation.FieldError
	// Challenge is the WWW-Authenticate header of a 401, or "". It carries the Code.
	Challenge string
	// RetryAfter is how long the sender should wait before it sends the delivery again, or 0.
	RetryAfter time.Duration
}

// challenge is a 401 to a delivery whose signature is missing, of another mode or wrong.
func challenge(code string) Reply {
	return Reply{
		Status:    http.StatusUnauthorized,
		Code:      code,
		Challenge: `Signature error="` + code + `"`,
	}
}

// problem is the body of a reply that is not 2xx (RFC 9457).
type problem struct {
	Type   string                  `json:"type"`
	Title  string                  `json:"title"`
	Status int                     `json:"status"`
	Code   string                  `json:"code"`
	Detail string                  `json:"detail,omitempty"`
	Errors []validation.FieldError `json:"errors,omitempty"`
}

// problemType returns the type of the problem with a code.
func problemType(string) string { return "about:blank" }

// Body returns the reply as JSON: {"outcome": code} for 2xx, else a problem (RFC 9457) with the
// members type, title, status and code. With a challenge the problem says nothing more than that
// code, which the header has too (contract F35).
func (r Reply) Body() []byte {
	var v any
	if r.Status < 300 {
		v = struct {
			Outcome string `json:"outcome"`
		}{r.Code}
	} else {
		p := problem{
			Type:   problemType(r.Code),
			Title:  http.StatusText(r.Status),
			Status: r.Status,
			Code:   r.Code,
		}
		if r.Challenge == "" {
			p.Detail, p.Errors = r.Detail, r.Errors
		}
		v = p
	}
	b, _ := json.Marshal(v) // strings and numbers only, which can't fail
	return b
}
