package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"adcp-orchestrator/cmd/adcpctl/internal/show"
	"adcp-orchestrator/cmd/adcpctl/internal/timeline"
	"adcp-orchestrator/pkg/client"
)

func newOpsShow(a *app) *cobra.Command {
	var embed []string
	cmd := &cobra.Command{Use: "show OP", Aliases: []string{"get"}, Short: "show an operation", Args: oneArg,
		ValidArgsFunction: a.completeOperations}
	cmd.Flags().StringSliceVar(&embed, "embed", nil, "also request, result, events")
	cmd.RunE = a.call(nil, func(ctx context.Context, c *client.Client, args []string) error {
		d, err := c.Operation(ctx, args[0], embed...)
		if err != nil {
			return err
		}
		return a.document(d.Raw, d.Value.ID, func(w io.Writer) { a.operation(w, d.Value, embed) })
	})
	return cmd
}

// operation tells an operation. Nothing of the agent's is outside of a fence.
func (a *app) operation(w io.Writer, o client.Operation, embed []string) {
	clock, color := a.clock(), a.colors(a.outTTY)
	fmt.Fprintf(w, "%s  %s\n", show.Paint(color, show.Bold, show.Line(strings.TrimSpace(o.Type+" "+o.PONumber))),
		show.Paint(color, stateColor(o), timeline.State(show.Line(o.State))))
	due := clock.Due(o.Deadline)
	if o.HasEnded() {
		due = ""
	}
	ended := ""
	if e := o.Ended; e != nil {
		ended = strings.TrimSuffix(fmt.Sprintf("%s by %s: %s", clock.At(e.At), channel(e.By), words(e.Reason)), ": ")
	}
	attempts := several(o.Attempts.Calls, "call") + ", " + several(o.Attempts.Polls, "poll") + ", " +
		several(o.Attempts.Webhooks, "webhook")
	wide := func(s string) string {
		if a.flags.output == "wide" {
			return s
		}
		return ""
	}
	show.Facts(w, color, [2]string{"operation", o.ID}, [2]string{"agent", o.AgentID},
		[2]string{"waits for", strings.TrimLeft(waitsFor(o).Text, " !")}, [2]string{"what", what(o, clock)},
		[2]string{"media buy", o.MediaBuyID}, [2]string{"buy", buyLine(o.Buy, clock)}, [2]string{"cancellation",
			cancelLine(o)},
		[2]string{"task", wide(o.TaskID)}, [2]string{"context", wide(o.ContextID)},
		[2]string{"version", wide(fmt.Sprint(o.Version))}, [2]string{"webhooks", wide(o.WebhookMode)},
		[2]string{"agent's key", wide(o.KeyPrefix)}, [2]string{"attempts", attempts}, [2]string{"created",
			clock.At(o.CreatedAt)},
		[2]string{"deadline", due}, [2]string{"followed until", wide(clock.At(o.FollowUntil))}, [2]string{"ended", ended},
		[2]string{"deleted", clock.Due(o.ExpiresAt)}, [2]string{"cost", costLine(o.Cost)}, [2]string{"matched by",
			o.MatchedBy})
	if e := o.AgentError; e != nil {
		a.fence(w, "the agent says", agentWords(*e))
	}
	if r := o.InputRequest; r != nil && !o.HasEnded() {
		a.fence(w, fmt.Sprintf("the agent asks (input %d)", r.Generation), strings.TrimSpace(r.Reason+"\n"+r.Message))
		switch {
		case r.Answerable:
			fmt.Fprintf(w, "answer it: adcpctl answer %s\n", show.Line(o.ID))
		case r.WhyNot != "":
			fmt.Fprintf(w, "it can't be answered here: %s\n", words(show.Line(r.WhyNot)))
		}
	}
	if len(o.Request) > 0 && slices.Contains(embed, "request") {
		a.fence(w, "request", indented(o.Request))
	}
	if len(o.Result) > 0 && slices.Contains(embed, "result") {
		a.fence(w, "result", indented(o.Result))
	}
	if slices.Contains(embed, "events") {
		a.events(w, o.Events)
	}
}

// fence writes the words of a counterparty under a head that says so.
func (a *app) fence(w io.Writer, head, text string) {
	fmt.Fprintf(w, "%s (unchecked text of the agent):\n", head)
	for _, line := range show.Fence(text, a.textWidth()) {
		fmt.Fprintln(w, line)
	}
}

// agentWords are what an agent says about an error.
func agentWords(e client.AgentError) string {
	text := e.Code + " " + e.Message
	if e.Field != "" {
		text += "\nfield " + e.Field
	}
	if e.Suggestion != "" {
		text += "\n" + e.Suggestion
	}
	return text
}

func indented(raw json.RawMessage) string {
	var b strings.Builder
	if show.JSON(&b, raw) != nil {
		return string(raw)
	}
	return strings.TrimRight(b.String(), "\n")
}

func buyLine(b *client.Buy, clock show.Clock) string {
	switch {
	case b == nil:
		return ""
	case b.Missing:
		return "was not shown at " + clock.At(b.AsOf)
	}
	return strings.TrimSpace(b.Status+" "+b.Health) + " as of " + clock.At(b.AsOf)
}

func cancelLine(o client.Operation) string {
	c := o.Cancellation
	if c == nil {
		return ""
	}
	line := strings.TrimSuffix(words(c.State)+": "+c.Reason, ": ")
	if c.OperationID != "" {
		line += ", by " + c.OperationID
	}
	return line
}

func costLine(c *client.Cost) string {
	if c == nil {
		return ""
	}
	return c.Amount + " " + c.Currency
}

func newOpsEvents(a *app) *cobra.Command {
	var p paging
	cmd := &cobra.Command{Use: "events OP", Short: "the timeline of an operation, oldest first", Args: oneArg,
		ValidArgsFunction: a.completeOperations}
	cmd.Flags().IntVar(&p.limit, "limit", 0, "events of a page, 1 to 200; 50 by default")
	cmd.Flags().BoolVar(&p.all, "all", false, "every page")
	p.filter(cmd, filter{"after", "after", "only what came after this seq"}, filter{"kind", "kind", "one kind of event"})
	cmd.RunE = a.call(nil, func(ctx context.Context, c *client.Client, args []string) error {
		first, err := c.OperationEvents(ctx, args[0], p.query())
		if err == nil && !a.machine() && a.flags.output != "id" {
			return a.eventPages(ctx, c, cmd, p, first)
		}
		return list(ctx, a, c, cmd, p, listing[client.Event]{id: func(e client.Event) string { return fmt.Sprint(e.Seq) }},
			first, err)
	})
	return cmd
}

// eventPages tells the timeline, page by page.
func (a *app) eventPages(ctx context.Context, c *client.Client, cmd *cobra.Command, p paging,
	first client.Doc[client.Page[client.Event]]) error {
	t := a.teller(a.out)
	flag, value := "", ""
	for page, err := range client.All(ctx, c, first, nil) {
		if err != nil {
			return err
		}
		for _, e := range page.Value.Items {
			t.tell(e.Value)
		}
		if !p.all {
			flag, value = page.Value.Continue()
			break
		}
	}
	t.rest()
	a.more(cmd, flag, value)
	return nil
}

func (a *app) events(w io.Writer, events []client.Event) {
	t := a.teller(w)
	for _, e := range events {
		t.tell(e)
	}
	t.rest()
}

func newOpsRequest(a *app) *cobra.Command {
	return a.newBytes("request", "the request, as the agent gets it", (*client.Client).OperationRequest)
}

func newOpsResult(a *app) *cobra.Command {
	return a.newBytes("result", "the agent's result", (*client.Client).OperationResult)
}

func (a *app) newBytes(use, short string,
	read func(*client.Client, context.Context, string) (json.RawMessage, error)) *cobra.Command {
	cmd := &cobra.Command{Use: use + " OP", Short: short, Args: oneArg, ValidArgsFunction: a.completeOperations}
	cmd.RunE = a.call(nil, func(ctx context.Context, c *client.Client, args []string) error {
		raw, err := read(c, ctx, args[0])
		if err != nil {
			return err
		}
		return a.document(raw, args[0], func(w io.Writer) { _ = show.JSON(w, raw) })
	})
	return cmd
}
