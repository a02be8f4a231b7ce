package main

import (
	"cmp"
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"adcp-orchestrator/cmd/adcpctl/internal/show"
	"adcp-orchestrator/cmd/adcpctl/internal/timeline"
	"adcp-orchestrator/pkg/client"
)

func newQuarantine(a *app) *cobra.Command {
	return group("quarantine", "webhooks that were refused or could not be applied", newQuarantineList(a),
		newQuarantineShow(a), newQuarantineReplay(a), newQuarantineDiscard(a))
}

func newQuarantineList(a *app) *cobra.Command {
	type delivery = client.Delivery
	return newList(a, "list them, the newest first", []filter{
		{"agent", "agent_id", "an agent's id"}, {"op", "operation_id", "an operation's id"},
		{"authentic", "authentic", "true: the agent sent it; false: anybody may have"},
		{"code", "code", "why it was not applied"}, {"state", "state", "kept, replayed or discarded"},
		{"after", "received_after", "came after this time"}, {"before", "received_before", "came before this time"},
	}, func() listing[delivery] {
		return listing[delivery]{none: "nothing is in the quarantine", id: func(v delivery) string { return v.ID },
			columns: []column[delivery]{
				plain("ID", func(v delivery) string { return v.ID }),
				plain("LAST", func(v delivery) string { return a.clock().Since(v.LastAt) }),
				{head: "SENT BY", cell: sentBy},
				plain("OPERATION", func(v delivery) string { return v.OperationID }),
				plain("STATE", func(v delivery) string { return v.State }),
				plain("×", func(v delivery) string { return fmt.Sprint(v.Count) }),
				extra("BYTES", func(v delivery) string { return fmt.Sprint(v.BodyBytes) }),
				plain("CODE", func(v delivery) string { return v.Code }),
				extra("WHY", func(v delivery) string { return v.Reason }),
			}}
	}, (*client.Client).Quarantine)
}

// sentBy says who sent a delivery: anybody, unless it is authentic.
func sentBy(v client.Delivery) show.Cell {
	if v.Authentic {
		return show.Cell{Text: v.AgentID}
	}
	return show.Cell{Text: "(" + v.AgentID + "?)", Color: show.Dim}
}

func newQuarantineShow(a *app) *cobra.Command {
	var body bool
	cmd := a.newRead("show ID", "show one", oneArg, nil,
		func(ctx context.Context, c *client.Client, args []string) error {
			var embed []string
			if body {
				embed = []string{"body"}
			}
			d, err := c.Quarantined(ctx, args[0], embed...)
			if err != nil {
				return err
			}
			return a.document(d.Raw, d.Value.ID, func(w io.Writer) { a.delivery(w, d.Value) })
		})
	cmd.Flags().BoolVar(&body, "body", false, "with what was sent, of an authentic one")
	return cmd
}

func (a *app) delivery(w io.Writer, v client.Delivery) {
	clock := a.clock()
	who := "anybody could have sent this"
	if v.Authentic {
		who = "the agent: it is authentic"
	}
	show.Facts(w, a.colors(a.outTTY), [2]string{"delivery", v.ID}, [2]string{"agent", v.AgentID},
		[2]string{"operation", v.OperationID}, [2]string{"sent by", who}, [2]string{"state", v.State},
		[2]string{"code", v.Code}, [2]string{"why", v.Reason}, [2]string{"count", fmt.Sprint(v.Count)},
		[2]string{"first", clock.At(v.FirstAt)}, [2]string{"last", clock.At(v.LastAt)},
		[2]string{"body", fmt.Sprintf("%d bytes, sha256 %s", v.BodyBytes, v.BodySHA256)})
	if h := v.Handled; h != nil {
		fmt.Fprintf(w, "%s %s by %s: %s\n", handled(v), clock.At(h.At), show.Line(cmp.Or(h.Actor.Name, h.Actor.ID)),
			show.Cut(h.Reason, 200))
	}
	if v.Body != "" {
		a.fence(w, "body", v.Body)
	}
}

// handled is what a person did about a delivery last, and what came of it.
func handled(v client.Delivery) string {
	switch h := v.Handled; {
	case h.Verdict != "":
		return words(show.Line(v.State)) + " (" + words(show.Line(h.Verdict)) + ")"
	case h.Code != "":
		return "replayed, but not applied (" + words(show.Line(h.Code)) + ")"
	}
	return words(show.Line(v.State))
}

func newQuarantineReplay(a *app) *cobra.Command {
	var reason string
	return needReason(a.newAct("replay ID...|-", "apply an authentic one now", false, nil,
		func(ctx context.Context, c *client.Client, id string) (acted, error) {
			d, err := c.Replay(ctx, id, reason)
			line := "applied: " + words(show.Line(d.Value.Verdict))
			if !d.Value.Applied {
				line = "not applied: " + words(show.Line(d.Value.Code))
			}
			if o := d.Value.Operation.Value; o.ID != "" {
				line += ", " + show.Line(o.ID) + " is " + timeline.State(show.Line(o.State))
			}
			return acted{d.Raw, line}, err
		}), &reason)
}

func newQuarantineDiscard(a *app) *cobra.Command {
	var reason string
	return needReason(a.newAct("discard ID...|-", "mark one as looked at", false, nil,
		func(ctx context.Context, c *client.Client, id string) (acted, error) {
			d, err := c.Discard(ctx, id, reason)
			return acted{d.Raw, "discarded"}, err
		}), &reason)
}
