package orchestrator

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/operation"
)

var agentID = pattern(`^[a-z0-9][a-z0-9_-]{0,63}$`)

// AgentStore is what Register needs of the store.
type AgentStore interface {
	agentReader
	// PutAgent stores a registry entry if Version-1 is stored (0: none), or returns ErrStale.
	PutAgent(ctx context.Context, a Agent) error
}

// Register writes the registry of agents.
type Register struct {
	Store AgentStore
	Now   func() time.Time
	// CheckURL says what the guarded client would refuse to dial, before anything is dialled (contract L1).
	CheckURL func(url string) error
}

// Run checks and stores an entry: the first with that id, or in place of the one that is there. Operations that run keep the entry that they
// began with. It returns an *InvalidError that names every wrong field.
func (r Register) Run(ctx context.Context, tenant, id string, body []byte) (Agent, error) {
	a, err := r.parse(tenant, id, body)
	if err != nil {
		return a, err
	}
	for {
		old, err := r.Store.Agent(ctx, tenant, id)
		if err != nil && !errors.Is(err, ErrNotFound) {
			return a, err
		}
		a.UpdatedAt = r.Now().UTC()
		a.CreatedAt = a.UpdatedAt
		if err == nil {
			a.CreatedAt = old.CreatedAt
		}
		a.Version = old.Version + 1
		err = r.Store.PutAgent(ctx, a)
		if !errors.Is(err, ErrStale) || ctx.Err() != nil {
			return a, err
		}
	}
}

func (r Register) parse(tenant, id string, body []byte) (Agent, error) {
	var c checks
	a := Agent{Tenant: tenant, ID: id}
	if err := adcp.CheckObject(body); err != nil {
		c.add("(body)", "one JSON object without duplicate keys: "+err.Error(), `send {"url": "https://...", "credential_ref": "adcp/`+tenant+`/..."}`)
		return a, c.err()
	}
	var in struct {
		URL           string                  `json:"url"`
		Transport     Transport               `json:"transport"`
		CredentialRef string                  `json:"credential_ref"`
		WebhookMode   operation.WebhookMode   `json:"webhook_mode"`
		WebhookFormat operation.WebhookFormat `json:"webhook_format"`
		BrandURL      string                  `json:"brand_json_url"`
		Poll          operation.PollPolicy    `json:"poll"`
	}
	d := json.NewDecoder(strings.NewReader(string(body)))
	d.DisallowUnknownFields()
	if err := d.Decode(&in); err != nil {
		var t *json.UnmarshalTypeError
		if errors.As(err, &t) {
			c.add(t.Field, "has to be "+kindName(t.Type.Kind().String())+", not a "+t.Value, "correct it")
		} else {
			c.add("(body)", strings.TrimPrefix(err.Error(), "json: "), "the members are url, transport, credential_ref, webhook_mode, webhook_format, brand_json_url and poll")
		}
		return a, c.err()
	}
	if !agentID().MatchString(id) {
		c.add("id", "has to match "+agentID().String(), "choose another id in the path")
	}
	if in.Transport == "" {
		in.Transport = MCP
	}
	if in.WebhookMode == "" {
		in.WebhookMode = operation.WebhookRFC9421
	}
	if err := r.CheckURL(in.URL); err != nil {
		c.add("url", err.Error(), "send the agent's public endpoint, for example https://sales.example.com/mcp")
	}
	if in.Transport != MCP && in.Transport != A2A {
		c.add("transport", `has to be "mcp" or "a2a"`, "leave it out for mcp")
	}
	if in.CredentialRef != "" && !credentialRef(tenant).MatchString(in.CredentialRef) {
		c.add("credential_ref", "names a secret of yours in Secrets Manager: adcp/"+tenant+"/<name>", "store the agent's token there and give its name")
	}
	switch in.WebhookMode {
	case operation.WebhookRFC9421, operation.WebhookHMAC, operation.WebhookBearer, operation.WebhookNone:
	default:
		c.add("webhook_mode", `has to be "rfc9421", "hmac-sha256", "bearer" or "none"`, "leave it out for rfc9421: the agent then signs with its published key")
	}
	if in.WebhookFormat != "" && in.WebhookFormat != operation.FormatMCP && in.WebhookFormat != operation.FormatA2A {
		c.add("webhook_format", `has to be "mcp" or "a2a"`, "leave it out for mcp, the form of AdCP's own webhooks")
	}
	if in.BrandURL != "" {
		if err := r.CheckURL(in.BrandURL); err != nil {
			c.add("brand_json_url", err.Error(), "send the address of the agent's brand.json, or leave it out to have it discovered")
		}
	}
	checkPoll(&c, in.Poll)
	a.URL, a.Transport, a.CredentialRef, a.WebhookMode, a.Poll = in.URL, in.Transport, in.CredentialRef, in.WebhookMode, in.Poll.WithDefaults()
	a.WebhookFormat, a.BrandURL = in.WebhookFormat, in.BrandURL
	return a, c.err()
}

// credentialRef keeps a tenant to its own secrets (contract L6).
func credentialRef(tenant string) *regexp.Regexp {
	return regexp.MustCompile(`^adcp/` + regexp.QuoteMeta(tenant) + `/[A-Za-z0-9_+=.@-]{1,128}$`)
}

func checkPoll(c *checks, p operation.PollPolicy) {
	bound := func(name string, v, low, high float64) {
		if v != 0 && (v < low || v > high) {
			c.add("poll."+name, fmt.Sprintf("from %g to %g", low, high), "choose a value in between, or leave it out")
		}
	}
	bound("first_seconds", float64(p.FirstSeconds), operation.MinFirst, operation.MaxFirst)
	bound("factor", p.Factor, operation.MinFactor, operation.MaxFactor)
	bound("cap_seconds", float64(p.CapSeconds), operation.MinCap, operation.MaxCap)
}

func kindName(k string) string {
	switch {
	case strings.HasPrefix(k, "int"):
		return "a whole number"
	case strings.HasPrefix(k, "float"):
		return "a number"
	case k == "struct":
		return "an object"
	}
	return "a " + k
}
