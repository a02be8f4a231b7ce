package validation

import (
	"fmt"
	"slices"
	"strings"
)

// Code identifies the kind of a fault for programs. The values are part of the API.
type Code string

// The codes of field errors. A 422 of the agent registry has its findings' codes instead.
const (
	MalformedBody Code = "malformed_body" // not one JSON object, or a member occurs twice
	UnknownMember Code = "unknown_member" // the object has no such member
	// UnknownParameter: the route has no such query parameter.
	UnknownParameter Code = "unknown_parameter"
	Required         Code = "required"      // the member is missing
	InvalidValue     Code = "invalid_value" // wrong type, wrong form, or none of the allowed values
	OutOfRange       Code = "out_of_range"  // a number, length or time outside of its bounds
	Reserved         Code = "reserved"      // the orchestrator sets it
	Immutable        Code = "immutable"     // it can't change any more
	UnknownAgent     Code = "unknown_agent" // the tenant has no agent of that id
	InUse            Code = "in_use"        // another operation has it
	KeyReused        Code = "key_reused"    // the idempotency key belongs to another payload
)

// FieldError names one wrong field, the kind of fault, the rule that the field breaks, and the
// remedy.
type FieldError struct {
	Field  string `json:"field"`
	Code   Code   `json:"code"`
	Rule   string `json:"rule"`
	Remedy string `json:"remedy"`
}

// Error names every wrong field of an input.
type Error struct {
	Fields []FieldError
	// Release is the release of AdCP that the input was checked against, "" for none.
	Release string

	more int // wrong fields that are not named
}

// Error returns all field errors in one line.
func (e *Error) Error() string {
	parts := make([]string, len(e.Fields))
	for i, f := range e.Fields {
		parts[i] = fmt.Sprintf("%s %s; %s", f.Field, f.Rule, f.Remedy)
	}
	return strings.Join(parts, ". ")
}

// maxFields is how many wrong fields one answer names: a body of a megabyte can have a hundred
// thousand, and an answer that names them all could not be delivered.
const maxFields = 50

// Checks collects field errors, so that one answer names them all.
type Checks struct {
	found []FieldError
	more  int // errors that are only counted
}

// Add records a field error.
func (c *Checks) Add(field string, code Code, rule, remedy string) {
	if c.full() {
		c.more++
		return
	}
	c.found = append(c.found, FieldError{Field: cutField(field), Code: code, Rule: rule, Remedy: remedy})
}

// AddUnknown records a member that an object does not have. The remedy begins with the member that
// was probably meant.
func (c *Checks) AddUnknown(object, name string, known []string, remedy string) {
	if c.full() { // whoever sends a hundred thousand does not make us compare them
		c.more++
		return
	}
	if near := Nearest(name, known); near != "" {
		remedy = "write " + Member(object, near) + " if you meant that; otherwise " + remedy
	}
	c.Add(Member(object, name), UnknownMember, "must be one of "+strings.Join(known, ", "), remedy)
}

// AddMore counts errors that are not named.
func (c *Checks) AddMore(n int) { c.more += n }

// Include takes over the errors of another check; nil has none.
func (c *Checks) Include(e *Error) {
	if e == nil {
		return
	}
	for _, f := range e.Fields {
		if f.Field != uncounted {
			c.Add(f.Field, f.Code, f.Rule, f.Remedy)
		}
	}
	c.more += e.more
}

// uncounted stands in the place of a field for those that are not named.
const uncounted = "(more)"

// Has reports whether an error of a field is recorded.
func (c *Checks) Has(field string) bool {
	return slices.ContainsFunc(c.found, func(f FieldError) bool { return f.Field == field })
}

func (c *Checks) full() bool { return len(c.found) >= maxFields }

// Err returns nil if nothing was added, else an *Error. It names the first 50 fields and counts
// the others.
func (c *Checks) Err() error {
	if len(c.found) == 0 {
		return nil
	}
	fields := slices.Clone(c.found)
	if c.more > 0 {
		fields = append(fields, FieldError{Field: uncounted, Code: InvalidValue,
			Rule:   fmt.Sprintf("must be correct: at least %d more values are not", c.more),
			Remedy: "correct the fields that are named and send it again, to see the others"})
	}
	return &Error{Fields: fields, more: c.more}
}
