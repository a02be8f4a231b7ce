package timeline

import (
	"math"
	"strings"
	"time"
	"unicode/utf8"

	"adcp-orchestrator/cmd/adcpctl/internal/show"
	"adcp-orchestrator/pkg/client"
)

// span is a time in one state.
type span struct {
	state    string
	from, to time.Time
	deadline bool // it passed within
}

// Bar draws the states of an operation in order, in at most width columns. Waiting is compressed:
// the width of a span grows with the logarithm of its length, and its length is written on it. "⚑"
// marks the deadline that passed. If there are more states than fit, the oldest are left out.
func Bar(op client.Operation, events []client.Event, now time.Time, width int) string {
	spans := spansOf(op, events, now)
	for len(spans) > 1 && need(spans) > width {
		spans = spans[1:]
	}
	room := max(width-need(spans), 0)
	total := 0.0
	for _, s := range spans {
		total += weight(s)
	}
	var b strings.Builder
	for i, s := range spans {
		if i > 0 {
			b.WriteString("▕")
		}
		b.WriteString(s.label())
		if total > 0 {
			n := int(float64(room) * weight(s) / total)
			fill := strings.Repeat("░", n/2)
			text := " " + s.length()
			b.WriteString(" " + fill + text + " ")
			if s.deadline {
				b.WriteString("⚑")
			}
			b.WriteString(strings.Repeat("░", n-n/2))
		} else {
			b.WriteString(" " + s.length())
		}
	}
	return b.String()
}

func (s span) label() string  { return " " + State(s.state) }
func (s span) length() string { return show.Span(s.to.Sub(s.from)) }

// need is how many columns spans take without any filling.
func need(spans []span) int {
	n := 0
	for _, s := range spans {
		n += utf8.RuneCountInString(s.label()) + len(s.length()) + 5
	}
	return n
}

// weight is how much of the free room a span gets: the logarithm of its length in quarters of an
// hour.
func weight(s span) float64 {
	return math.Log2(1 + max(s.to.Sub(s.from).Minutes(), 0)/15)
}

// spansOf cuts the time since the operation's creation where its state changed.
func spansOf(op client.Operation, events []client.Event, now time.Time) []span {
	end := now
	if op.Ended != nil {
		end = op.Ended.At
	}
	var spans []span
	state, from := "", op.CreatedAt
	if len(events) > 0 {
		state, from = events[0].From, events[0].At
	}
	cut := func(to string, at time.Time) {
		if state != "" && at.After(from) {
			spans = append(spans, span{state: state, from: from, to: at})
		}
		state, from = to, at
	}
	for _, e := range events {
		if e.To != state {
			cut(e.To, e.At)
		}
	}
	if op.Ended == nil {
		cut("", end)
	}
	for i, s := range spans {
		spans[i].deadline = op.Deadline.After(s.from) && !op.Deadline.After(s.to)
	}
	if len(spans) == 0 {
		spans = []span{{state: op.State, from: op.CreatedAt, to: op.CreatedAt}}
	}
	return spans
}
