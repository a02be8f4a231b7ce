package webhook

import (
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
