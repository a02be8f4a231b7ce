package orchestrator

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"time"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/operation"
)

// Agent is a registry entry: a sales agent as one tenant uses it. Credentials are never in it, only their name in Secrets Manager.
type Agent struct {
	Tenant        string                `json:"-"`
	ID            string                `json:"id"`
	URL           string                `json:"url"`
	Transport     Transport             `json:"transport"`
	CredentialRef string                `json:"credential_ref,omitempty"`
	WebhookMode   operation.WebhookMode `json:"webhook_mode"`
	// WebhookFormat is empty for MCP's.
	WebhookFormat operation.WebhookFormat `json:"webhook_format,omitempty"`
	// BrandURL is the address of the agent's brand.json, which leads to its keys; empty to discover it (contract F48, F51).
	BrandURL  string               `json:"brand_json_url,omitempty"`
	Poll      operation.PollPolicy `json:"poll"`
	Version   int64                `json:"version"`
	CreatedAt time.Time            `json:"created_at"`
	UpdatedAt time.Time            `json:"updated_at"`

	// Signing is what the agent was found to want signed. It is told to a Caller, and not part of the entry.
	Signing adcp.RequestSigning `json:"-"`
	// Continues is the A2A task that a call goes on with, the zero Continuation for a call of its own. It is told to a Caller as well.
	ContinueTask adcp.Continuation `json:"-"`
}

// Transport is how an agent is called.
type Transport string

// The transports that are spoken.
const (
	MCP Transport = "mcp" // MCP's streamable HTTP transport
	A2A Transport = "a2a" // A2A over JSON-RPC, 1.0 or 0.3 as the agent's card says
)

// Profile is what an agent was found to offer: discovered, not assumed (contract B38).
type Profile struct {
	// URL is the address that was asked: another one is discovered again.
	URL string `json:"url"`
	// Transport is what it was asked over, empty for MCP.
	Transport Transport `json:"transport,omitempty"`
	// PollTool is the tool that tells a task's status (contract E2), empty if the agent has none: then its webhook is the only way.
	PollTool string `json:"poll_tool"`
	// ListTool is the tool that lists tasks (contract G1), empty if the agent has none.
	ListTool string `json:"list_tool"`
	// Tasks are the AdCP tasks among the agent's tools that we know.
	Tasks []string `json:"tasks"`
	// Capabilities are what get_adcp_capabilities said.
	Capabilities adcp.Capabilities `json:"capabilities"`
	// DiscoveredAt is when it was asked.
	DiscoveredAt time.Time `json:"discovered_at"`
}

// of reports whether the profile is of an agent as it is registered now: another address, or another transport, is another agent.
func (p Profile) isOf(url string, t Transport) bool {
	return p.URL == url && cmp.Or(p.Transport, MCP) == cmp.Or(t, MCP)
}

// offers reports whether the agent has a task's tool. One whose tools are not known is given the benefit of the doubt.
func (p Profile) Offers(t adcp.Task) bool {
	return len(p.Tasks) == 0 || slices.Contains(p.Tasks, string(t))
}

// Caller calls agents. Implementations keep every address that an agent supplies from turning inward (contract L1).
type Caller interface {
	// Discover reads an agent's tools and capabilities. It returns a *adcp.CallError when the agent can't be asked.
	Discover(ctx context.Context, a Agent) (Profile, error)
	// Call sends one tool call whose arguments go out byte for byte (contract C6). It returns a *adcp.CallError when there is no AdCP answer.
	Call(ctx context.Context, a Agent, tool string, arguments json.RawMessage) (adcp.Response, error)
}
