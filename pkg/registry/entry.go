package registry

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/validation"
)

// entry is the body of PUT /v1/agents/{id}.
type entry struct {
	URL           string
	Transport     adcp.Transport
	CredentialRef string
	Auth          operation.Auth
	WebhookMode   operation.WebhookMode
	WebhookFormat adcp.Format
	BrandURL      string
	Poll          operation.PollPolicy
}

// The names of the members of an entry and of its poll, for the remedy of a misspelled one.
const (
	entryMembers = "url, transport, credential_ref, auth, webhook_mode, webhook_format, brand_json_url and poll"
	pollMembers  = "interval_seconds, backoff_rate and max_delay_seconds"
)

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
	if err := r.Checker.CheckURL(in.URL); err != nil && !c.Has("url") {
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
	auth := r.checkAuth(&c, tenant, in)
	checkChoices(&c, in)
	checkPoll(&c, in.Poll)
	return Agent{Tenant: tenant, ID: id, URL: in.URL, Transport: in.Transport, CredentialRef: in.CredentialRef,
		Auth: auth, WebhookMode: in.WebhookMode, WebhookFormat: in.WebhookFormat, BrandURL: in.BrandURL,
		Poll: in.Poll.WithDefaults()}, c.Err()
}

// readEntry decodes a body. ok is false if it is no object at all. Names are exact: "URL" beside
// "url" would be read as one or the other.
func readEntry(c *validation.Checks, tenant string, body []byte) (in entry, ok bool) {
	if fault := adcp.ObjectFault(body); fault != "" {
		c.Add("(body)", validation.MalformedBody, fault,
			`send {"url": "https://...", "credential_ref": "adcp/`+tenant+`/..."}`)
		return in, false
	}
	c.AddBadValues(body) // first: "must be a number" would be a puzzle to the sender of 1e400
	var poll, auth json.RawMessage
	readMembers(c, "", body, entryMembers, map[string]target{
		"url":            {&in.URL, "a string"},
		"transport":      {&in.Transport, "a string"},
		"credential_ref": {&in.CredentialRef, "a string"},
		"auth":           {&auth, "an object"},
		"webhook_mode":   {&in.WebhookMode, "a string"},
		"webhook_format": {&in.WebhookFormat, "a string"},
		"brand_json_url": {&in.BrandURL, "a string"},
		"poll":           {&poll, "an object"},
	})
	in.Auth = readAuth(c, auth)
	if len(poll) > 0 && string(poll) != "null" {
		readMembers(c, "poll", poll, pollMembers, map[string]target{
			"interval_seconds":  {&in.Poll.IntervalSeconds, "a whole number"},
			"backoff_rate":      {&in.Poll.BackoffRate, "a number"},
			"max_delay_seconds": {&in.Poll.MaxDelaySeconds, "a whole number"},
		})
	}
	return in, true
}

// target is where a member is read into, and the type that it must have.
type target struct {
	into any
	kind string
}

// readMembers reads the members of an object, and records those that are unknown or of another
// type.
func readMembers(c *validation.Checks, path string, object json.RawMessage, known string, into map[string]target) {
	var members map[string]json.RawMessage
	if json.Unmarshal(object, &members) != nil {
		c.Add(path, validation.InvalidValue, "must be an object", "its members are "+known)
		return
	}
	for _, name := range slices.Sorted(maps.Keys(members)) {
		field := validation.Member(path, name)
		t, ok := into[name]
		switch {
		case c.Has(field):
		case !ok:
			c.AddUnknown(path, name, slices.Sorted(maps.Keys(into)), "leave it out")
		case json.Unmarshal(members[name], t.into) != nil:
			c.Add(field, validation.InvalidValue, "must be "+t.kind, "correct it, or leave it out")
		}
	}
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
