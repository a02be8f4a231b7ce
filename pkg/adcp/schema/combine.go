package schema

import (
	"fmt"
	"slices"
	"strings"

	"adcp-orchestrator/pkg/validation"
)

// combined checks what several schemas say together.
func (c *checker) combined(n *node, v any, at *place, out *report) bool {
	valid := true
	for _, all := range n.AllOf {
		if valid = c.check(all, v, at, out) && valid; !valid && out == nil {
			return false
		}
	}
	if n.AnyOf != nil && c.fitting(n.AnyOf, v, 1) == 0 {
		if valid = false; out != nil {
			c.choose(n, n.AnyOf, v, at, out)
		}
	}
	if n.OneOf != nil {
		switch c.fitting(n.OneOf, v, 2) {
		case 0:
			if valid = false; out != nil {
				c.choose(n, n.OneOf, v, at, out)
			}
		case 2:
			valid = out.add(at, func() finding { return ambiguous(n.OneOf) })
		}
	}
	if n.Not != nil && (valid || out != nil) && c.check(n.Not, v, nil, nil) {
		valid = out.addAt(func() (*place, finding) { return c.not(n.Not, n.Required, v, at, out) })
	}
	return valid
}

// addAt is add for what also decides about the place.
func (r *report) addAt(wrong func() (*place, finding)) bool {
	if r == nil {
		return false
	}
	at, f := wrong()
	return r.add(at, func() finding { return f })
}

// fitting counts the alternatives that a value fits, up to a number that is enough.
func (c *checker) fitting(arms []*node, v any, enough int) (fit int) {
	for _, arm := range arms {
		if c.check(arm, v, nil, nil) {
			if fit++; fit == enough {
				return fit
			}
		}
	}
	return fit
}

// conditional checks if, then and else. What they require says why.
func (c *checker) conditional(n *node, v any, at *place, out *report) bool {
	if n.If == nil {
		return true
	}
	branch := n.Else
	holds := c.check(n.If, v, nil, nil)
	if holds {
		branch = n.Then
	}
	if branch == nil {
		return true
	}
	if out == nil {
		return c.check(branch, v, at, nil)
	}
	before := len(out.found)
	valid := c.check(branch, v, at, out)
	if because := condition(n.If); holds && because != "" {
		for i := before; i < len(out.found); i++ {
			if f := &out.found[i]; f.at == at || f.at.parent == at {
				f.Rule += because
			}
		}
	}
	return valid
}

// maxPerArm is how many findings of an alternative are looked at before another one is tried.
const maxPerArm = 20

// choose reports why a value fits no alternative: by the one that it resembles most.
func (c *checker) choose(n *node, arms []*node, v any, at *place, out *report) {
	if names := requirements(arms); names != nil {
		c.chooseRequired(arms, names, v, at, out)
		return
	}
	if len(out.found) >= out.limit { // only counted from here on: which alternative is the best is not asked
		out.add(at, func() finding { return finding{} })
		return
	}
	reports := make([]*report, len(arms))
	best, least := 0, 0
	for i, arm := range arms {
		reports[i] = newReport(maxPerArm, maxPerArm)
		c.check(arm, v, at, reports[i])
		if s := reports[i].misfit(at); i == 0 || s < least {
			best, least = i, s
		}
	}
	switch {
	case least >= otherType:
		out.add(at, func() finding { return wrongType(typesOf(reports, at)) })
	case n.Discriminator != "" && c.undecided(n.Discriminator, arms, reports, v, at, out):
	case least >= otherKind && c.undecided(discriminator(reports[best], at), arms, reports, v, at, out):
	case reports[best].full():
		c.check(arms[best], v, at, out) // once more, to count all
	default:
		out.take(reports[best], fmt.Sprintf(", or match another of %d alternatives", len(arms)))
	}
}

// chooseRequired reports why a value fits none of the alternatives, if they differ only in what
// they require: what is missing of the first one that is there in part, else of the first one.
func (c *checker) chooseRequired(arms []*node, names []string, v any, at *place, out *report) {
	members, _ := v.(map[string]any)
	has := func(name string) bool { _, has := members[name]; return has }
	lacks := func(name string) bool { return !has(name) }
	begun := func(n *node) bool { return slices.ContainsFunc(n.Required, has) }
	if slices.ContainsFunc(arms, func(n *node) bool { return !slices.ContainsFunc(n.Required, lacks) }) {
		out.add(at, func() finding { return ambiguous(arms) }) // they exclude each other
		return
	}
	i := max(slices.IndexFunc(arms, begun), 0)
	first := arms[i].Required[slices.IndexFunc(arms[i].Required, lacks)]
	out.add(at.member(first, out), func() finding { return oneRequired(names, i, first) })
}

// How badly a value fits an alternative, beside the number of findings.
const (
	otherType = 1_000_000 // it is of another type
	otherKind = 1_000     // a member that tells the alternatives apart says another one
)

func (r *report) misfit(at *place) (score int) {
	for _, f := range r.found {
		switch {
		case f.kind == isWrongType && f.at == at:
			score += otherType
		case f.kind == isWrongConstant && (f.at == at || f.at.parent == at && len(f.allowed) == 1):
			score += otherKind
		default:
			score++
		}
	}
	return score
}

// discriminator is the member of an alternative that says another one, "" if none does.
func discriminator(r *report, at *place) string {
	for _, f := range r.found {
		if f.kind == isWrongConstant && f.at.parent == at && f.at.index < 0 {
			return f.at.name
		}
	}
	return ""
}

// undecided reports the member that tells the alternatives apart, if it names none of them.
func (c *checker) undecided(name string, arms []*node, reports []*report, v any, at *place, out *report) bool {
	members, ok := v.(map[string]any)
	if !ok || name == "" {
		return false
	}
	value, given := members[name]
	var allowed []any
	for i, arm := range arms {
		for _, a := range c.constantsOf(arm, name) {
			if given && equal(a, value) { // it names this one
				out.take(reports[i], "")
				return true
			}
			if !slices.ContainsFunc(allowed, func(known any) bool { return equal(known, a) }) {
				allowed = append(allowed, a)
			}
		}
	}
	if allowed == nil {
		return false
	}
	here := at.member(name, out)
	if !given {
		return !out.add(here, func() finding {
			return finding{kind: isMissing, FieldError: validation.FieldError{Code: validation.Required,
				Rule: "must be given: one of " + texts(allowed), Remedy: defined}}
		})
	}
	return !out.add(here, func() finding { return wrongConstant(allowed, value, here) })
}

// constantsOf returns the values that an alternative allows for a member.
func (c *checker) constantsOf(n *node, name string) []any {
	for n.Ref != nil {
		n = c.doc.definition(*n.Ref)
	}
	if p := n.Properties[name]; p != nil {
		for p.Ref != nil {
			p = c.doc.definition(*p.Ref)
		}
		if p.constants {
			return p.allowed
		}
	}
	for _, all := range n.AllOf {
		if found := c.constantsOf(all, name); found != nil {
			return found
		}
	}
	return nil
}

// typesOf collects the types that the alternatives allow.
func typesOf(reports []*report, at *place) (all types) {
	for _, r := range reports {
		for _, f := range r.found {
			for _, t := range f.types {
				if f.at == at && !slices.Contains(all, t) {
					all = append(all, t)
				}
			}
		}
	}
	return all
}

// requirements are the members that each alternative requires, if the alternatives differ in
// nothing else; nil if they do.
func requirements(arms []*node) (names []string) {
	for _, arm := range arms {
		if !arm.requiresOnly() {
			return nil
		}
		names = append(names, strings.Join(arm.Required, " and "))
	}
	return names
}

// requiresOnly reports whether a schema says nothing but which members are required, or that some
// must not be there.
func (n *node) requiresOnly() bool {
	return n.Ref == nil && len(n.Required) > 0 && n.Properties == nil && n.AllOf == nil && n.AnyOf == nil &&
		n.OneOf == nil && n.If == nil && n.AdditionalProperties == nil && n.PatternProperties == nil
}

// not says what a value must not be, and where. beside are the members that the same schema
// requires: they exclude the others.
func (c *checker) not(n *node, beside []string, v any, at *place, out *report) (*place, finding) {
	for n.Ref != nil {
		n = c.doc.definition(*n.Ref)
	}
	for _, arm := range slices.Concat(n.AnyOf, n.OneOf) {
		if len(n.Required) == 0 && n.Properties == nil && c.check(arm, v, nil, nil) {
			return c.not(arm, beside, v, at, out)
		}
	}
	members, isObject := v.(map[string]any)
	if n.requiresOnly() && isObject {
		last := len(n.Required) - 1
		beside = slices.Concat(beside, n.Required[:last])
		rule := "must not be given here"
		if len(beside) > 0 {
			rule = "must not be given together with " + strings.Join(beside, " and ")
		}
		return at.member(n.Required[last], out), excluded(rule)
	}
	if isObject && len(n.Properties) == 1 {
		for name := range n.Properties {
			if _, has := members[name]; has {
				return at.member(name, out), excluded("must not have this value here")
			}
		}
	}
	return at, excluded("must not have this combination of members and values")
}
