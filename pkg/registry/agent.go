package registry

import (
	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/operation"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"time"
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

// Caller calls agents. Implementations keep every address that an agent supplies from turning inward (contract L1).
type Caller interface {
	// Discover reads an agent's tools and capabilities. It returns a *adcp.CallError when the agent can't be asked.
	Discover(ctx context.Context, a Agent) (Profile, error)
	// Call sends one tool call whose arguments go out byte for byte (contract C6). It returns a *adcp.CallError when there is no AdCP answer.
	Call(ctx context.Context, a Agent, tool string, arguments json.RawMessage) (adcp.Response, error)
}

type AgentReader interface {
	// Agent returns a registry entry, or ErrNotFound.
	Agent(ctx context.Context, tenant, id string) (Agent, error)
}

// line names what a circuit is of: an agent as it is called. Operations keep the address and the credential that they began with; when an entry is given
// others, what becomes of the old ones is no reason to leave the new ones alone.
func (a Agent) CircuitKey() string {
	sum := sha256.Sum256([]byte(string(a.Transport) + "\x00" + a.URL + "\x00" + a.CredentialRef))
	return a.ID + "." + hex.EncodeToString(sum[:8])
}
