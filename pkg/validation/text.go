package validation

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Line reports whether s is a text that people can read and compare: 1 to maxChars characters on
// one line, not only blanks. Characters that can't be seen are refused, and those that turn other
// characters around: with them a name can be made to read as another (contract L13).
func Line(s string, maxChars int) bool {
	return strings.TrimSpace(s) != "" && utf8.RuneCountInString(s) <= maxChars && !strings.ContainsFunc(s, invisible)
}

// invisible reports control and format characters (bidirectional controls, zero-width characters,
// byte order marks), line and paragraph separators, and what stands for a text that was not UTF-8.
func invisible(r rune) bool {
	return r == utf8.RuneError || unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp)
}

// maxField is how much of a client's own name for a field is quoted, in bytes; maxPath is how long
// the whole name may become.
const (
	maxField = 64
	maxPath  = 512
)

// Member names a member of an object by its path. A name that is not made of letters, digits,
// hyphens and underscores is quoted, so that it can't be mistaken for a path.
func Member(object, name string) string {
	if !plain(name) {
		if len(name) > maxField {
			name = name[:maxField]
		}
		return object + "[" + strconv.QuoteToASCII(name) + "]"
	}
	if object == "" {
		return name
	}
	return object + "." + name
}

func plain(name string) bool {
	for i := range len(name) {
		b := name[i]
		letter := 'a' <= b && b <= 'z' || 'A' <= b && b <= 'Z'
		if !letter && !('0' <= b && b <= '9') && b != '_' && b != '-' {
			return false
		}
	}
	return name != "" && len(name) <= maxField
}

// cutField bounds the name of a field that a client has chosen.
func cutField(field string) string {
	if len(field) <= maxPath {
		return field
	}
	return strings.ToValidUTF8(field[:maxPath], "") + "..."
}
