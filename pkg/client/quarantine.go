package client

import (
	"context"
	"net/http"
	"net/url"
	"time"
)

// Delivery is a webhook that was refused or could not be applied. If it is not Authentic, anybody
// who knows the address may have sent it.
type Delivery struct {
	ID          string            `json:"id"`
	URL         string            `json:"url"`
	AgentID     string            `json:"agent_id"`
	OperationID string            `json:"operation_id"`
	Authentic   bool              `json:"authentic"`
	State       string            `json:"state"`
	Code        string            `json:"code"`
	Reason      string            `json:"reason"`
	TaskID      string            `json:"task_id"`
	ADCPStatus  string            `json:"adcp_status"`
	BodySHA256  string            `json:"body_sha256"`
	BodyBytes   int               `json:"body_bytes"`
	Header      map[string]string `json:"header"`
	Count       int64             `json:"count"`
	FirstAt     time.Time         `json:"first_at"`
	LastAt      time.Time         `json:"last_at"`
	Handled     *Handled          `json:"handled"`
	BodyUntil   time.Time         `json:"body_until"`
	// Body is what was sent: anybody's words, and no JSON for sure.
	Body        string `json:"body"`
	BodyLeftOut bool   `json:"body_too_large_to_show"`
}

// Handled is who replayed or discarded a delivery, and what it came to.
type Handled struct {
	At      time.Time `json:"at"`
	Actor   Actor     `json:"actor"`
	Reason  string    `json:"reason"`
	Verdict string    `json:"verdict"`
	Code    string    `json:"code"`
}

// Replayed is what a replay came to. Code says why it was not applied.
type Replayed struct {
	Applied   bool           `json:"applied"`
	Verdict   string         `json:"verdict"`
	Code      string         `json:"code"`
	Delivery  Doc[Delivery]  `json:"delivery"`
	Operation Doc[Operation] `json:"operation"`
}

const quarantinePath = "/v1/quarantine"

// Quarantine lists the webhooks that were not applied, the newest first.
func (c *Client) Quarantine(ctx context.Context, query url.Values) (Doc[Page[Delivery]], error) {
	return list[Delivery](ctx, c, quarantinePath, query)
}

// Quarantined reads one of them. embed can name body.
func (c *Client) Quarantined(ctx context.Context, id string, embed ...string) (Doc[Delivery], error) {
	return get[Delivery](ctx, c, quarantinePath+"/"+segment(id), embedded(embed))
}

// Replay applies an authentic delivery now, as it would have been applied when it came.
func (c *Client) Replay(ctx context.Context, id, reason string) (Doc[Replayed], error) {
	return send[Replayed](ctx, c, http.MethodPost, quarantinePath+"/"+segment(id)+"/replay", nil, Reason{reason})
}

// Discard marks a delivery as looked at.
func (c *Client) Discard(ctx context.Context, id, reason string) (Doc[Delivery], error) {
	return send[Delivery](ctx, c, http.MethodPost, quarantinePath+"/"+segment(id)+"/discard", nil, Reason{reason})
}
