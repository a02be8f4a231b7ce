package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"adcp-orchestrator/cmd/adcpctl/internal/show"
	"adcp-orchestrator/cmd/adcpctl/internal/timeline"
	"adcp-orchestrator/pkg/client"
)

func newOps(a *app) *cobra.Command {
	g := group("ops", "operations: what was submitted, and what became of it",
		newOpsList(a), newOpsCounts(a), newOpsShow(a), newOpsEvents(a), newOpsRequest(a), newOpsResult(a), newOpsPoll(a),
		newOpsCancel(a),
		newOpsPause(a), newOpsResume(a), newOpsRedrive(a), newOpsResolve(a))
	g.Aliases = []string{"operations", "op"}
	return g
}

func newOpsList(a *app) *cobra.Command {
	var p paging
	var attention string
	filters := map[string]*string{}
	cmd := &cobra.Command{Use: "list", Aliases: []string{"ls"}, Short: "list operations, the newest first", Args: noArgs,
		Example: "  adcpctl ops list --needs-attention\n  adcpctl ops list --state open --agent nova-retail --all -o id\n" +
			"  adcpctl ops list --q PO-2026-1187"}
	for _, f := range [][3]string{{"state", "state", "open, ended, or one state"}, {"agent", "agent_id", "an agent's id"},
		{"type", "type", "a task, such as create_media_buy"},
		{"after", "created_after", "created after this time"}, {"before", "created_before", "created before this time"},
		{"updated-after", "updated_after", "changed after this time"},
		{"updated-before", "updated_before", "changed before this time"},
		{"q", "q", "exactly this id, purchase order, task, media buy or Idempotency-Key"},
		{"sort", "sort", "-created_at or created_at"}} {
		filters[f[1]] = cmd.Flags().String(f[0], "", f[2])
	}
	cmd.Flags().StringVar(&attention, "needs-attention", "", "those that a person should look at, or one reason of it")
	cmd.Flags().Lookup("needs-attention").NoOptDefVal = "true"
	p.flags(cmd)
	_ = cmd.RegisterFlagCompletionFunc("agent", a.completeAgents)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		ctx, cancel := a.within(cmd.Context())
		defer cancel()
		c, err := a.client()
		if err != nil {
			return err
		}
		q := url.Values{}
		for name, value := range filters {
			if *value != "" {
				q.Set(name, *value)
			}
		}
		if attention != "" {
			q.Set("needs_attention", attention)
		}
		l := a.operationList()
		if attention != "" {
			l.none = "no operation needs a person"
		}
		first, err := c.Operations(ctx, p.query(q))
		return list(ctx, a, c, cmd, p, l, first, err)
	}
	return cmd
}

// operationList is how operations are listed: who acts next comes first.
func (a *app) operationList() listing[client.Operation] {
	type op = client.Operation
	clock := a.clock()
	return listing[op]{none: "no operations", id: func(o op) string { return o.ID }, columns: []column[op]{
		{head: "WAITS FOR", cell: waitsFor},
		{head: "STATE", cell: func(o op) show.Cell { return show.Cell{Text: timeline.State(o.State), Color: stateColor(o)} }},
		plain("OPERATION", func(o op) string { return o.ID }),
		plain("TYPE", func(o op) string { return o.Type }),
		plain("PO", func(o op) string { return o.PONumber }),
		plain("AGENT", func(o op) string { return o.AgentID }),
		plain("SINCE", func(o op) string { return clock.Since(since(o)) }),
		plain("DUE", func(o op) string {
			if o.HasEnded() {
				return ""
			}
			if r := o.InputRequest; r != nil && !r.DueAt.IsZero() {
				return clock.Due(r.DueAt)
			}
			return clock.Due(o.Deadline)
		}),
		extra("TASK", func(o op) string { return o.TaskID }),
		extra("MEDIA BUY", func(o op) string { return o.MediaBuyID }),
		extra("VERSION", func(o op) string { return fmt.Sprint(o.Version) }),
		extra("CREATED", func(o op) string { return clock.At(o.CreatedAt) }),
		plain("WHAT", func(o op) string { return what(o, clock) }),
	}}
}

func waitsFor(o client.Operation) show.Cell {
	switch o.WaitingOn {
	case client.Person:
		return show.Cell{Text: "! you", Color: show.Yellow}
	case client.Agent, client.Orchestrator:
		if o.Attention != nil {
			return show.Cell{Text: "! " + o.WaitingOn, Color: show.Yellow}
		}
		return show.Cell{Text: o.WaitingOn}
	}
	switch {
	case o.NeedsPerson():
		return show.Cell{Text: "! you", Color: show.Yellow}
	case o.Attention != nil:
		return show.Cell{Text: "! ", Color: show.Yellow}
	}
	return show.Cell{}
}

func stateColor(o client.Operation) show.Color {
	switch o.State {
	case client.Completed:
		return show.Green
	case client.Failed, client.Rejected:
		return show.Red
	case client.InputRequired, client.AuthRequired:
		return show.Yellow
	}
	return show.None
}

// what says in a few words why a person should look, or what happens next.
func what(o client.Operation, clock show.Clock) string {
	switch {
	case o.Paused != nil:
		return "paused by an operator: " + o.Paused.Reason
	case o.Attention != nil:
		return strings.TrimSuffix(words(o.Attention.Reason)+": "+o.Attention.Detail, ": ")
	case o.Ended != nil && o.Ended.By != "":
		return "ended by " + channel(o.Ended.By)
	case o.WaitsFor != "":
		return "waits for the end of " + o.WaitsFor
	case o.Next != nil:
		return "next: " + words(o.Next.Action) + " " + clock.Due(o.Next.At)
	}
	return ""
}

func newOpsShow(a *app) *cobra.Command {
	var embed []string
	cmd := &cobra.Command{Use: "show OP", Aliases: []string{"get"}, Short: "show an operation", Args: oneArg,
		ValidArgsFunction: a.completeOperations}
	cmd.Flags().StringSliceVar(&embed, "embed", nil, "also request, result, events")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		ctx, cancel := a.within(cmd.Context())
		defer cancel()
		c, err := a.client()
		if err != nil {
			return err
		}
		a.subject = args[0]
		d, err := c.Operation(ctx, args[0], embed...)
		if err != nil {
			return err
		}
		return a.document(d.Raw, d.Value.ID, func(w io.Writer) { a.operation(w, d.Value, embed) })
	}
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
	var after, kind string
	cmd := &cobra.Command{Use: "events OP", Short: "the timeline of an operation, oldest first", Args: oneArg,
		ValidArgsFunction: a.completeOperations}
	cmd.Flags().IntVar(&p.limit, "limit", 0, "events of a page, 1 to 200; 50 by default")
	cmd.Flags().BoolVar(&p.all, "all", false, "every page")
	cmd.Flags().StringVar(&after, "after", "", "only what came after this seq")
	cmd.Flags().StringVar(&kind, "kind", "", "one kind of event")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		ctx, cancel := a.within(cmd.Context())
		defer cancel()
		c, err := a.client()
		if err != nil {
			return err
		}
		a.subject = args[0]
		q := url.Values{}
		for name, value := range map[string]string{"after": after, "kind": kind} {
			if value != "" {
				q.Set(name, value)
			}
		}
		first, err := c.OperationEvents(ctx, args[0], p.query(q))
		if err == nil && !a.machine() && a.flags.output != "id" {
			return a.eventPages(ctx, c, cmd, p, first)
		}
		return list(ctx, a, c, cmd, p, listing[client.Event]{id: func(e client.Event) string { return fmt.Sprint(e.Seq) }},
			first, err)
	}
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
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		ctx, cancel := a.within(cmd.Context())
		defer cancel()
		c, err := a.client()
		if err != nil {
			return err
		}
		a.subject = args[0]
		raw, err := read(c, ctx, args[0])
		if err != nil {
			return err
		}
		return a.document(raw, args[0], func(w io.Writer) { _ = show.JSON(w, raw) })
	}
	return cmd
}

// since is when an operation came to where it is.
func since(o client.Operation) time.Time {
	switch {
	case o.Attention != nil:
		return o.Attention.Since
	case o.Ended != nil:
		return o.Ended.At
	}
	return o.UpdatedAt
}
