package registry

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/url"
	"strings"
	"time"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/validation"
)

// AgentIDForm is the form of an agent's id.
var AgentIDForm = validation.Pattern(`^[a-z0-9][a-z0-9_-]{0,63}$`)

// Agent is a registry entry: a sales agent as one tenant uses it. It never holds a credential, only
// the name of the secret in Secrets Manager.
type Agent struct {
	Tenant        string         `json:"-"`
	ID            string         `json:"id"`
	URL           string         `json:"url"`
	Transport     adcp.Transport `json:"transport"`
	CredentialRef string         `json:"credential_ref,omitempty"`
	// Auth is how calls are authorized if CredentialRef is empty. Code that does not know it may
	// store a CredentialRef beside it, which is newer then: see Authorization.
	Auth        operation.Auth        `json:"auth,omitzero"`
	WebhookMode operation.WebhookMode `json:"webhook_mode"`
	// WebhookFormat is empty for AdCP's own form, which agents send over MCP and A2A alike.
	WebhookFormat adcp.Format `json:"webhook_format,omitempty"`
	// BrandURL is the address of the agent's brand.json, which leads to its keys; empty to discover
	// it (contract F48, F51).
	BrandURL  string               `json:"brand_json_url,omitempty"`
	Poll      operation.PollPolicy `json:"poll"`
	Version   int64                `json:"version"`
	CreatedAt time.Time            `json:"created_at"`
	UpdatedAt time.Time            `json:"updated_at"`
	// Unknown holds the members of the stored entry that only newer code knows.
	Unknown string `json:"-" document:"unknown"`

	// Signing is which requests the agent wants signed, as discovered. It is for a Caller, not part
	// of the entry.
	Signing adcp.RequestSigning `json:"-"`
	// ContinueTask is the A2A task that a call continues; zero for a call of its own. It is for a
	// Caller as well.
	ContinueTask adcp.Continuation `json:"-"`
	// Secrets are those of the operation that a call is about. Together with the call's own they are
	// redacted in whatever the agent answers. They are for a Caller too.
	Secrets adcp.Secrets `json:"-"`
}

// Caller calls agents. Implementations refuse every address of an agent that leads inward (contract
// L1).
type Caller interface {
	// Discover reads an agent's tools and capabilities. It returns a *adcp.CallError if the agent
	// can't be reached.
	Discover(ctx context.Context, a Agent) (Profile, error)
	// Call sends one tool call, with its arguments byte for byte (contract C6). It returns a
	// *adcp.CallError if there is no AdCP answer.
	Call(ctx context.Context, a Agent, tool string, arguments json.RawMessage) (adcp.Response, error)
}

// SessionCaller is a Caller that can make several calls in one session with an agent, which spares
// the agent a handshake for each.
type SessionCaller interface {
	// Session returns a Caller for calls of one agent, one after the other. The first call opens the
	// session. end ends it; it is not ended at the agent if ctx is over by then.
	Session(ctx context.Context) (c Caller, end func())
}

// AgentReader reads registry entries.
type AgentReader interface {
	// Agent returns a registry entry, or store.ErrNotFound.
	Agent(ctx context.Context, tenant, id string) (Agent, error)
}

// Authorization returns how calls of the agent are authorized beside CredentialRef, zero if not at
// all.
func (a Agent) Authorization() operation.Auth {
	if a.CredentialRef != "" {
		return operation.Auth{}
	}
	return a.Auth
}

// CredentialKey names what calls of the agent are authorized with, as far as the entry says. It
// holds no secret.
func (a Agent) CredentialKey() string {
	auth := a.Authorization()
	if auth.Type == "" {
		return a.CredentialRef
	}
	return strings.Join([]string{string(auth.Type), auth.CredentialRef, auth.Scope, auth.Resource, auth.Audience,
		auth.Issuer, auth.TokenEndpointAuthMethod}, "\x00")
}

// CircuitKey names the circuit of an agent as it is called: by id, transport, address and
// credential. An entry that gets another address has another circuit, so a failing old endpoint
// does not block the new one.
func (a Agent) CircuitKey() string {
	sum := sha256.Sum256([]byte(string(a.Transport) + "\x00" + a.URL + "\x00" + a.CredentialKey()))
	return a.ID + "." + hex.EncodeToString(sum[:8])
}

// Origin is the scheme, host and port that the agent's calls go to, whoever's agent it is; empty if
// the URL cannot be read.
func (a Agent) Origin() string {
	u, err := url.Parse(a.URL)
	if err != nil {
		return ""
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80"}[u.Scheme]
	}
	if port == "" {
		port = "443"
	}
	return strings.ToLower(u.Scheme) + "://" + strings.ToLower(u.Hostname()) + ":" + port
}
