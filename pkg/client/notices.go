package client

import (
	"context"
	"net/http"
	"net/url"
	"time"
)

// Notice is something that the orchestrator tells: a CloudEvent.
type Notice struct {
	ID      string    `json:"id"`
	Type    string    `json:"type"`
	Subject string    `json:"subject"`
	Time    time.Time `json:"time"`
	Data    struct {
		OperationID string `json:"operation_id"`
		AgentID     string `json:"agent_id"`
		PONumber    string `json:"po_number"`
		State       string `json:"state"`
		Text        struct {
			Title    string `json:"title"`
			Body     string `json:"body"`
			WaitsFor string `json:"waits_for"`
			Who      string `json:"who"`
			By       string `json:"by"`
			Link     string `json:"link"`
		} `json:"text"`
	} `json:"data"`
}

// Notices lists what was told, oldest first, for 30 days.
func (c *Client) Notices(ctx context.Context, query url.Values) (Doc[Page[Notice]], error) {
	return list[Notice](ctx, c, "/v1/events", query)
}

// Endpoint is an address that notices are sent to. Secret is shown once, when it is made.
type Endpoint struct {
	ID          string   `json:"id"`
	URL         string   `json:"url"`
	Description string   `json:"description"`
	Types       []string `json:"types"` // none is all
	AgentID     string   `json:"agent_id"`
	State       string   `json:"state"`
	Disabled    *struct {
		Reason string    `json:"reason"`
		At     time.Time `json:"at"`
	} `json:"disabled"`
	FailingSince  time.Time `json:"failing_since"`
	LastSuccessAt time.Time `json:"last_success_at"`
	Secret        string    `json:"secret"`
	// Secrets are the generations in use, the newest first. A former one has an end.
	Secrets []struct {
		Generation int       `json:"generation"`
		CreatedAt  time.Time `json:"created_at"`
		ExpiresAt  time.Time `json:"expires_at"`
	} `json:"secrets"`
	Version   int64     `json:"version"`
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
}

// The states of an endpoint.
const (
	EndpointEnabled  = "enabled"
	EndpointDisabled = "disabled"
)

// NewEndpoint is what an Endpoint is made of.
type NewEndpoint struct {
	URL         string   `json:"url"`
	Description string   `json:"description,omitempty"`
	Types       []string `json:"types,omitempty"`
	AgentID     string   `json:"agent_id,omitempty"`
}

// Sent is one notice on its way to an endpoint. Fault is why the last attempt failed. Each
// Redeliver begins a Round; Attempts are those of the last one, Log has those of all.
type Sent struct {
	ID          string    `json:"id"`
	NoticeID    string    `json:"notice_id"`
	Type        string    `json:"type"`
	OperationID string    `json:"operation_id"`
	State       string    `json:"state"`
	Fault       string    `json:"fault"`
	Round       int       `json:"round"`
	Attempts    int       `json:"attempts"`
	QueuedAt    time.Time `json:"queued_at"`
	NextAt      time.Time `json:"next_at"`
	EndedAt     time.Time `json:"ended_at"`
	Log         []struct {
		At     time.Time `json:"at"`
		Round  int       `json:"round"`
		Status int       `json:"status"`
		Fault  string    `json:"fault"`
	} `json:"log"`
}

const endpointsPath = "/v1/webhook-endpoints"

func endpointPath(id, part string) string {
	if part == "" {
		return endpointsPath + "/" + segment(id)
	}
	return endpointsPath + "/" + segment(id) + "/" + part
}

// Endpoints lists the addresses that notices are sent to. There are so few that they are one page.
func (c *Client) Endpoints(ctx context.Context) (Doc[Page[Endpoint]], error) {
	return list[Endpoint](ctx, c, endpointsPath, nil)
}

// Endpoint reads an endpoint, without its secret.
func (c *Client) Endpoint(ctx context.Context, id string) (Doc[Endpoint], error) {
	return get[Endpoint](ctx, c, endpointPath(id, ""), nil)
}

// AddEndpoint makes an endpoint. key is the Idempotency-Key.
func (c *Client) AddEndpoint(ctx context.Context, key string, e NewEndpoint) (Doc[Endpoint], error) {
	return send[Endpoint](ctx, c, http.MethodPost, endpointsPath, idempotency(key), e)
}

// SetEndpointState makes an endpoint EndpointEnabled or EndpointDisabled.
func (c *Client) SetEndpointState(ctx context.Context, id, state string) (Doc[Endpoint], error) {
	return send[Endpoint](ctx, c, http.MethodPatch, endpointPath(id, ""), nil, map[string]string{"state": state})
}

// DeleteEndpoint deletes an endpoint: nothing more is sent to it.
func (c *Client) DeleteEndpoint(ctx context.Context, id string) error {
	_, err := c.Do(ctx, Request{Method: http.MethodDelete, Path: endpointPath(id, "")})
	return err
}

// TestEndpoint sends a test notice.
func (c *Client) TestEndpoint(ctx context.Context, id string) (Doc[Sent], error) {
	return send[Sent](ctx, c, http.MethodPost, endpointPath(id, "test"), nil, nil)
}

// RollSecret makes a new secret for an endpoint. key is the Idempotency-Key; the old secret signs
// for overlapSeconds more.
func (c *Client) RollSecret(ctx context.Context, key, id string, overlapSeconds int) (Doc[Endpoint], error) {
	return send[Endpoint](ctx, c, http.MethodPost, endpointPath(id, "roll-secret"), idempotency(key),
		map[string]int{"overlap_seconds": overlapSeconds})
}

// Deliveries lists what was sent to an endpoint, the newest first.
func (c *Client) Deliveries(ctx context.Context, id string, query url.Values) (Doc[Page[Sent]], error) {
	return list[Sent](ctx, c, endpointPath(id, "deliveries"), query)
}

// Redeliver sends a delivery again.
func (c *Client) Redeliver(ctx context.Context, endpoint, delivery string) (Doc[Sent], error) {
	return send[Sent](ctx, c, http.MethodPost,
		endpointPath(endpoint, "deliveries")+"/"+segment(delivery)+"/redeliver", nil, nil)
}

func idempotency(key string) http.Header { return http.Header{"Idempotency-Key": {key}} }
