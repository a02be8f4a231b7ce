package httpapi

import (
	"context"
	"encoding/base64"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"adcp-orchestrator/pkg/inbox"
	"adcp-orchestrator/pkg/validation"
)

// QuarantinedDelivery is a delivery that was not applied, as clients see it.
type QuarantinedDelivery struct {
	AgentID     string `json:"agent_id"`
	OperationID string `json:"operation_id"`
	// Authentic: the agent sent it. Otherwise anybody who knows the address may have, and nothing in
	// it is reliable.
	Authentic  bool              `json:"authentic"`
	Code       string            `json:"code"`
	Reason     string            `json:"reason"`
	TaskID     string            `json:"task_id,omitempty"`
	Status     string            `json:"adcp_status,omitempty"`
	BodySHA256 string            `json:"body_sha256"`
	BodyBytes  int               `json:"body_bytes"`
	Header     map[string]string `json:"header,omitempty"`
	Count      int64             `json:"count"`
	FirstAt    time.Time         `json:"first_at"`
	LastAt     time.Time         `json:"last_at"`
}

// page is one page of a list. Next is the address of the next page, empty on the last.
type page[T any] struct {
	Items []T    `json:"items"`
	Self  string `json:"self"`
	Next  string `json:"next,omitempty"`
}

// The limits of a list.
const (
	defaultLimit = 50
	maxLimit     = 200
	// maxCursor is longer than any position that a store names; a table's key has its own limit.
	maxCursor = 512
)

// quarantineQuery is the query of GET /v1/quarantine.
type quarantineQuery struct {
	day   string
	limit int
	after string
}

// ListQuarantine serves GET /v1/quarantine: the deliveries of a day that were not applied, and why.
func (a API) ListQuarantine(s inbox.QuarantineReader, now func() time.Time) Handler {
	return func(ctx context.Context, r Request) (Response, error) {
		q, err := readQuarantineQuery(r.Query, now())
		if err != nil {
			return Response{}, err
		}
		found, next, err := s.Quarantined(ctx, r.Principal.Tenant, q.day, q.after, q.limit)
		if err != nil {
			return Response{}, err
		}
		p := page[QuarantinedDelivery]{Items: []QuarantinedDelivery{}, Self: a.quarantineURL(q, q.after)}
		if next != "" {
			p.Next = a.quarantineURL(q, next)
		}
		for _, d := range found {
			p.Items = append(p.Items, viewQuarantined(d))
		}
		return Response{Status: http.StatusOK, Body: p}, nil
	}
}

// quarantineURL is the address of the page after a position.
func (a API) quarantineURL(q quarantineQuery, after string) string {
	values := url.Values{"day": {q.day}, "limit": {strconv.Itoa(q.limit)}}
	if after != "" {
		values.Set("cursor", base64.RawURLEncoding.EncodeToString([]byte(after)))
	}
	return a.BaseURL + "/v1/quarantine?" + values.Encode()
}

func readQuarantineQuery(query url.Values, now time.Time) (quarantineQuery, error) {
	var c validation.Checks
	q := quarantineQuery{day: query.Get("day"), limit: defaultLimit}
	if q.day == "" {
		q.day = now.UTC().Format(time.DateOnly)
	} else if _, err := time.Parse(time.DateOnly, q.day); err != nil {
		c.Add("day", validation.InvalidValue, "must be a day in UTC, as 2026-11-23", "correct it, or leave it out for today")
	}
	if text := query.Get("limit"); text != "" {
		n, err := strconv.Atoi(text)
		if q.limit = n; err != nil || n < 1 || n > maxLimit {
			c.Add("limit", validation.OutOfRange, "must be from 1 to "+strconv.Itoa(maxLimit),
				"choose a number in between, or leave it out")
		}
	}
	after, err := base64.RawURLEncoding.DecodeString(query.Get("cursor"))
	if err != nil || len(after) > maxCursor {
		c.Add("cursor", validation.InvalidValue, "must be the cursor of an earlier page's next",
			"follow next as it is, or leave the cursor out for the first page")
	}
	q.after = string(after)
	return q, c.Err()
}

func viewQuarantined(d inbox.Quarantined) QuarantinedDelivery {
	return QuarantinedDelivery{AgentID: d.AgentID, OperationID: d.OperationID, Authentic: d.Authentic, Code: d.Code,
		Reason: d.Reason, TaskID: d.TaskID, Status: d.Status, BodySHA256: d.Digest, BodyBytes: d.Size,
		Header: d.Header, Count: d.Count, FirstAt: d.At, LastAt: d.LastAt}
}
