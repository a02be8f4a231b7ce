package httpsig

import (
	"fmt"
	"unicode"
	"unicode/utf8"
)

// maxLoggable is how many bytes of an untrusted text a log line holds.
const maxLoggable = 32

// Loggable makes an untrusted text safe for a log line (contract F44). It keeps at most 32 bytes.
// From the first unprintable character on, it replaces the text by its length in bytes:
// "<sanitized:7>".
func Loggable(s string) string { return Printable(s, maxLoggable) }

// Printable is Loggable with a limit of maxBytes.
func Printable(s string, maxBytes int) string {
	for i, r := range s {
		if unprintable(r) || r == utf8.RuneError {
			return truncate(s[:i], maxBytes) + fmt.Sprintf("<sanitized:%d>", len(s)-i)
		}
	}
	return truncate(s, maxBytes)
}

// truncate shortens s without splitting a character.
func truncate(s string, maxBytes int) string {
	if len(s) <= maxBytes {
		return s
	}
	end := maxBytes
	for !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end]
}

// unprintable reports control characters, and invisible ones that reverse text or break lines.
func unprintable(r rune) bool {
	return unicode.IsControl(r) || r == 0x200e || r == 0x200f ||
		r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 ||
		r == 0x2028 || r == 0x2029 || r >= 0x200b && r <= 0x200d || r == 0xfeff
}
