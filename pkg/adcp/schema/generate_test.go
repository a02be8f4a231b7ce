package schema

import (
	"encoding/json"
	"maps"
	"math/rand/v2"
	"regexp/syntax"
	"slices"
	"strings"
)

// maker makes values that mostly fit a schema, and changes them so that they mostly do not.
type maker struct {
	doc    *document
	random *rand.Rand
}

// make returns a value for a schema. deep ends optional members.
func (m maker) make(n *node, v any, deep int) any {
	for n.Ref != nil {
		n = m.doc.definition(*n.Ref)
	}
	if n.constants {
		return n.allowed[m.random.IntN(len(n.allowed))]
	}
	v = m.plain(n, v, deep)
	for _, all := range n.AllOf {
		v = m.make(all, v, deep)
	}
	for _, arms := range [][]*node{n.AnyOf, n.OneOf} {
		if arms != nil {
			v = m.make(arms[m.random.IntN(len(arms))], v, deep)
		}
	}
	c := checker{doc: m.doc}
	switch {
	case n.If == nil:
	case n.Then != nil && c.check(n.If, v, nil, nil):
		v = m.make(n.Then, v, deep)
	case n.Else != nil && !c.check(n.If, v, nil, nil):
		v = m.make(n.Else, v, deep)
	}
	return v
}

func (m maker) plain(n *node, v any, deep int) any {
	kind := ""
	switch {
	case len(n.Types) > 0:
		kind = n.Types[m.random.IntN(len(n.Types))]
	case v != nil:
		kind = typeOf(v)
	case n.Properties != nil || n.Required != nil:
		kind = "object"
	}
	switch kind {
	case "string":
		return m.text(n)
	case "number", "integer":
		f := float64(m.random.IntN(50))
		if n.Minimum != nil {
			f += *n.Minimum
		}
		if n.ExclusiveMinimum != nil {
			f += *n.ExclusiveMinimum + 1
		}
		if n.Maximum != nil && f > *n.Maximum {
			f = *n.Maximum
		}
		return f
	case "boolean":
		return m.random.IntN(2) == 0
	case "array":
		return m.list(n, v, deep)
	case "object":
		return m.object(n, v, deep)
	}
	return v
}

func (m maker) list(n *node, v any, deep int) any {
	list, _ := v.([]any)
	least := 1
	if n.MinItems != nil {
		least = *n.MinItems
	}
	if n.Items != nil {
		for i := range list {
			list[i] = m.make(n.Items, list[i], deep+1)
		}
		for len(list) < least {
			list = append(list, m.make(n.Items, nil, deep+1))
		}
	}
	if list == nil {
		return []any{}
	}
	return list
}

func (m maker) object(n *node, v any, deep int) any {
	members, _ := v.(map[string]any)
	if members == nil {
		members = map[string]any{}
	}
	for _, name := range slices.Sorted(maps.Keys(n.Properties)) {
		_, has := members[name]
		if p := n.Properties[name]; !p.nothing && (has || slices.Contains(n.Required, name) || m.random.IntN(4+3*deep) == 0) {
			members[name] = m.make(p, members[name], deep+1)
		}
	}
	for _, name := range n.Required {
		if members[name] == nil && n.Properties[name] == nil {
			members[name] = map[string]any{}
		}
	}
	return members
}

func (m maker) text(n *node) any {
	switch n.Format {
	case "date-time":
		return "2027-04-01T00:00:00Z"
	case "date":
		return "2027-04-01"
	case "uri":
		return "https://example.com/a"
	case "email":
		return "jane@acme.example"
	}
	s := "text"
	if n.Pattern != "" {
		re, err := syntax.Parse(n.Pattern, syntax.Perl)
		if err != nil {
			panic(err)
		}
		s = m.matching(re)
	}
	for n.MinLength != nil && length(s) < *n.MinLength {
		s += "0"
	}
	return s
}

// matching returns a text that a pattern matches.
func (m maker) matching(re *syntax.Regexp) string {
	var b strings.Builder
	switch re.Op {
	case syntax.OpLiteral:
		b.WriteString(string(re.Rune))
	case syntax.OpCharClass:
		i := 2 * m.random.IntN(len(re.Rune)/2)
		b.WriteRune(re.Rune[i] + rune(m.random.IntN(int(min(re.Rune[i+1]-re.Rune[i]+1, 20)))))
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		b.WriteByte('x')
	case syntax.OpConcat, syntax.OpCapture:
		for _, sub := range re.Sub {
			b.WriteString(m.matching(sub))
		}
	case syntax.OpAlternate:
		return m.matching(re.Sub[m.random.IntN(len(re.Sub))])
	case syntax.OpStar, syntax.OpPlus, syntax.OpQuest, syntax.OpRepeat:
		least := re.Min
		if re.Op == syntax.OpPlus {
			least = 1
		}
		if re.Op == syntax.OpQuest || re.Op == syntax.OpStar {
			least = m.random.IntN(2)
		}
		for range least {
			b.WriteString(m.matching(re.Sub[0]))
		}
	}
	return b.String()
}

// change changes one value somewhere inside.
func (m maker) change(v any) any {
	switch v := v.(type) {
	case map[string]any:
		names := slices.Sorted(maps.Keys(v))
		if len(names) == 0 || m.random.IntN(12) == 0 {
			v["unknown_member"] = m.any()
			return v
		}
		name := names[m.random.IntN(len(names))]
		switch m.random.IntN(6) {
		case 0:
			delete(v, name)
		case 1:
			v[name] = m.any()
		default:
			v[name] = m.change(v[name])
		}
		return v
	case []any:
		if len(v) == 0 || m.random.IntN(6) == 0 {
			return append(v, m.any())
		}
		i := m.random.IntN(len(v))
		if m.random.IntN(8) == 0 {
			return append(v, v[i])
		}
		v[i] = m.change(v[i])
		return v
	}
	return m.any()
}

func (m maker) any() any {
	values := []any{nil, true, "", "usd", "USD", "https://example.com", strings.Repeat("x", 300), -1.0, 0.0, 0.5, 1e9,
		json.Number("1e400"), []any{}, []any{nil}, map[string]any{}, map[string]any{"type": "x"}}
	return values[m.random.IntN(len(values))]
}

// again is a value as it is decoded from JSON, of which nothing is shared.
func again(v any) (any, []byte) {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	r, err := Read(b)
	if err != nil {
		panic(err)
	}
	return r.members, b
}
