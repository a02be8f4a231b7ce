package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"adcp-orchestrator/cmd/adcpctl/internal/show"
	"adcp-orchestrator/cmd/adcpctl/internal/timeline"
	"adcp-orchestrator/pkg/client"
)

// watching is how an operation is followed.
type watching struct {
	// wait is how long at most, 0 for ever.
	wait time.Duration
	// person: a person who is needed ends it.
	person bool
}

func newWatch(a *app) *cobra.Command {
	var until string
	cmd := &cobra.Command{Use: "watch OP", Short: "follow an operation until it ends", Args: oneArg,
		Long: "Follows an operation: redrawn in place on a terminal, one line for each event elsewhere. It ends with the\n" +
			"operation, or, unless --until=ended, as soon as a person is needed; on a terminal it goes on then.\n" +
			"Keys: q quit, a answer, p poll now.",
		ValidArgsFunction: a.completeOperations}
	cmd.Flags().StringVar(&until, "until", "", "ended or person")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		w := watching{wait: a.flags.timeout}
		switch until {
		case "":
			w.person = !a.outTTY
		case "ended", "person":
			w.person = until == "person"
		default:
			return usage("choose ended or person", "--until can't be %q", until)
		}
		c, err := a.client()
		if err != nil {
			return err
		}
		a.subject = args[0]
		return a.follow(cmd.Context(), c, args[0], w)
	}
	return cmd
}

// follow follows an operation, and returns the outcome as an exit code.
func (a *app) follow(ctx context.Context, c *client.Client, id string, w watching) error {
	if w.wait > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, w.wait)
		defer cancel()
	}
	if a.outTTY && a.flags.output == "text" {
		return a.followOnScreen(ctx, c, id, w)
	}
	t := a.teller(a.out)
	var op client.Doc[client.Operation]
	var after int64
	for {
		var events []client.Doc[client.Event]
		var err error
		if op, events, err = a.step(ctx, c, id, op, after); err != nil {
			return a.stopped(err, op.Value)
		}
		for _, e := range events {
			after = e.Value.Seq
			switch {
			case a.flags.output == "jsonl":
				_ = show.JSONLine(a.out, e.Raw)
			case !a.machine() && a.flags.output != "id":
				t.tell(e.Value)
			}
		}
		if op.Value.HasEnded() || w.person && op.Value.NeedsPerson() {
			return a.followed(op)
		}
	}
}

// step waits for the next version of an operation, and reads the events since the last one.
func (a *app) step(ctx context.Context, c *client.Client, id string, before client.Doc[client.Operation], after int64) (
	client.Doc[client.Operation], []client.Doc[client.Event], error) {
	op, err := c.Wait(ctx, id, before)
	if err != nil {
		return op, nil, err
	}
	var events []client.Doc[client.Event]
	q := url.Values{"limit": {"200"}}
	if after > 0 {
		q.Set("after", strconv.FormatInt(after, 10))
	}
	first, err := c.OperationEvents(ctx, id, q)
	for page, err := range client.All(ctx, c, first, err) {
		if err != nil {
			return op, events, err
		}
		events = append(events, page.Value.Items...)
	}
	return op, events, nil
}

// followed shows the end and returns it as an exit code.
func (a *app) followed(op client.Doc[client.Operation]) error {
	switch {
	case a.flags.output == "json" || a.flags.output == "yaml" || a.flags.output == "id":
		if err := a.document(op.Raw, op.Value.ID, nil); err != nil {
			return err
		}
	case a.flags.output != "jsonl":
		a.tellEnd(op.Value)
	}
	return done(codeOfState(op.Value))
}

func (a *app) tellEnd(o client.Operation) {
	line := timeline.State(show.Line(o.State))
	if o.NeedsPerson() {
		line += ", waits for you"
		if r := o.InputRequest; r != nil && r.Answerable {
			line += ": adcpctl answer " + show.Line(o.ID)
		}
	}
	a.say("%s", show.Paint(a.colors(a.errTTY), stateColor(o), line))
	if e := o.AgentError; e != nil && o.HasEnded() {
		a.say("the agent says (unchecked text of the agent):")
		for _, l := range show.Fence(agentWords(*e), a.textWidth()) {
			a.say("%s", l)
		}
	}
}

// stopped is why following ended before the operation did.
func (a *app) stopped(err error, o client.Operation) error {
	if errors.Is(err, context.DeadlineExceeded) {
		state := "not known"
		if o.State != "" {
			state = timeline.State(show.Line(o.State))
		}
		return &exitError{exitOpen, "the time is over, and the operation is still open: " + state,
			"nothing is lost by it: adcpctl watch " + show.Line(a.subjectOr(o.ID))}
	}
	return err
}

func (a *app) subjectOr(id string) string {
	if id != "" {
		return id
	}
	return a.subject
}

// teller writes lines of a timeline.
type teller struct {
	a     *app
	w     io.Writer
	clock show.Clock
	color bool
	lines timeline.Teller
	day   string
	last  time.Time
}

func (a *app) teller(w io.Writer) *teller {
	return &teller{a: a, w: w, clock: a.clock(), color: a.colors(a.outTTY)}
}

func (t *teller) tell(e client.Event) {
	t.last = e.At
	for _, l := range t.lines.Tell(e) {
		t.line(l)
	}
}

// rest tells the polls without news that came last.
func (t *teller) rest() {
	for _, l := range t.lines.Pending(t.last) {
		t.line(l)
	}
}

// line writes one line: the day where it changes, the time, what happened, and what there is to
// say.
func (t *teller) line(l timeline.Line) {
	if l.Quiet {
		fmt.Fprintf(t.w, "%s%s\n", strings.Repeat(" ", t.columns()), show.Paint(t.color, show.Dim, l.Mark+"  "+l.What))
		return
	}
	day := t.clock.Day(l.At)
	if day == t.day {
		day = strings.Repeat(" ", len(day))
	} else {
		t.day = day
	}
	head := fmt.Sprintf("%s %s  %s  %s", day, t.clock.Time(l.At), l.Mark, show.Cut(l.What, 30))
	if note := show.Cut(l.Note, 120); note != "" {
		head += strings.Repeat(" ", max(2, t.columns()+34-len([]rune(head)))) + show.Paint(t.color, show.Dim, note)
	}
	fmt.Fprintln(t.w, head)
	if l.Agent != "" {
		for _, words := range show.Fence(l.Agent, t.a.textWidth()-t.columns()) {
			fmt.Fprintln(t.w, strings.Repeat(" ", t.columns())+words)
		}
	}
}

// columns is how wide the times at the left are.
func (t *teller) columns() int {
	if t.clock.Style == "utc" {
		return len("2026-11-26 12:43:22Z  ")
	}
	return len("26 Nov 12:43:22  ")
}
