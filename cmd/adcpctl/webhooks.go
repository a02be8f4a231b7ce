package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"adcp-orchestrator/cmd/adcpctl/internal/show"
	"adcp-orchestrator/pkg/client"
)

func newWebhooks(a *app) *cobra.Command {
	return group("webhooks", "addresses of yours that notices are sent to", newWebhooksList(a), newWebhooksAdd(a),
		newWebhooksTest(a), newWebhooksRoll(a), newWebhooksDeliveries(a), newWebhooksRedeliver(a))
}

func newWebhooksList(a *app) *cobra.Command {
	type endpoint = client.Endpoint
	return newList(a, "list the addresses", nil, func() listing[endpoint] {
		return listing[endpoint]{none: "no addresses: adcpctl webhooks add URL", id: func(e endpoint) string { return e.ID },
			columns: []column[endpoint]{
				plain("ID", func(e endpoint) string { return e.ID }),
				{head: "STATE", cell: endpointState},
				plain("TYPES", func(e endpoint) string { return strings.Join(e.Types, " ") }),
				extra("CREATED", func(e endpoint) string { return a.clock().At(e.CreatedAt) }),
				plain("URL", func(e endpoint) string { return e.URL }),
			}}
	}, (*client.Client).Endpoints)
}

func endpointState(e client.Endpoint) show.Cell {
	switch {
	case e.Disabled != nil:
		return show.Cell{Text: "disabled: " + words(e.Disabled.Reason), Color: show.Red}
	case !e.FailingSince.IsZero():
		return show.Cell{Text: e.State + ", failing", Color: show.Yellow}
	}
	return show.Cell{Text: e.State}
}

// secret shows a secret once more than never: on stdout, with a warning beside it.
func (a *app) secret(raw []byte, id, what, secret string) error {
	return a.document(raw, id, func(w io.Writer) {
		fmt.Fprintf(w, "%s\n", show.Line(secret))
		a.say("this is the %s of %s; it is not shown again", what, show.Line(id))
	})
}

func newWebhooksAdd(a *app) *cobra.Command {
	var e client.NewEndpoint
	cmd := a.newRead("add URL", "send notices to an address; prints the secret that they are signed with", oneArg, nil, nil)
	cmd.RunE = a.call(func(ctx context.Context, args []string) error {
		e.URL = args[0]
		return a.confirm(ctx, false, "Send notices to %s?", show.Line(e.URL))
	}, func(ctx context.Context, c *client.Client, _ []string) error {
		d, err := c.AddEndpoint(ctx, uuid.NewString(), e)
		if err != nil {
			return err
		}
		return a.secret(d.Raw, d.Value.ID, "secret", d.Value.Secret)
	})
	cmd.Flags().StringSliceVar(&e.Types, "type", nil, "only these types; all by default")
	cmd.Flags().StringVar(&e.Description, "description", "", "what it is for")
	return cmd
}

func newWebhooksTest(a *app) *cobra.Command {
	return a.newAct("test ENDPOINT...|-", "send a test notice", false, nil,
		func(ctx context.Context, c *client.Client, id string) (acted, error) {
			d, err := c.TestEndpoint(ctx, id)
			return acted{d.Raw, sentLine(d.Value)}, err
		})
}

func sentLine(s client.Sent) string {
	return strings.TrimSuffix(words(show.Line(s.State))+", "+answered(s), ", ")
}

// answered is what the last attempt came to.
func answered(s client.Sent) string {
	text := words(show.Line(s.Fault))
	if n := len(s.Log); n > 0 && s.Log[n-1].Status > 0 {
		text = strings.TrimSuffix(fmt.Sprintf("answered %d, %s", s.Log[n-1].Status, text), ", ")
	}
	return text
}

func newWebhooksRoll(a *app) *cobra.Command {
	var overlap time.Duration
	cmd := a.newRead("roll-secret ENDPOINT", "make a new secret; prints it", oneArg, nil, nil)
	cmd.RunE = a.call(func(ctx context.Context, args []string) error {
		return a.confirm(ctx, true, "Make a new secret for %s?", show.Line(args[0]))
	}, func(ctx context.Context, c *client.Client, args []string) error {
		d, err := c.RollSecret(ctx, uuid.NewString(), args[0], int(overlap.Seconds()))
		if err != nil {
			return err
		}
		return a.secret(d.Raw, args[0], "secret", d.Value.Secret)
	})
	return withOverlap(cmd, &overlap, "how long the old one signs as well")
}

func newWebhooksDeliveries(a *app) *cobra.Command {
	type sent = client.Sent
	return newListOf(a, "deliveries ENDPOINT", "what was sent to an address, the newest first", nil, nil,
		func() listing[sent] {
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
		Args: func(cmd *cobra.Command, args []string) error { return between(cmd, args, 2, 10_000) }}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return a.act(cmd.Context(), args[1:], "redeliver", false,
			func(ctx context.Context, c *client.Client, id string) (acted, error) {
				d, err := c.Redeliver(ctx, args[0], id)
				return acted{d.Raw, sentLine(d.Value)}, err
			})
	}
	return cmd
}
