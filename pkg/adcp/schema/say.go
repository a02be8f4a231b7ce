package schema

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"adcp-orchestrator/pkg/validation"
)

// defined is the remedy of what has no better one; Check says where it is defined.
const defined = "send it as AdCP defines it"

func broken(rule, remedy string) finding {
	return finding{FieldError: validation.FieldError{Code: validation.InvalidValue, Rule: rule, Remedy: remedy}}
}

func excluded(rule string) finding { return broken(rule, "leave it out, or change what excludes it") }

func outOfRange(rule string) finding {
	return finding{FieldError: validation.FieldError{Code: validation.OutOfRange, Rule: rule,
		Remedy: "send a value within the bounds"}}
}

func tooFew(least int, what string) finding {
	return outOfRange("must have at least " + count(least, what))
}
func tooMany(most int, what string) finding {
	return outOfRange("must have at most " + count(most, what))
}

func count(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}

func missing(because string) finding {
	return finding{kind: isMissing, FieldError: validation.FieldError{Code: validation.Required,
		Rule: "must be given" + because, Remedy: defined}}
}

// oneRequired says that a member is missing, of one of several sets of members.
func oneRequired(sets []string, i int, member string) finding {
	rule := "must be given"
	if sets[i] != member {
		rule += " (" + sets[i] + ")"
	}
	for j, set := range sets {
		if j != i {
			rule += ", or " + set + " instead"
		}
	}
	return finding{kind: isMissing, FieldError: validation.FieldError{Code: validation.Required, Rule: rule,
		Remedy: "send one of them"}}
}

func ambiguous(arms []*node) finding {
	if names := requirements(arms); names != nil {
		return broken("must have only one of: "+strings.Join(names, ", "), "keep one of them")
	}
	return broken(fmt.Sprintf("must fit exactly one of %d alternatives, and fits several", len(arms)), defined)
}

func wrongType(allowed types) finding {
	f := broken("must be "+typeNames(allowed), "send a value of that type")
	f.kind, f.types = isWrongType, allowed
	return f
}

func typeNames(allowed types) string {
	names := make([]string, len(allowed))
	for i, t := range allowed {
		switch t {
		case "null":
			names[i] = "null"
		case "boolean":
			names[i] = "true or false"
		case "integer":
			names[i] = "a whole number"
		case "array":
			names[i] = "a list"
		case "object":
			names[i] = "an object"
		default:
			names[i] = "a " + t
		}
	}
	return strings.Join(names, " or ")
}

func wrongConstant(allowed []any, v any, at *place) finding {
	rule, remedy := "must be "+texts(allowed), "send that value"
	if len(allowed) > 1 {
		rule, remedy = "must be one of "+texts(allowed), "send one of these values"
	}
	if s, ok := v.(string); ok {
		for _, a := range allowed {
			if right, _ := a.(string); right != "" && strings.EqualFold(s, right) {
				remedy = "write it as " + texts([]any{right})
			}
		}
	}
	f := broken(rule, remedy)
	f.kind, f.allowed = isWrongConstant, allowed
	return f
}

// maxTexts is how many of the allowed values are named.
const maxTexts = 16

// texts names values of a schema.
func texts(values []any) string {
	var named []string
	for i, v := range values {
		if i == maxTexts {
			return strings.Join(named, ", ") + fmt.Sprintf(" or %d others that AdCP lists", len(values)-maxTexts)
		}
		text, err := json.Marshal(v)
		if err != nil || len(text) > 64 {
			text = []byte("another value that AdCP lists")
		}
		named = append(named, string(text))
	}
	return strings.Join(named, ", ")
}

func wrongFormat(format string) finding {
	switch format {
	case "date-time":
		return broken("must be a date and time with an offset (RFC 3339)", "send for example 2027-04-01T00:00:00Z")
	case "date":
		return broken("must be a date, YYYY-MM-DD", "send for example 2027-04-01")
	case "uri":
		return broken("must be an absolute URI, with its scheme", "send for example https://example.com/")
	}
	return broken("must be an email address", "send for example jane@acme.example")
}

// wrongPattern says which form a text must have. If only its case is wrong, the remedy has the text
// as it must be.
func wrongPattern(n *node, s string, at *place) finding {
	remedy := defined
	if len(s) <= maxQuoted && !at.secret() {
		for _, other := range []string{strings.ToUpper(s), strings.ToLower(s)} {
			if hasForm(n, other) {
				remedy = "write it as " + texts([]any{other})
			}
		}
	}
	return broken("must "+form(n.Pattern), remedy)
}

// maxQuoted is the longest value of a client that is quoted, in bytes.
const maxQuoted = 40

// form says in words what a pattern means, as far as it is a frequent one.
func form(pattern string) string {
	switch pattern {
	case `^[A-Z]{3}$`:
		return "be three capital letters, such as USD"
	case `^[A-Z]{2}$`:
		return "be two capital letters, such as US"
	case `^[a-z]{2}$`:
		return "be two small letters, such as en"
	case `[^\t-\r\p{Zs}\x{2028}\x{2029}\x{feff}]`:
		return "have a character that is not blank"
	case `^https://`:
		return "begin with https://"
	case `^\d{4}-\d{2}-\d{2}$`:
		return "be a date, YYYY-MM-DD"
	case `^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$`:
		return "be a domain name in small letters, such as example.com"
	}
	if len(pattern) > 80 {
		return "have the form that AdCP defines"
	}
	return "match " + pattern
}

// secret reports whether a place is in something that may be a secret, by its name: nothing of that
// is quoted.
func (p *place) secret() bool {
	for ; p != nil && p.parent != nil; p = p.parent {
		name := strings.ToLower(p.name)
		for _, part := range []string{"token", "secret", "credential", "password", "auth", "key"} {
			if strings.Contains(name, part) {
				return true
			}
		}
	}
	return false
}

func unknownMember(n *node, name string) finding {
	remedy := "leave it out"
	if _, ext := n.Properties["ext"]; ext {
		remedy = "leave it out, or put it into ext"
	}
	if like := similar(name, n.Properties); like != "" {
		remedy = "write " + like + ", or leave it out"
	}
	f := broken("must not be there: AdCP defines no such member here", remedy)
	f.Code = validation.UnknownMember
	return f
}

// similar returns the member that a client may have meant, "" if there is none.
func similar(name string, members map[string]*node) string {
	const most = 2 // letters that differ
	best, least := "", most+1
	for known := range members {
		if len(name) > 64 || len(known) < 4 || abs(len(known)-len(name)) > most {
			continue
		}
		if d := distance(name, known); d < least || d == least && known < best {
			best, least = known, d
		}
	}
	return best
}

func abs(n int) int { return max(n, -n) }

// distance is the number of letters in which two words differ (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		left := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := left
			if a[i] != b[j] {
				cost++
			}
			left = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

func (c *checker) wrongName(n *node) finding {
	for n.Ref != nil {
		n = c.doc.definition(*n.Ref)
	}
	rule := "must have a name that AdCP allows here"
	switch {
	case n.constants:
		rule = "must have one of these names: " + texts(n.allowed)
	case n.Pattern != "":
		rule = "must have a name that must " + form(n.Pattern)
	}
	f := broken(rule, "correct the name")
	f.Code = validation.UnknownMember
	return f
}

// condition says in words when an if holds, "" if that takes more than a few.
func condition(n *node) string {
	if n.Ref != nil || n.AllOf != nil || n.AnyOf != nil || n.OneOf != nil || n.Not != nil || len(n.Required) != 1 {
		return ""
	}
	name := n.Required[0]
	switch p := n.Properties[name]; {
	case len(n.Properties) == 0:
		return " when " + name + " is given"
	case len(n.Properties) == 1 && p != nil && p.constants && !slices.Contains(p.allowed, nil):
		return " when " + name + " is " + texts(p.allowed)
	}
	return ""
}
