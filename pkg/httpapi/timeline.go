package httpapi

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"adcp-orchestrator/pkg/operation"
)

const (
	// maxLines is how many events a timeline shows: the last ones.
	maxLines = 2000
	// quietTime is how long nothing happens before a timeline says so.
	quietTime = time.Minute
	// wordsWidth is how many characters of an agent's words stand in a line, wordsLines how many
	// lines.
	wordsWidth = 96
	wordsLines = 12
)

// timeline writes events to be read in a terminal: the day where it changes, the time in UTC, a
// sign for the direction, what happened, and who did it or how it was learned. Polls that brought
// nothing are counted in the pause that they lie in. It depends on nothing but its arguments, so
// the same version is always the same text.
func timeline(op operation.Operation, events []operation.Event) string {
	w := &timelineWriter{}
	fmt.Fprintf(&w.out, "%s%s with %s\n%s  %s, version %d%s\n", op.Type, spaced(op.PONumber), op.AgentID, op.ID, op.State,
		op.Version, task(op))
	if n := len(events) - maxLines; n > 0 {
		fmt.Fprintf(&w.out, "%s%d earlier events are left out\n", strings.Repeat(" ", 17), n)
		events = events[n:]
	}
	for _, e := range events {
		w.event(e)
	}
	w.pause(time.Time{})
	if a := op.Attention; a != nil {
		fmt.Fprintf(&w.out, "needs a person since %s: %s%s\n", moment(a.Since), a.Reason, detailOf(printable(a.Detail)))
	}
	if in := viewInputRequest(op); in != nil && op.NeedsInput() {
		fmt.Fprintf(&w.out, "%s asks (unchecked text of the agent):\n", op.AgentID)
		w.words("  ", strings.TrimSpace(in.Reason+"\n"+in.Message))
	}
	return w.out.String()
}

func spaced(s string) string {
	if s == "" {
		return ""
	}
	return " " + printable(s)
}

func task(op operation.Operation) (s string) {
	if op.TaskID != "" {
		s = ", task " + printable(op.TaskID)
	}
	if op.MediaBuyID != "" {
		s += ", media buy " + printable(op.MediaBuyID)
	}
	return s
}

func detailOf(detail string) string {
	if detail == "" {
		return ""
	}
	return ": " + detail
}

type timelineWriter struct {
	out   strings.Builder
	day   string
	last  time.Time // of the last line
	quiet int       // polls since then that brought nothing
	until time.Time // of the last one of these
}

// event writes a line, or counts a poll that brought nothing.
func (w *timelineWriter) event(e operation.Event) {
	if e.Channel == operation.ByPoll && e.AgentMessage == "" &&
		(e.Kind == operation.EventSeen || e.Kind == operation.EventIgnored) {
		w.quiet, w.until = w.quiet+1, e.At
		return
	}
	w.pause(e.At)
	day := e.At.UTC().Format("02 Jan")
	if day == w.day {
		day = "      "
	} else {
		w.day = day
	}
	line := fmt.Sprintf("%s %s  %s  %-44s", day, e.At.UTC().Format("15:04:05"), sign(e), what(e))
	w.out.WriteString(strings.TrimRight(line+"  "+who(e), " ") + "\n")
	if e.Detail != "" {
		w.out.WriteString(strings.Repeat(" ", 20) + printable(e.Detail) + "\n")
	}
	w.words(strings.Repeat(" ", 20), e.AgentMessage)
	w.last = e.At
}

// pause writes how long nothing happened before a time, or before the end if that is zero.
func (w *timelineWriter) pause(before time.Time) {
	if before.IsZero() {
		before = w.until
	}
	gap := before.Sub(w.last)
	if w.quiet > 0 || !w.last.IsZero() && gap >= quietTime {
		var parts []string
		if !w.last.IsZero() && gap >= time.Second {
			parts = append(parts, length(gap))
		}
		switch {
		case w.quiet == 1:
			parts = append(parts, "1 poll", "nothing new")
		case w.quiet > 1:
			parts = append(parts, strconv.Itoa(w.quiet)+" polls", "nothing new")
		}
		w.out.WriteString(strings.Repeat(" ", 17) + "┆  " + strings.Join(parts, ", ") + "\n")
	}
	w.quiet, w.until = 0, time.Time{}
}

// words writes what an agent said, fenced: no line of it can be taken for one of ours.
func (w *timelineWriter) words(indent, text string) {
	if text == "" {
		return
	}
	lines := 0
	for _, line := range strings.Split(strings.ReplaceAll(text, "\r\n", "\n"), "\n") {
		for line = printable(line); ; lines++ {
			if lines == wordsLines {
				w.out.WriteString(indent + "| …\n")
				return
			}
			head, rest := cut(line, wordsWidth)
			w.out.WriteString(strings.TrimRight(indent+"| "+head, " ") + "\n")
			if line = rest; line == "" {
				lines++
				break
			}
		}
	}
}

// cut divides a text behind so many characters.
func cut(s string, chars int) (head, rest string) {
	for n := range s {
		if chars == 0 {
			return s[:n], s[n:]
		}
		chars--
	}
	return s, ""
}

// printable shows a text that others wrote on one line: a character that a terminal acts on, that
// can't be seen, or that turns others around stands as its number.
func printable(s string) string {
	var b strings.Builder
	for _, r := range s {
		if r == ' ' || r != utf8.RuneError && unicode.IsPrint(r) {
			b.WriteRune(r)
		} else {
			fmt.Fprintf(&b, "<U+%04X>", r)
		}
	}
	return b.String()
}

// sign tells the direction: to the agent, from it, from a person, or by ourselves.
func sign(e operation.Event) string {
	switch e.Kind {
	case operation.EventCreated:
		return "+"
	case operation.EventCalling:
		return "→"
	case operation.EventNoAnswer:
		return "×"
	case operation.EventConflict, operation.EventAttention:
		return "!"
	case operation.EventInputAnswered:
		return "»"
	case operation.EventChanged, operation.EventSeen, operation.EventIgnored, operation.EventNews, operation.EventSnapshot:
		if e.Channel != operation.ByAPI && e.Channel != operation.ByOrchestrator {
			return "←"
		}
	}
	return "·"
}

// what says what happened, in our words.
func what(e operation.Event) string {
	text := strings.ReplaceAll(string(e.Kind), "_", " ")
	switch {
	case e.Kind == operation.EventChanged:
		text = strings.ReplaceAll(string(e.From), "_", " ") + " → " + strings.ReplaceAll(string(e.To), "_", " ")
	case e.Notification != nil:
		text += " " + printable(e.Notification.Type)
	case e.Buy != nil && e.Buy.Status != "":
		text += ", the buy is " + printable(e.Buy.Status)
	}
	return text
}

// who says who did it, or how it was learned.
func who(e operation.Event) string {
	if a := e.Actor; a != nil {
		name := printable(a.Name)
		if name == "" {
			name = printable(a.ID)
		}
		if a.OnBehalfOf != "" {
			name += " (claims: for " + printable(a.OnBehalfOf) + ")"
		}
		return name
	}
	switch e.Channel {
	case operation.ByAnswer:
		return "answer"
	case operation.ByOrchestrator:
		return ""
	}
	return string(e.Channel)
}

// length writes a duration with its two largest units.
func length(d time.Duration) string {
	d = d.Round(time.Second)
	days, hours := int(d/(24*time.Hour)), int(d/time.Hour)%24
	minutes, seconds := int(d/time.Minute)%60, int(d/time.Second)%60
	switch {
	case days > 0:
		return fmt.Sprintf("%dd%02dh", days, hours)
	case hours > 0:
		return fmt.Sprintf("%dh%02dm", hours, minutes)
	case minutes > 0:
		return fmt.Sprintf("%dm%02ds", minutes, seconds)
	}
	return fmt.Sprintf("%ds", seconds)
}

func moment(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }
