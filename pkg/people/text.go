// Package people writes what people read of what happens: a text for each notice that somebody has
// to act on, and once a day what still waits. The texts hold ids and times, and no words of agents:
// a mail is a good place to make somebody believe something.
package people

import (
	"fmt"
	"strings"
	"time"

	"adcp-orchestrator/pkg/endpoint"
	"adcp-orchestrator/pkg/notice"
)

// Texts writes texts. BaseURL is our public address.
type Texts struct{ BaseURL string }

// Of returns the text for people, if a person has to act on a notice.
func (x Texts) Of(n notice.Notice) (t endpoint.Text, ok bool) {
	text := n.Text(x.BaseURL)
	if !needsSomebody(n, text) {
		return t, false
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n\n", text.Body)
	line := func(name, value string) {
		if value != "" {
			fmt.Fprintf(&b, "%-10s %s\n", name, plain(value))
		}
	}
	line("waits for", text.WaitsFor)
	line("until", text.By)
	line("tenant", n.Facts.Tenant)
	line("operation", n.Facts.OperationID)
	line("agent", n.Facts.AgentID)
	line("at", n.At.UTC().Format(time.RFC3339))
	line("notice", n.ID)
	line("read it", text.Link)
	return endpoint.Text{Type: string(n.Type), Subject: subject(text.Title, n.Facts.Tenant), Body: b.String()}, true
}

// needsSomebody reports whether a person has to act, or may have to ask the agent. Whatever anybody
// may send to us without a signature makes no mail.
func needsSomebody(n notice.Notice, text notice.Text) bool {
	switch n.Type {
	case notice.Overdue:
		return true
	case notice.WebhookQuarantined:
		return n.Facts.Authentic != nil && *n.Facts.Authentic
	}
	return text.Who == notice.Person
}

// maxSubject is the longest subject that SNS takes, in characters.
const maxSubject = 99

func subject(what, tenant string) string {
	s := plain("AdCP: " + what + " (" + tenant + ")")
	return s[:min(len(s), maxSubject)]
}

// plain leaves visible ASCII characters and blanks. Ids have no others.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, s)
}
