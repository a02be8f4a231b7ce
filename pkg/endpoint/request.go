package endpoint

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	"adcp-orchestrator/pkg/digest"
	"adcp-orchestrator/pkg/notice"
	"adcp-orchestrator/pkg/validation"
)

// Change is what a tenant sends to make or change an endpoint. What is nil was not sent.
type Change struct {
	URL         *string   `json:"url,omitempty"`
	Description *string   `json:"description,omitempty"`
	Types       *[]string `json:"types,omitempty"`
	AgentID     *string   `json:"agent_id,omitempty"`
	State       *State    `json:"state,omitempty"`
}

// fingerprint identifies what was sent.
func (in Change) fingerprint() (string, error) {
	text, err := json.Marshal(in)
	if err != nil {
		return "", err
	}
	return digest.JSON(text)
}

const (
	maxDescription = 256 // characters
	maxTypes       = 50
	maxAgentID     = 128
	// MaxOverlap is how long a former secret may stay in use.
	MaxOverlap = 24 * time.Hour
	// DefaultOverlap is enough for a deployment of the receiver.
	DefaultOverlap = time.Hour
)

// Check records every wrong member of a creation or a change, but those that are recorded already.
func (m Manage) Check(c *validation.Checks, in Change, creation bool) {
	if creation && in.URL == nil && !c.Has("url") {
		c.Add("url", validation.Required, "must be the address that notices are sent to",
			`send {"url": "https://...", "types": ["operation.*"]}`)
	}
	if in.URL != nil && !c.Has("url") {
		if err := m.CheckURL(*in.URL); err != nil {
			c.Add("url", validation.InvalidValue, "must be an address that can be called: "+err.Error(),
				"send a public address with https, for example https://example.com/hooks/adcp")
		}
	}
	if d := in.Description; d != nil && *d != "" && !c.Has("description") && !validation.Line(*d, maxDescription) {
		c.Add("description", validation.InvalidValue,
			"must be at most "+strconv.Itoa(maxDescription)+" visible characters on one line", "choose a shorter, plain text")
	}
	if a := in.AgentID; a != nil && *a != "" && !c.Has("agent_id") && !validation.Line(*a, maxAgentID) {
		c.Add("agent_id", validation.InvalidValue, "must be the id of an agent", "leave it out for all agents")
	}
	if s := in.State; s != nil && *s != On && *s != Off && !c.Has("state") {
		c.Add("state", validation.InvalidValue, `must be "enabled" or "disabled"`, "correct it, or leave it out")
	}
	if in.Types != nil && !c.Has("types") {
		checkTypes(c, *in.Types)
	}
}

func checkTypes(c *validation.Checks, types []string) {
	if len(types) > maxTypes {
		c.Add("types", validation.OutOfRange, "must be at most "+strconv.Itoa(maxTypes),
			"choose whole families, as operation.*")
		return
	}
	for i, t := range types {
		if field := "types[" + strconv.Itoa(i) + "]"; !chooses(t) && !c.Has(field) {
			c.Add(field, validation.InvalidValue,
				"must be a type of notices, or the beginning of some with .* at its end",
				`choose from operation.*, webhook.*, agent.*, endpoint.*, or a type such as operation.completed`)
		}
	}
}

// chooses reports whether a filter has the form of one, and there are types that fall under it: a
// mistyped one would match nothing, for ever and without a word.
func chooses(filter string) bool {
	prefix, family := strings.CutSuffix(filter, "*")
	if family && prefix != "" && !strings.HasSuffix(prefix, ".") {
		return false
	}
	return slices.ContainsFunc(notice.Types(), func(t notice.Type) bool { return matches(filter, t) })
}
