package client

import (
	"context"
	"net/http"
	"net/url"
	"time"
)

// APIKey is an API key without its secret. Key is the secret, in the answer that makes it only.
type APIKey struct {
	ID     string   `json:"id"`
	Name   string   `json:"name"`
	Scopes []string `json:"scopes"`
	Key    string   `json:"key"`
	// KeyWithheld says why a repetition of that request is answered without Key.
	KeyWithheld string    `json:"key_withheld"`
	State       string    `json:"state"`
	CreatedAt   time.Time `json:"created_at"`
	ExpiresAt   time.Time `json:"expires_at"`
	LastUsedAt  time.Time `json:"last_used_at"`
	// OverlapUntil is when the key of before the last roll ends.
	OverlapUntil time.Time `json:"overlap_until"`
}

// NewAPIKey is what a key is made of.
type NewAPIKey struct {
	Name      string    `json:"name"`
	Scopes    []string  `json:"scopes"`
	ExpiresAt time.Time `json:"expires_at,omitzero"`
}

const keysPath = "/v1/api-keys"

// APIKeys lists the tenant's keys.
func (c *Client) APIKeys(ctx context.Context, query url.Values) (Doc[Page[APIKey]], error) {
	return list[APIKey](ctx, c, keysPath, query)
}

// CreateAPIKey makes a key. key is the Idempotency-Key.
func (c *Client) CreateAPIKey(ctx context.Context, key string, k NewAPIKey) (Doc[APIKey], error) {
	return send[APIKey](ctx, c, http.MethodPost, keysPath, idempotency(key), k)
}

// RollAPIKey makes a new secret for a key. The old one works for overlapSeconds more.
func (c *Client) RollAPIKey(ctx context.Context, key, id string, overlapSeconds int) (Doc[APIKey], error) {
	return send[APIKey](ctx, c, http.MethodPost, keysPath+"/"+segment(id)+"/roll", idempotency(key),
		map[string]int{"overlap_seconds": overlapSeconds})
}

// RevokeAPIKey ends a key, and returns from when on nobody is admitted with it.
func (c *Client) RevokeAPIKey(ctx context.Context, id string) (effective time.Time, err error) {
	resp, err := c.Do(ctx, Request{Method: http.MethodDelete, Path: keysPath + "/" + segment(id)})
	if err == nil {
		effective, _ = time.Parse(time.RFC3339, resp.Header.Get("Effective-At"))
	}
	return effective, err
}

// AuditEvent is who did what.
type AuditEvent struct {
	ID         string    `json:"id"`
	At         time.Time `json:"at"`
	Actor      Actor     `json:"actor"`
	Action     string    `json:"action"`
	Resource   string    `json:"resource"`
	Outcome    string    `json:"outcome"`
	RequestID  string    `json:"request_id"`
	SourceIP   string    `json:"source_ip"`
	OnBehalfOf string    `json:"on_behalf_of"`
}

// Audit lists who did what, the newest first.
func (c *Client) Audit(ctx context.Context, query url.Values) (Doc[Page[AuditEvent]], error) {
	return list[AuditEvent](ctx, c, "/v1/audit-events", query)
}

// Metrics are series of figures.
type Metrics struct {
	From  time.Time `json:"from"`
	To    time.Time `json:"to"`
	Step  string    `json:"step"`
	By    string    `json:"by"`
	Items []Series  `json:"items"`
}

// Series is one figure over time, of one group if it is by something.
type Series struct {
	Name   string  `json:"name"`
	Unit   string  `json:"unit"`
	Group  string  `json:"group"`
	Points []Point `json:"points"`
}

// Point is a figure of one step: nil if there is none. Of is how many it is of.
type Point struct {
	At    time.Time `json:"at"`
	Value *float64  `json:"value"`
	Of    int64     `json:"of"`
}

// Metrics reads figures of the tenant.
func (c *Client) Metrics(ctx context.Context, query url.Values) (Doc[Metrics], error) {
	return get[Metrics](ctx, c, "/v1/metrics", query)
}
