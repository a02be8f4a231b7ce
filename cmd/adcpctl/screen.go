package main

import (
	"context"
	"fmt"
	"strings"

	"adcp-orchestrator/cmd/adcpctl/internal/show"
	"adcp-orchestrator/cmd/adcpctl/internal/timeline"
	"adcp-orchestrator/pkg/client"
)

// screenLines is how many lines of the timeline a frame shows: the newest.
const screenLines = 24

// followOnScreen follows an operation on a terminal: each frame is drawn over the last one.
func (a *app) followOnScreen(ctx context.Context, c *client.Client, id string, w watching) error {
	keys := make(chan byte, 1)
	end := "\n"
	nextKey := func() {}
	if a.rawKeys != nil {
		readKey, restore, err := a.rawKeys()
		if err == nil {
			defer restore()
			end = "\r\n" // a raw terminal does not begin a new line by itself
			nextKey = func() {
				go func() {
					if key, err := readKey(); err == nil {
						keys <- key
					}
				}()
			}
			nextKey()
		}
	}
	type update struct {
		op     client.Doc[client.Operation]
		events []client.Doc[client.Event]
		err    error
	}
	updates := make(chan update)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		var u update
		var after int64
		for u.err == nil {
			u.op, u.events, u.err = a.step(ctx, c, id, u.op, after)
			if n := len(u.events); n > 0 {
				after = u.events[n-1].Value.Seq
			}
			select {
			case updates <- u:
			case <-ctx.Done():
				return
			}
		}
	}()
	var op client.Doc[client.Operation]
	var events []client.Event
	drawn := 0
	var note string
	for {
		select {
		case u := <-updates:
			if u.err != nil {
				return a.stopped(u.err, op.Value)
			}
			op = u.op
			for _, e := range u.events {
				events = append(events, e.Value)
			}
			note = ""
		case key := <-keys:
			again, text := a.pressed(ctx, c, id, key)
			if !again {
				return a.left(op.Value, key)
			}
			note = text
			nextKey()
		case <-ctx.Done():
			return a.stopped(ctx.Err(), op.Value)
		}
		if op.Value.ID == "" {
			continue
		}
		drawn = a.draw(a.frame(op.Value, events, note), drawn, end)
		if op.Value.HasEnded() || w.person && op.Value.NeedsPerson() {
			return done(codeOfState(op.Value))
		}
	}
}

// pressed does what a key asks for. It returns false for the keys that end watching.
func (a *app) pressed(ctx context.Context, c *client.Client, id string, key byte) (again bool, note string) {
	const interrupt, endOfText = 3, 4
	switch key {
	case 'q', 'a', interrupt, endOfText:
		return false, ""
	case 'p':
		d, err := c.Poll(ctx, id)
		if err != nil {
			return true, show.Cut(err.Error(), 100)
		}
		if n := d.Value.Next; n != nil {
			return true, words(show.Line(n.Action)) + " " + a.clock().Due(n.At)
		}
		return true, "asked"
	}
	return true, ""
}

// left is the outcome of a watch that a person has left.
func (a *app) left(o client.Operation, key byte) error {
	const interrupt = 3
	switch {
	case key == 'a':
		a.say("\r\nadcpctl answer %s", show.Line(o.ID))
	case key == interrupt:
		return context.Canceled
	}
	return done(codeOfState(o))
}

// draw writes a frame over the last one, which had so many lines, and returns how many this has.
func (a *app) draw(frame []string, over int, end string) int {
	var b strings.Builder
	if over > 0 {
		fmt.Fprintf(&b, "\x1b[%dA", over)
	}
	for _, line := range frame {
		b.WriteString("\r\x1b[2K" + line + end)
	}
	b.WriteString("\x1b[J")
	fmt.Fprint(a.out, b.String())
	return len(frame)
}

// frame is what a terminal shows of an operation. No line is wider than the terminal, so that a
// frame has as many rows as lines.
func (a *app) frame(o client.Operation, events []client.Event, note string) []string {
	width := a.textWidth()
	color := a.colors(a.outTTY)
	state := timeline.State(show.Line(o.State))
	if w := strings.TrimLeft(waitsFor(o).Text, " !"); w != "" && !o.HasEnded() {
		state += ", waits for " + w
	}
	head := show.Cut(strings.TrimSpace(o.Type+" "+o.PONumber)+" with "+o.AgentID, max(width-len(state)-2, 20))
	gap := max(2, width-len([]rune(head))-len([]rune(state)))
	frame := []string{show.Paint(color, show.Bold, head) + strings.Repeat(" ", gap) + show.Paint(color, stateColor(o),
		state),
		timeline.Bar(o, events, a.now(), width)}
	var b strings.Builder
	t := a.teller(&b)
	t.color = false
	for _, e := range events {
		t.tell(e)
	}
	if !o.HasEnded() {
		for _, l := range t.lines.Pending(a.now()) {
			t.line(l)
		}
	}
	lines := strings.Split(strings.TrimRight(b.String(), "\n"), "\n")
	if more := len(lines) - screenLines; more > 0 {
		lines = append([]string{fmt.Sprintf("… %d lines before: adcpctl ops events %s", more, show.Line(o.ID))},
			lines[more:]...)
	}
	for _, l := range lines {
		if r := []rune(l); len(r) > width {
			l = string(r[:width-1]) + "…"
		}
		frame = append(frame, l)
	}
	foot := "q quit, a answer, p poll now"
	if n := o.Next; n != nil && !o.HasEnded() {
		foot = "next: " + words(show.Line(n.Action)) + " " + a.clock().Due(n.At) + " | " + foot
	}
	if note != "" {
		foot = note + " | " + foot
	}
	if o.HasEnded() {
		foot = state
		if what := what(o, a.clock()); what != "" {
			foot += ", " + what
		}
	}
	return append(frame, show.Paint(color, show.Dim, show.Cut(foot, width)))
}
