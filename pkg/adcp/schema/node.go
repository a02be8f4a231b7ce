package schema

import (
	"encoding/json"
	"regexp"
	"sync"
)

// node is a schema as the generator writes it. The names are JSON Schema's, except that Ref is the
// number of a definition, and that Also and Never stand for the look-aheads of a pattern.
type node struct {
	nothing   bool  // the schema false
	allowed   []any // of enum or const, if constants is set
	constants bool
	tells     []string // the members that must have one value: they tell alternatives apart

	Ref   *int            `json:"ref"`
	Types types           `json:"type"`
	Enum  []any           `json:"enum"`
	Const json.RawMessage `json:"const"`

	Minimum, Maximum                   *float64
	ExclusiveMinimum, ExclusiveMaximum *float64

	MinLength, MaxLength *int
	Format               string
	Pattern              string
	Also, Never          []string

	MinItems, MaxItems *int
	UniqueItems        bool
	Items, Contains    *node

	MinProperties, MaxProperties *int
	Required                     []string
	Properties                   map[string]*node
	PatternProperties            map[string]*node
	AdditionalProperties         *node
	PropertyNames                *node
	DependentRequired            map[string][]string
	DependentSchemas             map[string]*node

	AllOf, AnyOf, OneOf []*node
	Discriminator       string
	Not, If, Then, Else *node
}

// UnmarshalJSON reads a schema, which may be true or false.
func (n *node) UnmarshalJSON(b []byte) error {
	switch string(b) {
	case "true":
		return nil
	case "false":
		n.nothing = true
		return nil
	}
	type plain node
	if err := json.Unmarshal(b, (*plain)(n)); err != nil {
		return err
	}
	for name, p := range n.Properties {
		if len(p.allowed) == 1 {
			n.tells = append(n.tells, name)
		}
	}
	n.allowed, n.constants = n.Enum, n.Enum != nil
	if n.Const != nil {
		n.allowed, n.constants = make([]any, 1), true
		return json.Unmarshal(n.Const, &n.allowed[0])
	}
	return nil
}

// types is a set of JSON Schema's types; the empty set allows all.
type types []string

// UnmarshalJSON reads one type or a list.
func (t *types) UnmarshalJSON(b []byte) error {
	if b[0] == '"' {
		*t = types{""}
		return json.Unmarshal(b, &(*t)[0])
	}
	return json.Unmarshal(b, (*[]string)(t))
}

// patterns are the compiled regular expressions. There are no more than the schemas have.
var patterns sync.Map

// matches reports whether a text matches a pattern of the schemas.
func matches(pattern, text string) bool {
	if p, ok := patterns.Load(pattern); ok {
		return p.(*regexp.Regexp).MatchString(text)
	}
	p, err := regexp.Compile(pattern)
	if err != nil { // the generator has compiled each
		return true
	}
	patterns.Store(pattern, p)
	return p.MatchString(text)
}
