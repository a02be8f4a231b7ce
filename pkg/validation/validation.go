package validation

import (
	"fmt"
	"strings"
)

// Code identifies the kind of a fault for programs. The values are part of the API.
type Code string

// The codes of field errors. A 422 of the agent registry has its findings' codes instead.
const (
	MalformedBody Code = "malformed_body" // not one JSON object, or a member occurs twice
	UnknownMember Code = "unknown_member" // the object has no such member
	Required      Code = "required"       // the member is missing
	InvalidValue  Code = "invalid_value"  // wrong type, wrong form, or none of the allowed values
	OutOfRange    Code = "out_of_range"   // a number, length or time outside of its bounds
	Reserved      Code = "reserved"       // the orchestrator sets it
	Immutable     Code = "immutable"      // it can't change any more
	UnknownAgent  Code = "unknown_agent"  // the tenant has no agent of that id
	InUse         Code = "in_use"         // another operation has it
	KeyReused     Code = "key_reused"     // the idempotency key belongs to another payload
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
type Error struct{ Fields []FieldError }

// Error returns all field errors in one line.
func (e *Error) Error() string {
	parts := make([]string, len(e.Fields))
	for i, f := range e.Fields {
		parts[i] = fmt.Sprintf("%s %s; %s", f.Field, f.Rule, f.Remedy)
	}
	return strings.Join(parts, ". ")
}

// Checks collects field errors, so that one answer names them all.
type Checks struct{ found []FieldError }

// Add records a field error.
func (c *Checks) Add(field string, code Code, rule, remedy string) {
	c.found = append(c.found, FieldError{Field: field, Code: code, Rule: rule, Remedy: remedy})
}

// Err returns nil if nothing was added, else an *Error.
func (c *Checks) Err() error {
	if len(c.found) == 0 {
		return nil
	}
	return &Error{Fields: c.found}
}
