package httpapi

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/validation"
)

// errTooLarge is the answer to a body that is not even parsed.
var errTooLarge = NewProblem(http.StatusRequestEntityTooLarge, codeTooLarge, "a body holds at most 1 MiB",
	validation.FieldError{Field: "(body)", Code: validation.OutOfRange, Rule: "must be at most 1048576 bytes long",
		Remedy: "send less at once"})

// member is where a member of a body is read into, and the kind of value that it must have, as "a
// string".
type member struct {
	into any
	kind string
}

// readObject reads a body of ours: one object with these members, none of which is required here.
// It records every wrong one. form is an example of the body. ok is false if it is no object at
// all.
func readObject(c *validation.Checks, body []byte, form string, members map[string]member) (ok bool) {
	if fault := adcp.ObjectFault(body); fault != "" {
		c.Add("(body)", validation.MalformedBody, fault, "send "+form)
		return false
	}
	c.AddBadValues(body)
	var all map[string]json.RawMessage
	if json.Unmarshal(body, &all) != nil {
		c.Add("(body)", validation.MalformedBody, "must be one JSON object", "send "+form)
		return false
	}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		m, known := members[name]
		switch {
		case c.Has(validation.Member("", name)):
		case !known:
			c.AddUnknown("", name, slices.Sorted(maps.Keys(members)), "leave it out")
		case json.Unmarshal(all[name], m.into) != nil:
			c.Add(name, validation.InvalidValue, "must be "+m.kind, "correct it: send "+form)
		}
	}
	return true
}
