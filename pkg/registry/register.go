package registry

import (
	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/store"
	"adcp-orchestrator/pkg/validation"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"strings"
	"time"
)

var AgentIDForm = validation.Pattern(`^[a-z0-9][a-z0-9_-]{0,63}$`)

// AgentStore is what Register needs of the store.
type Store interface {
	AgentReader
	Profiles
	// PutAgent stores a registry entry if Version-1 is stored (0: none), or returns ErrStale.
	PutAgent(ctx context.Context, a Agent) error
}

// onboardBudget is how long an agent is asked for while its owner waits: API Gateway ends everything after 29 s, and the stores need their share.
const discoveryBudget = 15 * time.Second

// Register writes the registry of agents.
type Register struct {
	Store   Store
	Agents  Caller
	Now     func() time.Time
	Checker Checker
}

// Run checks an entry, asks the agent, and stores both: the first with that id, or in place of the one that is there. Operations that run keep the entry
// that they began with. An agent that can't be asked is stored all the same, with a finding: operations ask it later.
//
// It returns an *InvalidError that names every wrong field, or a *RefusedError with what speaks against the agent (contract B39). Then nothing was stored.
func (r Register) Run(ctx context.Context, tenant, id string, body []byte) (Agent, Discovery, error) {
	a, err := r.parse(tenant, id, body)
	if err != nil {
		return a, Discovery{}, err
	}
	found, asked, err := r.ask(ctx, a)
	if err != nil {
		return a, Discovery{}, err
	}
	if grave := refusedBy(found.Findings); grave != nil {
		return a, Discovery{}, &AgentRefusedError{Findings: grave}
	}
	// The profile first: who dies in between leaves one that belongs to no entry, and is asked for again.
	if asked {
		if err := r.Store.PutProfile(ctx, tenant, id, found.Profile); err != nil {
			return a, Discovery{}, err
		}
	}
	a, err = r.put(ctx, a)
	return a, found, err
}

// Show returns an entry with what was last found of the agent, and judges that anew. The agent is not asked. It returns ErrNotFound.
func (r Register) Show(ctx context.Context, tenant, id string) (Agent, Discovery, error) {
	a, err := r.Store.Agent(ctx, tenant, id)
	if err != nil {
		return a, Discovery{}, err
	}
	p, err := r.known(ctx, a)
	return a, Discovery{p, r.Checker.Check(a, p, nil)}, err
}

// known returns what is stored of an agent at its address, zero if nothing is.
func (r Register) known(ctx context.Context, a Agent) (Profile, error) {
	p, err := r.Store.Profile(ctx, a.Tenant, a.ID)
	if errors.Is(err, store.ErrNotFound) || err == nil && !p.KnownFor(a) {
		return Profile{}, nil
	}
	return p, err
}

// ask asks an agent what it offers and judges it. For one that can't be asked what was known before counts.
func (r Register) ask(ctx context.Context, a Agent) (found Discovery, asked bool, err error) {
	budget, cancel := context.WithTimeout(ctx, discoveryBudget)
	defer cancel()
	p, err := r.Agents.Discover(budget, a)
	if err == nil {
		p.URL, p.Transport, p.DiscoveredAt = a.URL, a.Transport, r.Now().UTC()
		return Discovery{p, r.Checker.Check(a, p, nil)}, true, nil
	}
	var ce *adcp.CallError
	if !errors.As(err, &ce) {
		return Discovery{}, false, err
	}
	slog.WarnContext(ctx, "agent not asked", "tenant", a.Tenant, "agent", a.ID, "error", ce)
	p, err = r.known(ctx, a)
	return Discovery{p, r.Checker.Check(a, p, ce)}, false, err
}

func (r Register) put(ctx context.Context, a Agent) (Agent, error) {
	for {
		old, err := r.Store.Agent(ctx, a.Tenant, a.ID)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return a, err
		}
		a.UpdatedAt = r.Now().UTC()
		a.CreatedAt = a.UpdatedAt
		if err == nil {
			a.CreatedAt = old.CreatedAt
		}
		a.Version = old.Version + 1
		err = r.Store.PutAgent(ctx, a)
		if !errors.Is(err, store.ErrStale) || ctx.Err() != nil {
			return a, err
		}
	}
}

func (r Register) parse(tenant, id string, body []byte) (Agent, error) {
	var c validation.Checks
	a := Agent{Tenant: tenant, ID: id}
	if err := adcp.CheckObject(body); err != nil {
		c.Add("(body)", "one JSON object without duplicate keys: "+err.Error(), `send {"url": "https://...", "credential_ref": "adcp/`+tenant+`/..."}`)
		return a, c.Err()
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
			c.Add(t.Field, "has to be "+kindName(t.Type.Kind().String())+", not a "+t.Value, "correct it")
		} else {
			c.Add("(body)", strings.TrimPrefix(err.Error(), "json: "), "the members are url, transport, credential_ref, webhook_mode, webhook_format, brand_json_url and poll")
		}
		return a, c.Err()
	}
	if !AgentIDForm().MatchString(id) {
		c.Add("id", "has to match "+AgentIDForm().String(), "choose another id in the path")
	}
	if in.Transport == "" {
		in.Transport = MCP
	}
	if in.WebhookMode == "" {
		in.WebhookMode = operation.WebhookRFC9421
	}
	if err := r.Checker.CheckURL(in.URL); err != nil {
		c.Add("url", err.Error(), "send the agent's public endpoint, for example https://sales.example.com/mcp")
	}
	if in.Transport != MCP && in.Transport != A2A {
		c.Add("transport", `has to be "mcp" or "a2a"`, "leave it out for mcp")
	}
	if in.CredentialRef != "" && !credentialRef(tenant).MatchString(in.CredentialRef) {
		c.Add("credential_ref", "names a secret of yours in Secrets Manager: adcp/"+tenant+"/<name>", "store the agent's token there and give its name")
	}
	switch in.WebhookMode {
	case operation.WebhookRFC9421, operation.WebhookHMAC, operation.WebhookBearer, operation.WebhookNone:
	default:
		c.Add("webhook_mode", `has to be "rfc9421", "hmac-sha256", "bearer" or "none"`, "leave it out for rfc9421: the agent then signs with its published key")
	}
	if in.WebhookFormat != "" && in.WebhookFormat != operation.FormatMCP && in.WebhookFormat != operation.FormatA2A {
		c.Add("webhook_format", `has to be "mcp" or "a2a"`, "leave it out for mcp, the form of AdCP's own webhooks")
	}
	if in.BrandURL != "" {
		if err := r.Checker.CheckURL(in.BrandURL); err != nil {
			c.Add("brand_json_url", err.Error(), "send the address of the agent's brand.json, or leave it out to have it discovered")
		}
	}
	checkPoll(&c, in.Poll)
	a.URL, a.Transport, a.CredentialRef, a.WebhookMode, a.Poll = in.URL, in.Transport, in.CredentialRef, in.WebhookMode, in.Poll.WithDefaults()
	a.WebhookFormat, a.BrandURL = in.WebhookFormat, in.BrandURL
	return a, c.Err()
}

// credentialRef keeps a tenant to its own secrets (contract L6).
func credentialRef(tenant string) *regexp.Regexp {
	return regexp.MustCompile(`^adcp/` + regexp.QuoteMeta(tenant) + `/[A-Za-z0-9_+=.@-]{1,128}$`)
}

func checkPoll(c *validation.Checks, p operation.PollPolicy) {
	bound := func(name string, v, low, high float64) {
		if v != 0 && (v < low || v > high) {
			c.Add("poll."+name, fmt.Sprintf("from %g to %g", low, high), "choose a value in between, or leave it out")
		}
	}
	bound("first_seconds", float64(p.IntervalSeconds), operation.MinInterval, operation.MaxInterval)
	bound("factor", p.BackoffRate, operation.MinBackoffRate, operation.MaxBackoffRate)
	bound("cap_seconds", float64(p.MaxDelaySeconds), operation.MinMaxDelay, operation.MaxMaxDelay)
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
