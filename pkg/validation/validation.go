package validation

import (
	"fmt"
	"strings"
)

// FieldError names one wrong field, the rule that it breaks and what to do.
type FieldError struct {
	Field  string `json:"field"`
	Rule   string `json:"rule"`
	Remedy string `json:"remedy"`
}

// InvalidError names every wrong field of an input.
type Error struct{ Fields []FieldError }

func (e *Error) Error() string {
	parts := make([]string, len(e.Fields))
	for i, f := range e.Fields {
		parts[i] = fmt.Sprintf("%s: %s; %s", f.Field, f.Rule, f.Remedy)
	}
	return strings.Join(parts, ". ")
}

type Checks struct{ found []FieldError }

func (c *Checks) Add(field, rule, remedy string) {
	c.found = append(c.found, FieldError{field, rule, remedy})
}

func (c *Checks) Err() error {
	if len(c.found) == 0 {
		return nil
	}
	return &Error{Fields: c.found}
}
