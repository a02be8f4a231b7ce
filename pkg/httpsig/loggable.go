package httpsig

import (
	"fmt"
	"unicode"
	"unicode/utf8"
)

// maxLoggable is how much of a text from outside goes into a log.
const maxLoggable = 32

// Loggable makes a text from outside fit for a log line (contract F44): what follows the first character that doesn't print is replaced by how many bytes
// it was, and at most 32 bytes stay.
func Loggable(s string) string { return Printable(s, maxLoggable) }

// Printable is Loggable with another length than a log's.
func Printable(s string, most int) string {
	for i, r := range s {
		if unprintable(r) || r == utf8.RuneError {
			return cut(s[:i], most) + fmt.Sprintf("<sanitized:%d>", len(s)-i)
		}
	}
	return cut(s, most)
}

// cut shortens s at the end of a character.
func cut(s string, most int) string {
	if len(s) <= most {
		return s
	}
	end := most
	for !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end]
}

// unprintable: controls, and the invisible characters that turn text around or break lines.
func unprintable(r rune) bool {
	return unicode.IsControl(r) || r == 0x200e || r == 0x200f || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 ||
		r == 0x2028 || r == 0x2029 || r >= 0x200b && r <= 0x200d || r == 0xfeff
}
