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

// newList makes a command that lists something that needs no filter.
func newList[T any](a *app, use, short string, args cobra.PositionalArgs, l func() listing[T],
	read func(ctx context.Context, c *client.Client, args []string, p paging) (client.Doc[client.Page[T]],
		error)) *cobra.Command {
	var p paging
	cmd := &cobra.Command{Use: use, Short: short, Args: args}
	p.flags(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		ctx, cancel := a.within(cmd.Context())
		defer cancel()
		c, err := a.client()
		if err != nil {
			return err
		}
		first, err := read(ctx, c, args, p)
		return list(ctx, a, c, cmd, p, l(), first, err)
	}
	return cmd
}

func newWebhooksList(a *app) *cobra.Command {
	type endpoint = client.Endpoint
	return newList(a, "list", "list the addresses", noArgs, func() listing[endpoint] {
		return listing[endpoint]{none: "no addresses: adcpctl webhooks add URL", id: func(e endpoint) string { return e.ID },
			columns: []column[endpoint]{
				plain("ID", func(e endpoint) string { return e.ID }),
				{head: "STATE", cell: endpointState},
				plain("TYPES", func(e endpoint) string { return strings.Join(e.Types, " ") }),
				extra("CREATED", func(e endpoint) string { return a.clock().At(e.CreatedAt) }),
				plain("URL", func(e endpoint) string { return e.URL }),
			}}
	}, func(ctx context.Context, c *client.Client, _ []string, p paging) (client.Doc[client.Page[endpoint]], error) {
		return c.Endpoints(ctx, p.query(nil))
	})
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
	cmd := a.newRead("add URL", "send notices to an address; prints the secret that they are signed with", oneArg, nil,
		func(ctx context.Context, c *client.Client, args []string) error {
			e.URL = args[0]
			if err := a.confirm(ctx, false, "Send notices to %s?", show.Line(e.URL)); err != nil {
				return err
			}
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
	cmd := a.newRead("roll-secret ENDPOINT", "make a new secret; prints it", oneArg, nil,
		func(ctx context.Context, c *client.Client, args []string) error {
			if overlap < 0 || overlap > 24*time.Hour {
				return usage("choose from 0s to 24h", "--overlap can't be %s", overlap)
			}
			if err := a.confirm(ctx, true, "Make a new secret for %s?", show.Line(args[0])); err != nil {
				return err
			}
			d, err := c.RollSecret(ctx, uuid.NewString(), args[0], int(overlap.Seconds()))
			if err != nil {
				return err
			}
			return a.secret(d.Raw, args[0], "secret", d.Value.Secret)
		})
	cmd.Flags().DurationVar(&overlap, "overlap", time.Hour, "how long the old one signs as well, at most 24h")
	return cmd
}

func newWebhooksDeliveries(a *app) *cobra.Command {
	type sent = client.Sent
	return newList(a, "deliveries ENDPOINT", "what was sent to an address, the newest first", oneArg,
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
		}, func(ctx context.Context, c *client.Client, args []string, p paging) (client.Doc[client.Page[sent]], error) {
			a.subject = args[0]
			return c.Deliveries(ctx, args[0], p.query(nil))
		})
}

func newWebhooksRedeliver(a *app) *cobra.Command {
	cmd := &cobra.Command{Use: "redeliver ENDPOINT DELIVERY...|-", Short: "send something again",
		Args: func(cmd *cobra.Command, args []string) error { return between(cmd, args, 2, 10_000) }}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		c, err := a.client()
		if err != nil {
			return err
		}
		return a.act(cmd.Context(), args[1:], "redeliver", false, func(ctx context.Context, id string) (acted, error) {
			ctx, cancel := a.within(ctx)
			defer cancel()
			d, err := c.Redeliver(ctx, args[0], id)
			return acted{d.Raw, sentLine(d.Value)}, err
		})
	}
	return cmd
}
