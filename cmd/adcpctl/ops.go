package main

import (
	"fmt"
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
	var cmd *cobra.Command
	cmd = newList(a, "list operations, the newest first", []filter{
		{"state", "state", "open, ended, or one state"}, {"agent", "agent_id", "an agent's id"},
		{"type", "type", "a task, such as create_media_buy"},
		{"after", "created_after", "created after this time"}, {"before", "created_before", "created before this time"},
		{"updated-after", "updated_after", "changed after this time"},
		{"updated-before", "updated_before", "changed before this time"},
		{"q", "q", "exactly this id, purchase order, task, media buy or Idempotency-Key"},
		{"sort", "sort", "-created_at or created_at"},
		{"needs-attention", "needs_attention", "those that a person should look at, or one reason of it"},
	}, func() listing[client.Operation] {
		l := a.operationList()
		if cmd.Flag("needs-attention").Value.String() != "" {
			l.none = "no operation needs a person"
		}
		return l
	}, (*client.Client).Operations)
	cmd.Example = "  adcpctl ops list --needs-attention\n" +
		"  adcpctl ops list --state open --agent nova-retail --all -o id\n  adcpctl ops list --q PO-2026-1187"
	cmd.Flag("needs-attention").NoOptDefVal = "true"
	_ = cmd.RegisterFlagCompletionFunc("agent", a.completeAgents)
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
