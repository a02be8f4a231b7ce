package main

import (
	"cmp"
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
	return group("webhooks", "addresses of yours that notices are sent to", newWebhooksList(a), newWebhooksShow(a),
		newWebhooksAdd(a), newWebhooksState(a, "enable", client.EndpointEnabled, "send to an address again"),
		newWebhooksState(a, "disable", client.EndpointDisabled, "send nothing to an address until it is enabled"),
		newWebhooksDelete(a), newWebhooksTest(a), newWebhooksRoll(a), newWebhooksDeliveries(a), newWebhooksRedeliver(a))
}

func newWebhooksList(a *app) *cobra.Command {
	type endpoint = client.Endpoint
	var cmd *cobra.Command
	cmd = a.newRead("list", "list the addresses", noArgs, nil,
		func(ctx context.Context, c *client.Client, _ []string) error {
			l := listing[endpoint]{none: "no addresses: adcpctl webhooks add URL", id: func(e endpoint) string { return e.ID },
				columns: []column[endpoint]{
					plain("ID", func(e endpoint) string { return e.ID }),
					{head: "STATE", cell: endpointState},
					plain("TYPES", func(e endpoint) string { return strings.Join(e.Types, " ") }),
					extra("CREATED", func(e endpoint) string { return a.clock().At(e.CreatedAt) }),
					plain("URL", func(e endpoint) string { return e.URL }),
				}}
			first, err := c.Endpoints(ctx)
			return list(ctx, a, c, cmd, paging{}, l, first, err)
		})
	cmd.Aliases = []string{"ls"}
	return cmd
}

func newWebhooksShow(a *app) *cobra.Command {
	return a.newRead("show ENDPOINT", "show an address, and how it does", oneArg, a.completeEndpoints,
		func(ctx context.Context, c *client.Client, args []string) error {
			d, err := c.Endpoint(ctx, args[0])
			if err != nil {
				return err
			}
			return a.document(d.Raw, d.Value.ID, func(w io.Writer) { a.endpoint(w, d.Value) })
		})
}

func (a *app) endpoint(w io.Writer, e client.Endpoint) {
	clock := a.clock()
	disabled := ""
	if e.Disabled != nil {
		disabled = clock.At(e.Disabled.At)
	}
	var secrets []string
	for _, s := range e.Secrets {
		line := fmt.Sprintf("%d, made %s", s.Generation, clock.At(s.CreatedAt))
		if !s.ExpiresAt.IsZero() {
			line += ", in use until " + clock.At(s.ExpiresAt)
		}
		secrets = append(secrets, line)
	}
	show.Facts(w, a.colors(a.outTTY), [2]string{"endpoint", e.ID}, [2]string{"url", e.URL},
		[2]string{"description", e.Description}, [2]string{"types", cmp.Or(strings.Join(e.Types, " "), "all")},
		[2]string{"agent", e.AgentID}, [2]string{"state", endpointState(e).Text}, [2]string{"disabled", disabled},
		[2]string{"failing since", clock.At(e.FailingSince)}, [2]string{"last success", clock.At(e.LastSuccessAt)},
		[2]string{"secrets", strings.Join(secrets, "; ")}, [2]string{"created", clock.At(e.CreatedAt)},
		[2]string{"updated", clock.At(e.UpdatedAt)}, [2]string{"version", fmt.Sprint(e.Version)})
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
	cmd := a.newRead("add URL", "send notices to an address; prints its secret", oneArg, nil, nil)
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

func newWebhooksState(a *app, verb, state, short string) *cobra.Command {
	return a.newAct(verb+" ENDPOINT...|-", short, false, a.completeEndpoints,
		func(ctx context.Context, c *client.Client, id string) (acted, error) {
			d, err := c.SetEndpointState(ctx, id, state)
			return acted{d.Raw, show.Line(endpointState(d.Value).Text)}, err
		})
}

func newWebhooksDelete(a *app) *cobra.Command {
	return a.newAct("delete ENDPOINT...|-", "remove an address; its secret is lost", true, a.completeEndpoints,
		func(ctx context.Context, c *client.Client, id string) (acted, error) {
			return acted{nil, "deleted"}, c.DeleteEndpoint(ctx, id)
		})
}

func newWebhooksRoll(a *app) *cobra.Command {
	var overlap time.Duration
	cmd := a.newRead("roll-secret ENDPOINT", "make a new secret; prints it", oneArg, a.completeEndpoints, nil)
	cmd.RunE = a.call(func(ctx context.Context, args []string) error {
		return a.confirm(ctx, true, "Make a new secret for %s?", show.Line(args[0]))
	}, func(ctx context.Context, c *client.Client, args []string) error {
		d, err := c.RollSecret(ctx, uuid.NewString(), args[0], int(overlap.Seconds()))
		if err != nil {
			return err
		}
		return a.secret(d.Raw, args[0], "secret", d.Value.Secret)
	})
	return withOverlap(cmd, &overlap, "the old one signs on")
}
