// Package client calls the orchestrator's API as its users do: over HTTP, with an API key. The demo
// and the end-to-end tests use it. It is no SDK: it knows only the routes that these two need.
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

// Client calls one API with one key. Base is the URL that /v1 is appended to; an empty Key sends no
// Authorization header.
type Client struct {
	Base string
	Key  string
	HTTP *http.Client
}

// New returns a client whose requests time out after 30 seconds.
func New(base, key string) *Client {
	return &Client{Base: base, Key: key, HTTP: &http.Client{Timeout: 30 * time.Second}}
}

// Do sends a request and returns the response, already read and closed, with its body. The
// request's body may be nil, a string that is sent as it is, or a value that is sent as JSON.
func (c *Client) Do(ctx context.Context, method, path string, header map[string]string, body any) (
	*http.Response, []byte, error) {
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

// PutAgent registers an agent, or changes its entry.
func (c *Client) PutAgent(ctx context.Context, id string, entry map[string]any) error {
	resp, out, err := c.Do(ctx, http.MethodPut, "/v1/agents/"+id, nil, entry) //nolint:bodyclose // closed by Do
	if err != nil {
		return err
	}
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("PUT agent: %s: %s", resp.Status, out)
	}
	return nil
}

// Submit submits an operation. key is the Idempotency-Key; any status but 202 is an error.
func (c *Client) Submit(ctx context.Context, key, agent, task string, request map[string]any) (
	httpapi.Operation, *http.Response, error) {
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

// Get reads an operation with its request, result and events.
func (c *Client) Get(ctx context.Context, id string) (httpapi.Operation, error) {
	var op httpapi.Operation
	err := c.Read(ctx, "/v1/operations/"+id+"?embed=request,result,events", &op)
	return op, err
}

// Quarantine reads the first page of the webhooks of an operation that were not applied, the newest
// first. An empty id means of all operations.
func (c *Client) Quarantine(ctx context.Context, operationID string) ([]httpapi.QuarantinedDelivery, error) {
	var page struct {
		Items []httpapi.QuarantinedDelivery `json:"items"`
	}
	path := "/v1/quarantine"
	if operationID != "" {
		path += "?operation_id=" + url.QueryEscape(operationID)
	}
	err := c.Read(ctx, path, &page)
	return page.Items, err
}

// Read gets a resource and decodes its JSON into out. Any status but 200 is an error.
func (c *Client) Read(ctx context.Context, path string, out any) error {
	resp, body, err := c.Do(ctx, http.MethodGet, path, nil, nil) //nolint:bodyclose // closed by Do
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return &statusError{resp.StatusCode, fmt.Sprintf("GET %s: %s: %s", path, resp.Status, body)}
	}
	return json.Unmarshal(body, out)
}

// statusError is a response with another status than 200.
type statusError struct {
	status int
	text   string
}

func (e *statusError) Error() string { return e.text }

// isTransient reports whether the next read may succeed: the gateway is under load, or an
// authorizer timed out.
func isTransient(err error) bool {
	if e, ok := errors.AsType[*url.Error](err); ok {
		return e.Timeout()
	}
	e, ok := errors.AsType[*statusError](err)
	return ok && e.status >= 500
}

// Follow reads an operation every 200 ms until done returns true or ctx ends. It calls seen,
// unless that is nil, after each read. Timeouts and statuses from 500 on are tried again; other
// errors end it.
func (c *Client) Follow(ctx context.Context, id string,
	done func(httpapi.Operation) bool, seen func(httpapi.Operation)) (httpapi.Operation, error) {
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		op, err := c.Get(ctx, id)
		if err != nil && !isTransient(err) {
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

// Published reports whether an operation has ended and its end was published.
func Published(op httpapi.Operation) bool { return !op.PublishedAt.IsZero() }

// Buy returns a minimal create_media_buy request that real sellers accept. demo controls how the
// demo seller behaves; po may be empty.
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
