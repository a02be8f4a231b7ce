package client

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"time"
)

// Counterparty is a registered sales agent.
type Counterparty struct {
	ID          string    `json:"id"`
	URL         string    `json:"url"`
	Transport   string    `json:"transport"`
	WebhookMode string    `json:"webhook_mode"`
	Version     int64     `json:"version"`
	Traffic     Traffic   `json:"traffic"`
	CreatedAt   time.Time `json:"created_at"`
	UpdatedAt   time.Time `json:"updated_at"`
	Discovery   Discovery `json:"discovery"`
}

// Traffic is how the traffic to an agent stands.
type Traffic struct {
	Circuit        Circuit `json:"circuit"`
	Paused         *Paused `json:"paused"`
	CallsInFlight  int     `json:"calls_in_flight"`
	Queue          int     `json:"queue"`
	OpenOperations int     `json:"open_operations"`
}

// Circuit is whether calls of an agent are let through: closed, open, half_open.
type Circuit struct {
	State        string    `json:"state"`
	OpenUntil    time.Time `json:"open_until"`
	BackOffUntil time.Time `json:"back_off_until"`
	LastFailure  *struct {
		At         time.Time `json:"at"`
		Result     string    `json:"result"`
		HTTPStatus int       `json:"http_status"`
	} `json:"last_failure"`
}

// Discovery is what the last discovery found.
type Discovery struct {
	DiscoveredAt time.Time       `json:"discovered_at"`
	PollTool     string          `json:"poll_tool"`
	Tasks        []string        `json:"tasks"`
	Capabilities json.RawMessage `json:"capabilities"`
	Findings     []Finding       `json:"findings"`
}

// Finding is something that the owner of an agent or of a request should know.
type Finding struct {
	Code     string `json:"code"`
	Severity string `json:"severity"`
	Field    string `json:"field"`
	Detail   string `json:"detail"`
	Remedy   string `json:"remedy"`
}

// AgentKeys are the keys that an agent's webhooks are checked with.
type AgentKeys struct {
	BrandURL      string    `json:"brand_json_url"`
	JWKSURI       string    `json:"jwks_uri"`
	PinnedAt      time.Time `json:"pinned_at"`
	FetchedAt     time.Time `json:"fetched_at"`
	PendingChange *struct {
		JWKSURI string `json:"jwks_uri"`
	} `json:"pending_change"`
	Keys []struct {
		KID       string    `json:"kid"`
		Alg       string    `json:"alg"`
		Use       string    `json:"adcp_use"`
		FirstSeen time.Time `json:"first_seen"`
		Revoked   bool      `json:"revoked"`
	} `json:"keys"`
	Revocation struct {
		State string `json:"state"`
	} `json:"revocation"`
	Failure string `json:"failure"`
}

const agentsPath = "/v1/agents"

func agentPath(id, part string) string {
	if part == "" {
		return agentsPath + "/" + segment(id)
	}
	return agentsPath + "/" + segment(id) + "/" + part
}

// Agents lists the registered agents.
func (c *Client) Agents(ctx context.Context, query url.Values) (Doc[Page[Counterparty]], error) {
	return list[Counterparty](ctx, c, agentsPath, query)
}

// Agent reads an agent's entry.
func (c *Client) Agent(ctx context.Context, id string) (Doc[Counterparty], error) {
	return get[Counterparty](ctx, c, agentPath(id, ""), nil)
}

// PutAgent registers an agent, or replaces its entry: entry is the JSON, sent as it is.
func (c *Client) PutAgent(ctx context.Context, id string, entry []byte) (Doc[Counterparty], error) {
	return call[Counterparty](ctx, c, Request{Method: http.MethodPut, Path: agentPath(id, ""), Body: entry})
}

// Probed is what an agent is now, beside its entry, which was not changed.
type Probed struct {
	AgentID string `json:"agent_id"`
	Reached bool   `json:"reached"`
	Steps   []struct {
		Step         string `json:"step"`
		Milliseconds int64  `json:"milliseconds"`
		Error        string `json:"error"`
	} `json:"steps"`
	Discovery Discovery `json:"discovery"`
}

// ProbeAgent asks the agent what it is now. Nothing is stored.
func (c *Client) ProbeAgent(ctx context.Context, id string) (Doc[Probed], error) {
	return send[Probed](ctx, c, http.MethodPost, agentPath(id, "probe"), nil, nil)
}

// AgentBrake is whether the calls of an agent are stopped.
type AgentBrake struct {
	ID     string  `json:"id"`
	Paused *Paused `json:"paused"`
}

// PauseAgent stops the calls of an agent.
func (c *Client) PauseAgent(ctx context.Context, id, reason string) (Doc[AgentBrake], error) {
	return send[AgentBrake](ctx, c, http.MethodPost, agentPath(id, "pause"), nil, Reason{reason})
}

// ResumeAgent ends a PauseAgent.
func (c *Client) ResumeAgent(ctx context.Context, id, reason string) (Doc[AgentBrake], error) {
	return send[AgentBrake](ctx, c, http.MethodPost, agentPath(id, "resume"), nil, Reason{reason})
}

// DeleteAgent removes an entry. etag is its version, "" for any.
func (c *Client) DeleteAgent(ctx context.Context, id, etag string) error {
	_, err := c.Do(ctx, Request{Method: http.MethodDelete, Path: agentPath(id, ""), Header: ifMatch(etag)})
	return err
}

// AgentKeys reads the keys that the agent's webhooks are checked with.
func (c *Client) AgentKeys(ctx context.Context, id string) (Doc[AgentKeys], error) {
	return get[AgentKeys](ctx, c, agentPath(id, "keys"), nil)
}

// ConfirmKeys confirms the address of a changed key set.
func (c *Client) ConfirmKeys(ctx context.Context, id, jwksURI string) (Doc[AgentKeys], error) {
	return send[AgentKeys](ctx, c, http.MethodPut, agentPath(id, "keys"), nil, map[string]string{"jwks_uri": jwksURI})
}
