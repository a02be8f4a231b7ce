package httpapi

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"adcp-orchestrator/pkg/validation"
)

// ETag is the entity tag of a version of a resource.
func ETag(version int64) string { return `"` + strconv.FormatInt(version, 10) + `"` }

// Unchanged reports whether If-None-Match names a version: the client has it already, and the
// answer is 304. The comparison is weak, as RFC 9110 wants it there. A header that can't be read
// names nothing.
func (r Request) Unchanged(version int64) bool {
	tags, err := readTags(r.Header.Values("If-None-Match"))
	return err == nil && tags.has(version, true)
}

// namesVersion reports whether If-None-Match names a version that the client knows.
func (r Request) namesVersion() bool {
	tags, err := readTags(r.Header.Values("If-None-Match"))
	return err == nil && slices.ContainsFunc(append(tags.strong, tags.weak...), func(tag string) bool {
		n, err := strconv.ParseInt(tag, 10, 64)
		return err == nil && tag == strconv.FormatInt(n, 10)
	})
}

// CheckVersion returns nil if If-Match names the version that a resource has, or if there is no
// If-Match and it is not required. Else it returns a Problem: 412, 428, or 400 for a header that
// can't be read. The comparison is strong: a weak tag names nothing.
func (r Request) CheckVersion(version int64, required bool) error {
	values := r.Header.Values("If-Match")
	if len(values) == 0 {
		if !required {
			return nil
		}
		return NewProblem(http.StatusPreconditionRequired, codePreconditionRequired,
			"send If-Match with the ETag of what you have read, so that nothing is decided on an older state",
			validation.FieldError{Field: "If-Match", Code: validation.Required, Rule: "must be sent",
				Remedy: "read the resource, and send its ETag"})
	}
	tags, err := readTags(values)
	if err != nil {
		return err
	}
	if tags.has(version, false) {
		return nil
	}
	return NewProblem(http.StatusPreconditionFailed, codeVersionMismatch, "it has changed since you read it: its ETag is "+
		ETag(version)+"; nothing was done", validation.FieldError{Field: "If-Match", Code: validation.InvalidValue,
		Rule: "must be the ETag that it has, in the strong form", Remedy: "read it again, and decide anew"})
}

// ifMatch returns the version that If-Match names: 0 without the header, and where any version will
// do. One that no resource has, such as a weak tag, is negative: it matches nothing.
func (r Request) ifMatch() (int64, error) {
	tags, err := readTags(r.Header.Values("If-Match"))
	if err != nil || tags.any || len(tags.strong)+len(tags.weak) == 0 {
		return 0, err
	}
	if len(tags.strong) == 0 {
		return -1, nil
	}
	version, err := strconv.ParseInt(tags.strong[0], 10, 64)
	if err != nil || version < 1 || len(tags.strong) > 1 {
		var c validation.Checks
		c.Add("If-Match", validation.InvalidValue, `must be one version in quotes, such as "47"`,
			"send the ETag as you got it, or leave the header out")
		return 0, c.Err()
	}
	return version, nil
}

// tags are the entity tags of a header; any is "*".
type tags struct {
	any          bool
	strong, weak []string // without the quotes
}

func (t tags) has(version int64, weakly bool) bool {
	if t.any {
		return true
	}
	want := strconv.FormatInt(version, 10)
	for _, s := range t.strong {
		if s == want {
			return true
		}
	}
	for _, w := range t.weak {
		if weakly && w == want {
			return true
		}
	}
	return false
}

// readTags reads a list of entity tags (RFC 9110, 8.8.3): "47", W/"47", "a", or *.
func readTags(values []string) (t tags, err error) {
	list := strings.Trim(strings.Join(values, ","), " \t")
	if list == "*" {
		return tags{any: true}, nil
	}
	for list = strings.TrimLeft(list, " \t,"); list != ""; list = strings.TrimLeft(list, " \t,") {
		rest, weak := strings.CutPrefix(list, "W/")
		opaque, after, ok := cutQuoted(rest)
		if !ok {
			var c validation.Checks
			c.Add("If-Match", validation.InvalidValue, `must be entity tags such as "47", separated by commas, or *`,
				"send the ETag as you got it, with its quotes")
			return tags{}, c.Err()
		}
		if weak {
			t.weak = append(t.weak, opaque)
		} else {
			t.strong = append(t.strong, opaque)
		}
		list = after
	}
	return t, nil
}

// cutQuoted cuts a quoted text off, which has no escapes. After it comes a comma or nothing.
func cutQuoted(s string) (text, after string, ok bool) {
	if !strings.HasPrefix(s, `"`) {
		return "", "", false
	}
	text, after, ok = strings.Cut(s[1:], `"`)
	after = strings.TrimLeft(after, " \t")
	return text, after, ok && (after == "" || after[0] == ',')
}
