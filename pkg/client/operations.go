package client

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"time"
)

const operationsPath = "/v1/operations"

func operationPath(id, act string) string {
	if act == "" {
		return operationsPath + "/" + segment(id)
	}
	return operationsPath + "/" + segment(id) + "/" + act
}

// Whoami is who the key belongs to, and what it may do.
type Whoami struct {
	Tenant string `json:"tenant"`
	Key    struct {
		ID        string    `json:"id"`
		Name      string    `json:"name"`
		Scopes    []string  `json:"scopes"`
		ExpiresAt time.Time `json:"expires_at"`
	} `json:"key"`
	Release    string `json:"release"`
	ConsoleURL string `json:"console_url"`
}

// Whoami says who the key belongs to.
func (c *Client) Whoami(ctx context.Context) (Doc[Whoami], error) {
	return get[Whoami](ctx, c, "/v1/whoami", nil)
}

// Submit submits an operation: body is the JSON of POST /v1/operations, sent as it is. The same key
// with the same body returns the same operation, however often it is sent.
func (c *Client) Submit(ctx context.Context, key string, body []byte) (Doc[Operation], error) {
	return call[Operation](ctx, c, Request{Method: http.MethodPost, Path: operationsPath,
		Header: http.Header{"Idempotency-Key": {key}}, Body: body})
}

// Verdict is what a submission would do.
type Verdict struct {
	Valid       bool      `json:"valid"`
	Type        string    `json:"type"`
	AgentID     string    `json:"agent_id"`
	ADCPVersion string    `json:"adcp_version"`
	Would       string    `json:"would"`
	OperationID string    `json:"operation_id"`
	MatchedBy   string    `json:"matched_by"`
	Findings    []Finding `json:"findings"`
}

// Validate says what Submit would do, and does nothing.
func (c *Client) Validate(ctx context.Context, body []byte) (Doc[Verdict], error) {
	return call[Verdict](ctx, c, Request{Method: http.MethodPost, Path: operationsPath,
		Query: url.Values{"validate": {"only"}}, Body: body})
}

// Operation reads an operation. embed can name request, result and events.
func (c *Client) Operation(ctx context.Context, id string, embed ...string) (Doc[Operation], error) {
	return get[Operation](ctx, c, operationPath(id, ""), embedded(embed))
}

// Operations lists operations, the newest first unless query says otherwise.
func (c *Client) Operations(ctx context.Context, query url.Values) (Doc[Page[Operation]], error) {
	return list[Operation](ctx, c, operationsPath, query)
}

// OperationEvents lists the timeline of an operation, oldest first.
func (c *Client) OperationEvents(ctx context.Context, id string, query url.Values) (Doc[Page[Event]], error) {
	return list[Event](ctx, c, operationPath(id, "events"), query)
}

// OperationRequest reads what is sent to the agent, OperationResult what it returned.
func (c *Client) OperationRequest(ctx context.Context, id string) (json.RawMessage, error) {
	d, err := get[json.RawMessage](ctx, c, operationPath(id, "request"), nil)
	return d.Raw, err
}

// OperationResult reads the agent's result.
func (c *Client) OperationResult(ctx context.Context, id string) (json.RawMessage, error) {
	d, err := get[json.RawMessage](ctx, c, operationPath(id, "result"), nil)
	return d.Raw, err
}

// Input answers an input request.
type Input struct {
	Generation int             `json:"generation"`
	Input      json.RawMessage `json:"input"`
	Note       string          `json:"note,omitempty"`
	OnBehalfOf string          `json:"on_behalf_of,omitempty"`
}

// Answer answers what the agent of an operation asks for.
func (c *Client) Answer(ctx context.Context, id string, in Input) (Doc[Operation], error) {
	return send[Operation](ctx, c, http.MethodPost, operationPath(id, "input"), nil, in)
}

// Reason is the body of acts that are explained.
type Reason struct {
	Reason string `json:"reason"`
}

// Cancel is the body of a cancellation. Buy says what becomes of a live buy: cancel or keep.
type Cancel struct {
	Reason string `json:"reason"`
	Buy    string `json:"buy,omitempty"`
}

// Cancel cancels an operation, or keeps the wish to.
func (c *Client) Cancel(ctx context.Context, id string, body Cancel) (Doc[Operation], error) {
	return send[Operation](ctx, c, http.MethodPost, operationPath(id, "cancel"), nil, body)
}

// WithdrawCancel takes back a wish to cancel that was not sent.
func (c *Client) WithdrawCancel(ctx context.Context, id string) (Doc[Operation], error) {
	return send[Operation](ctx, c, http.MethodDelete, operationPath(id, "cancel"), nil, nil)
}

// Poll has the agent asked now: Next of the answer says when.
func (c *Client) Poll(ctx context.Context, id string) (Doc[Operation], error) {
	return send[Operation](ctx, c, http.MethodPost, operationPath(id, "poll"), nil, nil)
}

// Pause stops every call of an operation; webhooks are still taken.
func (c *Client) Pause(ctx context.Context, id, reason string) (Doc[Operation], error) {
	return send[Operation](ctx, c, http.MethodPost, operationPath(id, "pause"), nil, Reason{reason})
}

// Resume ends a Pause.
func (c *Client) Resume(ctx context.Context, id, reason string) (Doc[Operation], error) {
	return send[Operation](ctx, c, http.MethodPost, operationPath(id, "resume"), nil, Reason{reason})
}

// Redriven is what a redrive did about the execution.
type Redriven struct {
	Execution string         `json:"execution"`
	Operation Doc[Operation] `json:"operation"`
}

// Redrive makes sure that an operation is followed from now on.
func (c *Client) Redrive(ctx context.Context, id string) (Doc[Redriven], error) {
	return send[Redriven](ctx, c, http.MethodPost, operationPath(id, "redrive"), nil, nil)
}

// Resolve is the outcome of an operation as a person states it.
type Resolve struct {
	State      string          `json:"state"`
	Reason     string          `json:"reason"`
	Evidence   string          `json:"evidence,omitempty"`
	Result     json.RawMessage `json:"result,omitempty"`
	MediaBuyID string          `json:"media_buy_id,omitempty"`
	Unverified bool            `json:"unverified,omitempty"`
}

// Resolve ends an operation whose outcome is unclear. etag is the version that the decision was
// made by.
func (c *Client) Resolve(ctx context.Context, id, etag string, body Resolve) (Doc[Operation], error) {
	return send[Operation](ctx, c, http.MethodPost, operationPath(id, "resolve"), ifMatch(etag), body)
}

func ifMatch(etag string) http.Header {
	if etag == "" {
		return nil
	}
	return http.Header{"If-Match": {etag}}
}

func embedded(names []string) url.Values {
	if len(names) == 0 {
		return nil
	}
	joined := names[0]
	for _, n := range names[1:] {
		joined += "," + n
	}
	return url.Values{"embed": {joined}}
}

// Count is how many there are; More: there are more than were counted.
type Count struct {
	Count int  `json:"count"`
	More  bool `json:"more"`
}

// Counts are how many operations there are.
type Counts struct {
	States         map[string]Count `json:"states"`
	Open           Count            `json:"open"`
	Ended          Count            `json:"ended"`
	NeedsAttention Count            `json:"needs_attention"`
}

// Counts counts the tenant's operations by state.
func (c *Client) Counts(ctx context.Context) (Doc[Counts], error) {
	return get[Counts](ctx, c, operationsPath+"/counts", nil)
}
