// Package client talks to the orchestrator's API as its users do: over HTTP, with a key.
package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"adcp-orchestrator/pkg/httpapi"
)

// Client calls one API with one key.
type Client struct {
	Base string
	Key  string
	HTTP *http.Client
}

// New returns a client.
func New(base, key string) *Client {
	return &Client{Base: base, Key: key, HTTP: &http.Client{Timeout: 30 * time.Second}}
}

// Do sends a request. The body may be nil, text or anything that JSON can be made of.
func (c *Client) Do(ctx context.Context, method, path string, header map[string]string, body any) (*http.Response, []byte, error) {
	var raw []byte
	switch b := body.(type) {
	case nil:
	case string:
		raw = []byte(b)
	default:
		var err error
		if raw, err = json.Marshal(b); err != nil {
			return nil, nil, err
		}
	}
	r, err := http.NewRequestWithContext(ctx, method, c.Base+path, bytes.NewReader(raw))
	if err != nil {
		return nil, nil, err
	}
	r.Header.Set("Content-Type", "application/json")
	if c.Key != "" {
		r.Header.Set("Authorization", "Bearer "+c.Key)
	}
	for k, v := range header {
		r.Header.Set(k, v)
	}
	resp, err := c.HTTP.Do(r)
	if err != nil {
		return nil, nil, err
	}
	defer resp.Body.Close()
	out, err := io.ReadAll(resp.Body)
	return resp, out, err
}

// PutAgent registers an agent.
func (c *Client) PutAgent(ctx context.Context, id string, entry map[string]any) error {
	resp, out, err := c.Do(ctx, http.MethodPut, "/v1/agents/"+id, nil, entry) //nolint:bodyclose // Do has read and closed it
	if err != nil {
		return err
	}
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("PUT agent: %s: %s", resp.Status, out)
	}
	return nil
}

// Submit submits an operation.
func (c *Client) Submit(ctx context.Context, key, agent, task string, request map[string]any) (httpapi.Operation, *http.Response, error) {
	var op httpapi.Operation
	resp, out, err := c.Do(ctx, http.MethodPost, "/v1/operations", map[string]string{"Idempotency-Key": key},
		map[string]any{"agent_id": agent, "type": task, "request": request})
	if err != nil {
		return op, nil, err
	}
	if resp.StatusCode != http.StatusAccepted {
		return op, resp, fmt.Errorf("submit: %s: %s", resp.Status, out)
	}
	return op, resp, json.Unmarshal(out, &op)
}

// Get reads an operation with its timeline.
func (c *Client) Get(ctx context.Context, id string) (httpapi.Operation, error) {
	var op httpapi.Operation
	err := c.Read(ctx, "/v1/operations/"+id, &op)
	return op, err
}

// Quarantine reads a day's first page of webhooks that were not applied; an empty day is today.
func (c *Client) Quarantine(ctx context.Context, day string) ([]httpapi.QuarantinedDelivery, error) {
	var page struct {
		Items []httpapi.QuarantinedDelivery `json:"items"`
	}
	err := c.Read(ctx, "/v1/quarantine?day="+url.QueryEscape(day), &page)
	return page.Items, err
}

// Read reads a resource.
func (c *Client) Read(ctx context.Context, path string, out any) error {
	resp, body, err := c.Do(ctx, http.MethodGet, path, nil, nil) //nolint:bodyclose // Do has read and closed it
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return &statusError{resp.StatusCode, fmt.Sprintf("GET %s: %s: %s", path, resp.Status, body)}
	}
	return json.Unmarshal(body, out)
}

// statusError is an answer that is none.
type statusError struct {
	status int
	text   string
}

func (e *statusError) Error() string { return e.text }

// passing reports whether an error is one that the next reading may not have: a gateway under load, or an authorizer that ran out of time.
func passing(err error) bool {
	if e, ok := errors.AsType[*url.Error](err); ok {
		return e.Timeout()
	}
	e, ok := errors.AsType[*statusError](err)
	return ok && e.status >= 500
}

// Follow reads an operation again and again until done says so, and calls seen for each reading. It ends with the context.
func (c *Client) Follow(ctx context.Context, id string, done func(httpapi.Operation) bool, seen func(httpapi.Operation)) (httpapi.Operation, error) {
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		op, err := c.Get(ctx, id)
		if err != nil && !passing(err) {
			return op, err
		}
		if err == nil {
			if seen != nil {
				seen(op)
			}
			if done(op) {
				return op, nil
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return op, fmt.Errorf("%s is %s after %d events: %w", id, op.State, len(op.Events), ctx.Err())
		}
	}
}

// Settled reports whether an operation has ended and all is done that follows.
func Settled(op httpapi.Operation) bool { return !op.PublishedAt.IsZero() }

// Buy is a minimal create_media_buy that real sellers accept. demo tells the local seller how to behave; po may be empty.
func Buy(po string, demo map[string]any) map[string]any {
	r := map[string]any{
		"account": map[string]any{"account_id": "acct_a"}, "brand": map[string]any{"domain": "acme.example"},
		"start_time": "2027-04-01T00:00:00Z", "end_time": "2027-06-30T23:59:59Z",
		"packages": []any{map[string]any{"product_id": "prod_1", "budget": 1000, "pricing_option_id": "po_cpm"}},
		"ext":      map[string]any{"adcp_demo": demo},
	}
	if po != "" {
		r["po_number"] = po
	}
	return r
}
