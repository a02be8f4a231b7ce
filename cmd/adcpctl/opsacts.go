package main

import (
	"context"
	"encoding/json"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"adcp-orchestrator/cmd/adcpctl/internal/show"
	"adcp-orchestrator/cmd/adcpctl/internal/timeline"
	"adcp-orchestrator/pkg/client"
)

// ofOperation is the outcome of an act that answers with the operation.
func ofOperation(d client.Doc[client.Operation], err error) (acted, error) {
	line := timeline.State(show.Line(d.Value.State))
	if c := d.Value.Cancellation; c != nil {
		line += ", cancellation " + words(show.Line(c.State))
		if c.OperationID != "" {
			line += " as " + show.Line(c.OperationID)
		}
	}
	if d.Value.Paused != nil {
		line += ", paused"
	}
	return acted{d.Raw, line}, err
}

func newOpsPoll(a *app) *cobra.Command {
	clock := func() show.Clock { return a.clock() }
	return a.newAct("poll OP...|-", "ask the agent now", false, a.completeOperations,
		func(ctx context.Context, c *client.Client, id string) (acted, error) {
			d, err := c.Poll(ctx, id)
			line := "asked"
			if n := d.Value.Next; n != nil {
				line = words(show.Line(n.Action)) + " " + clock().Due(n.At)
			}
			return acted{d.Raw, line}, err
		})
}

func newOpsRedrive(a *app) *cobra.Command {
	return a.newAct("redrive OP...|-", "follow an operation that stands still, from now on", false, a.completeOperations,
		func(ctx context.Context, c *client.Client, id string) (acted, error) {
			d, err := c.Redrive(ctx, id)
			return acted{d.Raw, show.Line(d.Value.Execution) + ", " +
				timeline.State(show.Line(d.Value.Operation.Value.State))}, err
		})
}

func newOpsPause(a *app) *cobra.Command {
	var reason string
	cmd := a.newAct("pause OP...|-", "let no call leave; webhooks are still taken", false, a.completeOperations,
		func(ctx context.Context, c *client.Client, id string) (acted, error) {
			return ofOperation(c.Pause(ctx, id, reason))
		})
	return needReason(cmd, &reason)
}

func newOpsResume(a *app) *cobra.Command {
	var reason string
	cmd := a.newAct("resume OP...|-", "end a pause", false, a.completeOperations,
		func(ctx context.Context, c *client.Client, id string) (acted, error) {
			return ofOperation(c.Resume(ctx, id, reason))
		})
	return needReason(cmd, &reason)
}

func newOpsCancel(a *app) *cobra.Command {
	var body client.Cancel
	var withdraw bool
	cmd := a.newAct("cancel OP...|-", "cancel an operation, or keep the wish to", true, a.completeOperations,
		func(ctx context.Context, c *client.Client, id string) (acted, error) {
			if withdraw {
				return ofOperation(c.WithdrawCancel(ctx, id))
			}
			return ofOperation(c.Cancel(ctx, id, body))
		})
	needReason(cmd, &body.Reason)
	cmd.Flags().StringVar(&body.Buy, "buy", "", "what becomes of a live buy: cancel or keep")
	cmd.Flags().BoolVar(&withdraw, "withdraw", false, "take back a wish to cancel that was not sent")
	withReason := cmd.Args
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if body.Buy != "" && body.Buy != "cancel" && body.Buy != "keep" {
			return usage("choose cancel or keep", "--buy can't be %q", body.Buy)
		}
		if withdraw {
			return someArgs(cmd, args)
		}
		return withReason(cmd, args)
	}
	return cmd
}

func newOpsResolve(a *app) *cobra.Command {
	var body client.Resolve
	var etag, result string
	states := []string{client.Completed, client.Failed, client.Rejected, client.Canceled}
	cmd := &cobra.Command{Use: "resolve OP", Short: "state the outcome of an operation that nobody can find out",
		Long: "Ends an operation whose outcome is unclear with the state that you know. This is the only act that can\n" +
			"make a wrong record: for a purchase the agent is asked first.",
		ValidArgsFunction: a.completeOperations}
	f := cmd.Flags()
	f.StringVar(&body.State, "state", "", "completed, failed, rejected or canceled (required)")
	f.StringVar(&body.Reason, "reason", "", "how you know: it is kept on the timeline (required)")
	f.StringVar(&body.Evidence, "evidence", "", "where it can be looked up")
	f.StringVar(&body.MediaBuyID, "media-buy", "", "the media buy, of a completed purchase")
	f.StringVar(&result, "result", "", "a file with the agent's result, of a completed operation")
	f.StringVar(&etag, "if-match", "", "the version that you decided by; by default the one that is shown now")
	f.BoolVar(&body.Unverified, "unverified", false, "although the agent can't be asked")
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		switch err := oneArg(cmd, args); {
		case err != nil:
			return err
		case !slices.Contains(states, body.State):
			return usage("choose from "+strings.Join(states, ", "), "--state can't be %q", body.State)
		case strings.TrimSpace(body.Reason) == "":
			return usage(`add --reason "..."`, "%s needs a reason", cmd.CommandPath())
		}
		return nil
	}
	cmd.RunE = a.call(nil, func(ctx context.Context, c *client.Client, args []string) error {
		if result != "" {
			raw, err := os.ReadFile(result)
			if err != nil || !json.Valid(raw) {
				return usage("", "%s is not a file of JSON: %v", result, err)
			}
			body.Result = raw
		}
		d, err := c.Operation(ctx, args[0])
		if err != nil {
			return err
		}
		if etag == "" {
			etag = client.ETag(d.Value.Version)
		} else if !strings.HasPrefix(etag, `"`) {
			etag = `"` + etag + `"`
		}
		o := d.Value
		a.say("%s is %s", show.Line(strings.TrimSpace(o.Type+" "+o.PONumber)+" with "+o.AgentID),
			show.Line(strings.TrimSuffix(timeline.State(o.State)+": "+what(o, a.clock()), ": ")))
		if err := a.confirm(ctx, true, "Record it as %s?", body.State); err != nil {
			return err
		}
		got, err := ofOperation(c.Resolve(ctx, args[0], etag, body))
		if err != nil {
			return err
		}
		return a.acted(args[0], got)
	})
	return cmd
}
