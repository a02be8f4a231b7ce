package schema

import (
	"fmt"
	"maps"
	"slices"
)

// checker checks one value. With a report it finds everything that is wrong, without one it stops
// at the first.
type checker struct {
	doc   *document
	steps int
}

// maxSteps bounds the work for one request, in schemas that are applied to values. A request of a
// megabyte takes some two million.
const maxSteps = 50_000_000

// valid reports whether a whole request is valid. One that takes too long to check is not.
func (c *checker) valid(n *node, request map[string]any) bool {
	return c.check(n, request, nil, nil) && c.steps <= maxSteps
}

// check reports whether a value is valid, and adds what is wrong to a report unless that is nil.
func (c *checker) check(n *node, v any, at *place, out *report) bool {
	for n.Ref != nil {
		n = c.doc.definition(*n.Ref)
	}
	if c.steps++; c.steps > maxSteps {
		return true // Check reports it
	}
	if n.nothing {
		return out.add(at, func() finding { return excluded("must not be given here") })
	}
	if !n.Types.allow(v) { // the other keywords would repeat it
		return out.add(at, func() finding { return wrongType(n.Types) })
	}
	ok := true
	if n.constants && !slices.ContainsFunc(n.allowed, func(a any) bool { return equal(a, v) }) {
		ok = out.add(at, func() finding { return wrongConstant(n.allowed, v, at) })
	}
	for _, part := range [...]func(*node, any, *place, *report) bool{
		c.scalar, c.array, c.object, c.combined, c.conditional,
	} {
		if !ok && out == nil {
			return false
		}
		ok = part(n, v, at, out) && ok
	}
	return ok
}

// scalar checks a number or a text.
func (c *checker) scalar(n *node, v any, at *place, out *report) bool {
	if text, ok := v.(string); ok {
		return c.text(n, text, at, out)
	}
	f, ok := number(v)
	if !ok {
		return true
	}
	valid := true
	bound := func(limit *float64, broken bool, rule string) {
		if broken {
			valid = out.add(at, func() finding { return outOfRange(fmt.Sprintf("must be %s %v", rule, *limit)) })
		}
	}
	bound(n.Minimum, n.Minimum != nil && f < *n.Minimum, "at least")
	bound(n.Maximum, n.Maximum != nil && f > *n.Maximum, "at most")
	bound(n.ExclusiveMinimum, n.ExclusiveMinimum != nil && f <= *n.ExclusiveMinimum, "more than")
	bound(n.ExclusiveMaximum, n.ExclusiveMaximum != nil && f >= *n.ExclusiveMaximum, "less than")
	return valid
}

func (c *checker) text(n *node, s string, at *place, out *report) bool {
	switch {
	case n.MinLength != nil && len(s) < 4**n.MinLength && length(s) < *n.MinLength:
		return out.add(at, func() finding { return tooFew(*n.MinLength, "character") })
	case n.MaxLength != nil && len(s) > *n.MaxLength && length(s) > *n.MaxLength:
		return out.add(at, func() finding { return tooMany(*n.MaxLength, "character") })
	case n.Format != "" && !hasFormat(n.Format, s):
		return out.add(at, func() finding { return wrongFormat(n.Format) })
	case !hasForm(n, s):
		return out.add(at, func() finding { return wrongPattern(n, s, at) })
	}
	return true
}

// hasForm reports whether a text has a schema's pattern.
func hasForm(n *node, s string) bool {
	fits := func(pattern string) bool { return matches(pattern, s) }
	return (n.Pattern == "" || fits(n.Pattern)) && !slices.ContainsFunc(n.Never, fits) &&
		!slices.ContainsFunc(n.Also, func(p string) bool { return !fits(p) })
}

func (c *checker) array(n *node, v any, at *place, out *report) bool {
	list, ok := v.([]any)
	if !ok {
		return true
	}
	valid := true
	switch {
	case n.MinItems != nil && len(list) < *n.MinItems:
		valid = out.add(at, func() finding { return tooFew(*n.MinItems, "element") })
	case n.MaxItems != nil && len(list) > *n.MaxItems:
		valid = out.add(at, func() finding { return tooMany(*n.MaxItems, "element") })
	}
	if n.UniqueItems {
		if i := duplicate(list); i >= 0 {
			valid = out.add(at.element(i, out), func() finding {
				return broken("must not be in the list twice", "leave one of the two out")
			})
		}
	}
	if n.Contains != nil && !slices.ContainsFunc(list, func(e any) bool { return c.check(n.Contains, e, nil, nil) }) {
		valid = out.add(at, func() finding {
			return broken("must have an element of the kind that is required here", "add one")
		})
	}
	if n.Items == nil {
		return valid
	}
	for i, e := range list {
		if !valid && out == nil {
			return false
		}
		valid = c.check(n.Items, e, at.element(i, out), out) && valid
	}
	return valid
}

func (c *checker) object(n *node, v any, at *place, out *report) bool {
	members, ok := v.(map[string]any)
	if !ok {
		return true
	}
	valid := c.required(members, n.Required, "", at, out)
	for _, name := range slices.Sorted(maps.Keys(n.DependentRequired)) {
		if _, has := members[name]; has {
			valid = c.required(members, n.DependentRequired[name], " together with "+name, at, out) && valid
		}
	}
	switch {
	case n.MinProperties != nil && len(members) < *n.MinProperties:
		valid = out.add(at, func() finding { return tooFew(*n.MinProperties, "member") })
	case n.MaxProperties != nil && len(members) > *n.MaxProperties:
		valid = out.add(at, func() finding { return tooMany(*n.MaxProperties, "member") })
	}
	if !valid && out == nil {
		return false
	}
	for _, name := range slices.Sorted(maps.Keys(n.DependentSchemas)) {
		if _, has := members[name]; has {
			valid = c.check(n.DependentSchemas[name], v, at, out) && valid
		}
	}
	return c.members(n, members, at, out) && valid
}

func (c *checker) required(members map[string]any, names []string, because string, at *place, out *report) bool {
	valid := true
	for _, name := range names {
		if _, has := members[name]; !has {
			valid = out.add(at.member(name, out), func() finding { return missing(because) })
		}
	}
	return valid
}

// members checks an object's members, in the order of their names if they are reported.
func (c *checker) members(n *node, members map[string]any, at *place, out *report) bool {
	if n.Properties == nil && n.PatternProperties == nil && n.AdditionalProperties == nil && n.PropertyNames == nil {
		return true
	}
	if out == nil {
		for _, name := range n.tells { // the cheapest first: most alternatives end here
			if v, has := members[name]; has && !c.check(n.Properties[name], v, nil, nil) {
				return false
			}
		}
		for name, v := range members {
			if !c.member(n, name, v, at, nil) {
				return false
			}
		}
		return true
	}
	valid := true
	for _, name := range slices.Sorted(maps.Keys(members)) {
		valid = c.member(n, name, members[name], at, out) && valid
	}
	return valid
}

func (c *checker) member(n *node, name string, v any, at *place, out *report) bool {
	here := at.member(name, out)
	p, known := n.Properties[name]
	valid := !known || c.check(p, v, here, out)
	for pattern, p := range n.PatternProperties {
		if matches(pattern, name) {
			known = true
			valid = c.check(p, v, here, out) && valid
		}
	}
	switch {
	case known || n.AdditionalProperties == nil:
	case n.AdditionalProperties.nothing:
		return out.add(here, func() finding { return unknownMember(n, name) })
	default:
		valid = c.check(n.AdditionalProperties, v, here, out) && valid
	}
	if n.PropertyNames != nil && !c.check(n.PropertyNames, name, nil, nil) {
		valid = out.add(here, func() finding { return c.wrongName(n.PropertyNames) })
	}
	return valid
}
