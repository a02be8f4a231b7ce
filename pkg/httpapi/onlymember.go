package httpapi

import (
	"encoding/json"

	"adcp-orchestrator/pkg/validation"
)

// readOnly reads the one member that a body may have, a string, and reports all others.
func readOnly(c *validation.Checks, body []byte, name string) (value string) {
	var members map[string]json.RawMessage
	_ = json.Unmarshal(body, &members) // the caller has checked that it is an object
	for member, raw := range members {
		switch field := validation.Member("", member); {
		case c.Has(field):
		case member != name:
			c.Add(field, validation.UnknownMember, "must be a member of the body", "the only member is "+name)
		case json.Unmarshal(raw, &value) != nil:
			c.Add(field, validation.InvalidValue, "must be a string", "correct it")
		}
	}
	return value
}
