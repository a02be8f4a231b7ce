// Package show writes what the API says for people: tables, times, and the words of counterparties.
// It is pure but for the writers that it is given.
package show

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// MaxWords is how much of an agent's text is shown, in bytes: 2 KB.
const MaxWords = 2048

// maxIndent is how far a line of theirs is indented at most.
const maxIndent = 20

// visible reports whether a rune may reach a terminal: no control character, no bidirectional or
// zero-width mark, no line or paragraph separator, nothing private.
func visible(r rune) bool {
	return r != utf8.RuneError && !unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Co, unicode.Cs)
}

// Line makes any text one line that a terminal shows as letters: what is not visible is dropped,
// white space becomes one space.
func Line(s string) string {
	var b strings.Builder
	space := false
	for _, r := range s {
		switch {
		case unicode.IsSpace(r):
			space = b.Len() > 0
		case visible(r):
			if space {
				b.WriteByte(' ')
				space = false
			}
			b.WriteRune(r)
		}
	}
	return b.String()
}

// Cut is Line with at most n runes.
func Cut(s string, n int) string {
	s = Line(s)
	if utf8.RuneCountInString(s) <= n {
		return s
	}
	return string([]rune(s)[:max(n-1, 0)]) + "…"
}

// Fence shows the words of a counterparty: each line behind a bar, wrapped, so that none of it can
// be taken for ours. It returns lines without line ends.
func Fence(words string, width int) []string {
	left := 0
	if len(words) > MaxWords {
		words, left = words[:MaxWords], len(words)-MaxWords
	}
	var lines []string
	for line := range strings.SplitSeq(strings.ReplaceAll(words, "\r\n", "\n"), "\n") {
		indent := min(len(line)-len(strings.TrimLeft(line, " ")), maxIndent) // of JSON, for example
		for _, part := range wrap(Line(line), max(width-4-indent, 20)) {
			lines = append(lines, strings.TrimRight("  | "+strings.Repeat(" ", indent)+part, " "))
		}
	}
	if left > 0 {
		lines = append(lines, "  (more of it: -o json)")
	}
	return lines
}

// wrap breaks a line at spaces, and a word that is too long anywhere.
func wrap(line string, width int) (lines []string) {
	current, n := "", 0
	flush := func() { lines, current, n = append(lines, current), "", 0 }
	for word := range strings.SplitSeq(line, " ") {
		r := []rune(word)
		for len(r) > width {
			if n > 0 {
				flush()
			}
			current = string(r[:width])
			flush()
			r = r[width:]
		}
		if n > 0 && n+1+len(r) > width {
			flush()
		}
		if n > 0 {
			current, n = current+" ", n+1
		}
		current, n = current+string(r), n+len(r)
	}
	flush()
	return lines
}

// EscapeJSON escapes, in a JSON text, the runes that a terminal could act on. The value stays the
// same: such runes can stand in strings only.
func EscapeJSON(raw []byte) []byte {
	if !needsEscape(raw) {
		return raw
	}
	const hex = "0123456789abcdef"
	out := make([]byte, 0, len(raw)+64)
	for i := 0; i < len(raw); {
		r, n := utf8.DecodeRune(raw[i:])
		if r < 0x20 || visible(r) {
			out = append(out, raw[i:i+n]...)
		} else {
			units := []rune{r}
			if r > 0xffff {
				r -= 0x10000
				units = []rune{0xd800 + r>>10, 0xdc00 + r&0x3ff}
			}
			for _, u := range units {
				out = append(out, '\\', 'u', hex[u>>12&15], hex[u>>8&15], hex[u>>4&15], hex[u&15])
			}
		}
		i += n
	}
	return out
}

func needsEscape(raw []byte) bool {
	for _, r := range string(raw) {
		if r >= 0x7f && !visible(r) {
			return true
		}
	}
	return false
}
