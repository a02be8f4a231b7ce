package main

import (
	"context"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"adcp-orchestrator/pkg/client"
)

// called is what a verb does at the API.
type called func(ctx context.Context, c *client.Client, args []string) error

// call makes what a verb runs: f gets the client of the API that was chosen, and --timeout or a
// minute. Remedies name the first argument. before, if it is not nil, checks and asks first, and
// outside of that time: a person may think.
func (a *app) call(before func(ctx context.Context, args []string) error, f called) func(*cobra.Command,
	[]string) error {
	return func(cmd *cobra.Command, args []string) error {
		c, err := a.client()
		if err != nil {
			return err
		}
		if len(args) > 0 {
			a.subject = args[0]
		}
		if before != nil {
			if err := before(cmd.Context(), args); err != nil {
				return err
			}
		}
		ctx, cancel := a.within(cmd.Context())
		defer cancel()
		return f(ctx, c, args)
	}
}

// newRead makes a command that reads something and shows it.
func (a *app) newRead(use, short string, args cobra.PositionalArgs, complete cobra.CompletionFunc,
	f called) *cobra.Command {
	return &cobra.Command{Use: use, Short: short, Args: args, ValidArgsFunction: complete, RunE: a.call(nil, f)}
}

// newList makes a command that lists what a method of the client reads.
func newList[T any](a *app, short string, filters []filter, l func() listing[T],
	read func(*client.Client, context.Context, url.Values) (client.Doc[client.Page[T]], error)) *cobra.Command {
	cmd := newListOf(a, "list", short, nil, filters, l, func(c *client.Client, ctx context.Context, _ string,
		q url.Values) (client.Doc[client.Page[T]], error) {
		return read(c, ctx, q)
	})
	cmd.Aliases, cmd.Args = []string{"ls"}, noArgs
	return cmd
}

// newListOf makes a command that lists what belongs to the one thing that its argument names.
func newListOf[T any](a *app, use, short string, complete cobra.CompletionFunc, filters []filter,
	l func() listing[T], read func(*client.Client, context.Context, string, url.Values) (client.Doc[client.Page[T]],
		error)) *cobra.Command {
	var p paging
	cmd := &cobra.Command{Use: use, Short: short, Args: oneArg, ValidArgsFunction: complete}
	p.flags(cmd)
	p.filter(cmd, filters...)
	cmd.RunE = a.call(nil, func(ctx context.Context, c *client.Client, args []string) error {
		of := ""
		if len(args) > 0 {
			of = args[0]
		}
		first, err := read(c, ctx, of, p.query())
		return list(ctx, a, c, cmd, p, l(), first, err)
	})
	return cmd
}

// newAct makes a command that does one thing with each id that it is given.
func (a *app) newAct(use, short string, ask bool, complete cobra.CompletionFunc,
	f func(ctx context.Context, c *client.Client, id string) (acted, error)) *cobra.Command {
	verb, _, _ := strings.Cut(use, " ")
	return &cobra.Command{Use: use, Short: short, Args: someArgs, ValidArgsFunction: complete,
		RunE: func(cmd *cobra.Command, args []string) error { return a.act(cmd.Context(), args, words(verb), ask, f) }}
}

// needReason adds --reason, which acts that people ask about later can't do without.
func needReason(cmd *cobra.Command, reason *string) *cobra.Command {
	cmd.Flags().StringVar(reason, "reason", "", "why: it is kept on the timeline (required)")
	return checked(cmd, func() error {
		if strings.TrimSpace(*reason) == "" {
			return usage(`add --reason "..."`, "%s needs a reason", cmd.CommandPath())
		}
		return nil
	})
}

// withOverlap adds --overlap, for how long a secret of before stays in use.
func withOverlap(cmd *cobra.Command, overlap *time.Duration, meaning string) *cobra.Command {
	cmd.Flags().DurationVar(overlap, "overlap", time.Hour, meaning+", at most 24h")
	return checked(cmd, func() error {
		if *overlap < 0 || *overlap > 24*time.Hour {
			return usage("choose from 0s to 24h", "--overlap can't be %s", *overlap)
		}
		return nil
	})
}

// checked adds a check of the flags to that of the arguments.
func checked(cmd *cobra.Command, check func() error) *cobra.Command {
	arguments := cmd.Args
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if err := arguments(cmd, args); err != nil {
			return err
		}
		return check()
	}
	return cmd
}
