package httpapi

import (
	"adcp-orchestrator/pkg/inbox"
	"adcp-orchestrator/pkg/validation"
	"context"
	"encoding/base64"
	"net/http"
	"strconv"
	"time"
)

// Quarantined is a delivery that was not applied, as clients see it.
type Quarantined struct {
	Agent     string `json:"agent"`
	Operation string `json:"operation"`
	// Authentic: the agent sent it. Otherwise anybody who knows the address may have, and nothing in it is to be believed.
	Authentic  bool              `json:"authentic"`
	Code       string            `json:"code"`
	Reason     string            `json:"reason"`
	TaskID     string            `json:"task_id,omitempty"`
	Status     string            `json:"status,omitempty"`
	BodySHA256 string            `json:"body_sha256"`
	BodyBytes  int               `json:"body_bytes"`
	Header     map[string]string `json:"header,omitempty"`
	Count      int64             `json:"count"`
	FirstAt    time.Time         `json:"first_at"`
	LastAt     time.Time         `json:"last_at"`
}

type quarantinePage struct {
	Day        string        `json:"day"`
	Deliveries []Quarantined `json:"deliveries"`
	// Next is the cursor of the next page, left out at the end.
	Next string `json:"next,omitempty"`
}

// The page of a listing.
const (
	defaultPage = 50
	largestPage = 200
	// longestPlace is over any place that a store names; a table's key has a limit of its own.
	longestPlace = 512
)

// ListQuarantine handles GET /v1/quarantine: what came to the webhook route on a day and was not applied, and why.
func ListQuarantine(s inbox.QuarantineReader, now func() time.Time) Handler {
	return func(ctx context.Context, r Request) (Response, error) {
		var wrong []validation.FieldError
		day, limit := r.Query.Get("day"), defaultPage
		if day == "" {
			day = now().UTC().Format(time.DateOnly)
		} else if _, err := time.Parse(time.DateOnly, day); err != nil {
			wrong = append(wrong, validation.FieldError{Field: "day", Rule: "a day in UTC, as 2026-11-23", Remedy: "correct it, or leave it out for today"})
		}
		if text := r.Query.Get("limit"); text != "" {
			n, err := strconv.Atoi(text)
			if limit = n; err != nil || n < 1 || n > largestPage {
				wrong = append(wrong, validation.FieldError{Field: "limit", Rule: "from 1 to " + strconv.Itoa(largestPage), Remedy: "choose a number in between, or leave it out"})
			}
		}
		after, err := base64.RawURLEncoding.DecodeString(r.Query.Get("cursor"))
		if err != nil || len(after) > longestPlace {
			wrong = append(wrong, validation.FieldError{Field: "cursor", Rule: "the next of an earlier page", Remedy: "send it as it was, or leave it out for the first page"})
		}
		if len(wrong) > 0 {
			return Response{}, &validation.Error{Fields: wrong}
		}
		found, next, err := s.Quarantined(ctx, r.Principal.Tenant, day, string(after), limit)
		if err != nil {
			return Response{}, err
		}
		page := quarantinePage{Day: day, Deliveries: []Quarantined{}, Next: base64.RawURLEncoding.EncodeToString([]byte(next))}
		for _, q := range found {
			page.Deliveries = append(page.Deliveries, Quarantined{Agent: q.AgentID, Operation: q.OperationID, Authentic: q.Authentic, Code: q.Code, Reason: q.Reason,
				TaskID: q.TaskID, Status: q.Status, BodySHA256: q.Digest, BodyBytes: q.Size, Header: q.Header, Count: q.Count, FirstAt: q.At, LastAt: q.LastAt})
		}
		return Response{Status: http.StatusOK, Body: page}, nil
	}
}
