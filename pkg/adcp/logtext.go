package adcp

import (
	"strings"
	"unicode"
)

// maxLogText is how many bytes of a counterparty's text our errors quote.
const maxLogText = 200

// LogText makes text that a counterparty may have chosen fit for a log line: one line, printable,
// at most 200 bytes and a mark that there was more (contract L13).
func LogText(s string) string {
	if len(s) > maxLogText {
		s = strings.ToValidUTF8(s[:maxLogText], "") + "…"
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, s)
}
