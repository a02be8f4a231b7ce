package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"adcp-orchestrator/cmd/adcpctl/internal/show"
	"adcp-orchestrator/pkg/client"
)

func newWebhooksTest(a *app) *cobra.Command {
	return a.newAct("test ENDPOINT...|-", "send a test notice", false, a.completeEndpoints,
		func(ctx context.Context, c *client.Client, id string) (acted, error) {
			d, err := c.TestEndpoint(ctx, id)
			return acted{d.Raw, sentLine(d.Value)}, err
		})
}

func sentLine(s client.Sent) string {
	return strings.TrimSuffix(words(show.Line(s.State))+", "+answered(s), ", ")
}

// answered is what the last attempt of the round came to. What was asked for again has none yet.
func answered(s client.Sent) string {
	text := words(show.Line(s.Fault))
	if n := len(s.Log); n > 0 && s.Log[n-1].Status > 0 && s.Log[n-1].Round == s.Round {
		text = strings.TrimSuffix(fmt.Sprintf("answered %d, %s", s.Log[n-1].Status, text), ", ")
	}
	return text
}

func newWebhooksDeliveries(a *app) *cobra.Command {
	type sent = client.Sent
	return newListOf(a, "deliveries ENDPOINT", "what was sent to an address, the newest first", a.completeEndpoints,
		[]filter{{"state", "state", "pending, delivered or dead"}}, func() listing[sent] {
			clock := a.clock()
			return listing[sent]{none: "nothing was sent", id: func(s sent) string { return s.ID }, columns: []column[sent]{
				plain("ID", func(s sent) string { return s.ID }),
				plain("SINCE", func(s sent) string { return clock.Since(s.QueuedAt) }),
				plain("TYPE", func(s sent) string { return kindOf(s.Type) }),
				plain("STATE", func(s sent) string { return s.State }),
				plain("TRIES", func(s sent) string { return fmt.Sprint(s.Attempts) }),
				plain("NEXT", func(s sent) string { return clock.Due(s.NextAt) }),
				extra("EVENT", func(s sent) string { return s.NoticeID }),
				plain("OPERATION", func(s sent) string { return s.OperationID }),
				plain("ANSWER", answered),
			}}
		}, (*client.Client).Deliveries)
}

func newWebhooksRedeliver(a *app) *cobra.Command {
	cmd := &cobra.Command{Use: "redeliver ENDPOINT DELIVERY...|-", Short: "send something again",
		Example: "  adcpctl webhooks deliveries we_7q2m --state dead --all -o id |\n" +
			"    adcpctl webhooks redeliver we_7q2m -",
		ValidArgsFunction: a.completeDeliveries,
		Args:              func(cmd *cobra.Command, args []string) error { return between(cmd, args, 2, 10_000) }}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return a.act(cmd.Context(), args[1:], "redeliver", false,
			func(ctx context.Context, c *client.Client, id string) (acted, error) {
				a.subject = args[0] // what is refused is refused for the endpoint's state
				d, err := c.Redeliver(ctx, args[0], id)
				return acted{d.Raw, sentLine(d.Value)}, err
			})
	}
	return cmd
}
