// Package timeline tells the events of an operation: as lines, and as a bar in which waiting is
// compressed. It is pure.
package timeline

import (
	"fmt"
	"strings"
	"time"

	"adcp-orchestrator/cmd/adcpctl/internal/show"
	"adcp-orchestrator/pkg/client"
)

// Line is one line of a timeline. A quiet one has no time: it stands for waiting.
type Line struct {
	At   time.Time
	Mark string
	What string
	// Note is what there is to say about it: our own words.
	Note string
	// Agent is what the agent said: its own words.
	Agent string
	Quiet bool
}

// longSilence is how long nothing has to happen for the lines to say so.
const longSilence = time.Minute

// State is a state in words.
func State(s string) string {
	switch s {
	case client.Calling:
		return "calling"
	case client.InputRequired:
		return "needs input"
	case client.AuthRequired:
		return "needs sign-in"
	}
	return strings.ReplaceAll(s, "_", " ")
}

// Teller makes lines of events as they come. Its zero value begins with an operation's first.
type Teller struct {
	last  time.Time // the last line's
	calls int
	polls int // without news, since then
}

// Tell returns the lines of one more event: none if it is no news by itself.
func (t *Teller) Tell(e client.Event) []Line {
	if quiet(e) {
		t.polls++
		return nil
	}
	lines := t.Pending(e.At)
	if e.Kind == "calling" {
		t.calls++
	}
	t.last, t.polls = e.At, 0
	mark, what, note := t.words(e)
	return append(lines, Line{At: e.At, Mark: mark, What: what, Note: note, Agent: e.AgentMessage})
}

// Pending returns the line of the silence until now, if it is long enough to be one.
func (t *Teller) Pending(now time.Time) []Line {
	silence := now.Sub(t.last)
	if t.polls == 0 && (t.last.IsZero() || silence < longSilence) {
		return nil
	}
	what := show.Span(silence)
	switch {
	case t.polls == 1:
		what += ", 1 poll, nothing new"
	case t.polls > 1:
		what += fmt.Sprintf(", %d polls, nothing new", t.polls)
	}
	if t.last.IsZero() { // it begins within the silence
		_, what, _ = strings.Cut(what, ", ")
	}
	return []Line{{Mark: "┆", What: what, Quiet: true}}
}

// quiet reports whether an event is a poll without news.
func quiet(e client.Event) bool {
	return e.Channel == "poll" && e.AgentMessage == "" && (e.Kind == "seen" || e.Kind == "no_answer")
}

// words says what happened: a mark for its direction, what it was, and a note.
func (t *Teller) words(e client.Event) (mark, what, note string) {
	state := State(e.To)
	note = e.Detail
	if e.Reason != "" {
		note = strings.TrimPrefix(note+": "+e.Reason, ": ")
	}
	if name := actor(e.Actor); name != "" {
		note = strings.TrimPrefix(note+"; by "+name, "; ")
	}
	switch e.Kind {
	case "created":
		return "+", "submitted", note
	case "calling":
		return "→", fmt.Sprintf("call %d", t.calls), note
	case "attention":
		return "⚑", "needs attention", note
	case "conflict":
		return "!", "contradiction by " + e.Channel, note
	case "input_answered":
		return "✎", "input answered", note
	case "published":
		return "✓", "end published", note
	case "no_answer":
		return "→", "no answer", note
	case "changed", "seen":
		switch e.Channel {
		case "direct":
			return "→", "answer: " + state, note
		case "poll":
			return "↻", "poll: " + state, note
		case "webhook":
			return "←", "webhook: " + state, note
		}
		return "·", state, note
	case "ignored":
		return "·", e.Channel + " ignored", note
	}
	return "·", strings.ReplaceAll(e.Kind, "_", " "), note
}

func actor(a *client.Actor) string {
	if a == nil || a.Type == client.Agent || a.Type == client.Orchestrator {
		return ""
	}
	name := a.Name
	if name == "" {
		name = a.ID
	}
	if a.Type == "api_key" && name != "" {
		name += " (key)"
	}
	if a.OnBehalfOf != "" {
		name += " for " + a.OnBehalfOf + " (claimed)"
	}
	return name
}
