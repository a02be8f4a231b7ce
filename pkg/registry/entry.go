package registry

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/validation"
)

// entry is the body of PUT /v1/agents/{id}.
type entry struct {
	URL           string                `json:"url"`
	Transport     adcp.Transport        `json:"transport"`
	CredentialRef string                `json:"credential_ref"`
	WebhookMode   operation.WebhookMode `json:"webhook_mode"`
	WebhookFormat adcp.Format           `json:"webhook_format"`
	BrandURL      string                `json:"brand_json_url"`
	Poll          operation.PollPolicy  `json:"poll"`
}

// entryMembers are the names of an entry's members, for the remedy of a misspelled one.
const entryMembers = "url, transport, credential_ref, webhook_mode, webhook_format, brand_json_url and poll"

// parse reads and checks an entry. It returns a *validation.Error that names every wrong field.
func (r Register) parse(tenant, id string, body []byte) (Agent, error) {
	var c validation.Checks
	in, ok := readEntry(&c, tenant, body)
	if !ok {
		return Agent{}, c.Err()
	}
	if in.Transport == "" {
		in.Transport = adcp.MCP
	}
	if in.WebhookMode == "" {
		in.WebhookMode = operation.WebhookRFC9421
	}
	if !AgentIDForm().MatchString(id) {
		c.Add("id", validation.InvalidValue, "must match "+AgentIDForm().String(), "choose another id in the path")
	}
	if err := r.Checker.CheckURL(in.URL); err != nil {
		c.Add("url", validation.InvalidValue, "must be an address that can be called: "+err.Error(),
			"send the agent's public endpoint, for example https://sales.example.com/mcp")
	}
	if in.BrandURL != "" {
		if err := r.Checker.CheckURL(in.BrandURL); err != nil {
			c.Add("brand_json_url", validation.InvalidValue, "must be an address that can be fetched: "+err.Error(),
				"send the address of the agent's brand.json, or leave it out to have it discovered")
		}
	}
	if in.CredentialRef != "" && !credentialRef(tenant).MatchString(in.CredentialRef) {
		c.Add("credential_ref", validation.InvalidValue,
			"must name one of your secrets in Secrets Manager: adcp/"+tenant+"/<name>",
			"store the agent's token there and send the secret's name")
	}
	checkChoices(&c, in)
	checkPoll(&c, in.Poll)
	return Agent{Tenant: tenant, ID: id, URL: in.URL, Transport: in.Transport, CredentialRef: in.CredentialRef,
		WebhookMode: in.WebhookMode, WebhookFormat: in.WebhookFormat, BrandURL: in.BrandURL,
		Poll: in.Poll.WithDefaults()}, c.Err()
}

// readEntry decodes a body. ok is false if it is no entry at all.
func readEntry(c *validation.Checks, tenant string, body []byte) (in entry, ok bool) {
	if err := adcp.CheckObject(body); err != nil {
		c.Add("(body)", validation.MalformedBody, "must be one JSON object without duplicate keys: "+err.Error(),
			`send {"url": "https://...", "credential_ref": "adcp/`+tenant+`/..."}`)
		return in, false
	}
	d := json.NewDecoder(strings.NewReader(string(body)))
	d.DisallowUnknownFields()
	err := d.Decode(&in)
	var t *json.UnmarshalTypeError
	switch {
	case errors.As(err, &t):
		c.Add(t.Field, validation.InvalidValue, "must be "+kindName(t.Type.Kind().String())+", not a "+t.Value,
			"correct it")
	case err != nil:
		c.Add("(body)", validation.UnknownMember, "must be an entry: "+strings.TrimPrefix(err.Error(), "json: "),
			"the members are "+entryMembers)
	}
	return in, err == nil
}

// checkChoices checks the members that have a fixed set of values.
func checkChoices(c *validation.Checks, in entry) {
	if in.Transport != adcp.MCP && in.Transport != adcp.A2A {
		c.Add("transport", validation.InvalidValue, `must be "mcp" or "a2a"`, "leave it out for mcp")
	}
	switch in.WebhookMode {
	case operation.WebhookRFC9421, operation.WebhookHMAC, operation.WebhookBearer, operation.WebhookNone:
	default:
		c.Add("webhook_mode", validation.InvalidValue, `must be "rfc9421", "hmac-sha256", "bearer" or "none"`,
			"leave it out for rfc9421: the agent then signs with its published key")
	}
	switch in.WebhookFormat {
	case "", adcp.FormatMCP, adcp.FormatA2A:
	default:
		c.Add("webhook_format", validation.InvalidValue, `must be "mcp" or "a2a"`,
			"leave it out for mcp, the form of AdCP's own webhooks")
	}
}

// credentialRef matches the secrets of one tenant and no others (contract L6).
func credentialRef(tenant string) *regexp.Regexp {
	return regexp.MustCompile(`^adcp/` + regexp.QuoteMeta(tenant) + `/[A-Za-z0-9_+=.@-]{1,128}$`)
}

func checkPoll(c *validation.Checks, p operation.PollPolicy) {
	bound := func(name string, v, low, high float64) {
		if v != 0 && (v < low || v > high) {
			c.Add("poll."+name, validation.OutOfRange, fmt.Sprintf("must be from %g to %g", low, high),
				"choose a value in between, or leave it out")
		}
	}
	bound("interval_seconds", float64(p.IntervalSeconds), operation.MinInterval, operation.MaxInterval)
	bound("backoff_rate", p.BackoffRate, operation.MinBackoffRate, operation.MaxBackoffRate)
	bound("max_delay_seconds", float64(p.MaxDelaySeconds), operation.MinMaxDelay, operation.MaxMaxDelay)
}

// kindName names a Go kind in JSON's words.
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
