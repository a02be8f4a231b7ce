package adcp

import (
	"strings"
	"unicode"
)

// maxLogText is how many bytes of a counterparty's text our errors quote.
const maxLogText = 200

// LogText makes text that a counterparty may have chosen fit for a log line: one line, printable,
// at most 200 bytes and a mark that there was more (contract L13).
func LogText(s string) string { return oneLine(s, maxLogText) }

// maxTold is how many bytes of an agent's words a timeline shows.
const maxTold = 2000

// Words makes an agent's words fit for a timeline, as LogText does for logs: at most 2 KB.
func Words(s string) string { return oneLine(s, maxTold) }

func oneLine(s string, most int) string {
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "…"
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, s)
}
