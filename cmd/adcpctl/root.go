package main

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// rootHelp is what adcpctl says about itself: a screen of 24 lines.
const rootHelp = `adcpctl: buy from AdCP sales agents, follow what was bought, and step in.

  submit FILE|- [--wait]   watch OP   answer OP   listen   open [OP]
  list  get  cancel  resolve                      short for ops list, show, ...

  ops         list counts show events request result poll cancel pause resume
              redrive resolve
  agents      list show put probe pause resume delete keys
  quarantine  list show replay discard      webhooks that were not applied
  webhooks    list show add enable disable delete test roll-secret deliveries
              redeliver                     what is told to addresses of yours
  keys        list create roll revoke bootstrap
  audit list    events list|tail    metrics    api METHOD PATH [-d FILE]
  conform --agent URL [--buy FILE]          what will a buyer suffer from it?
  profile     list use set login            which API, and its key
  completion bash|zsh|fish|powershell       version    help [COMMAND|exits]

  -o text|wide|json|jsonl|yaml|id   --profile NAME   --api URL   --timeout 10m
  --time relative|local|utc         --color auto|always|never    -y  yes to all

Ids are arguments, or - for those on stdin:
  adcpctl ops list --needs-attention -o id | adcpctl ops redrive -
`

// verbs makes the commands. Each is in a file of its own.
var verbs = []func(*app) *cobra.Command{
	newSubmit, newWatch, newAnswer, newListen, newOpen, newOps, newAgents, newQuarantine, newWebhooks, newKeys,
	newAudit, newEvents, newMetrics, newConform, newAPI, newProfile, newVersion,
}

// shortcuts are the verbs of ops that have a short form at the top.
var shortcuts = map[string]func(*app) *cobra.Command{
	"list": newOpsList, "get": newOpsShow, "cancel": newOpsCancel, "resolve": newOpsResolve,
}

func newRoot(a *app) *cobra.Command {
	root := &cobra.Command{Use: "adcpctl", Short: "buy from AdCP sales agents, and follow what was bought",
		SuggestionsMinimumDistance: 2,
		SilenceErrors:              true, SilenceUsage: true,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error { return a.begin(cmd) },
		RunE:              func(cmd *cobra.Command, _ []string) error { return cmd.Help() }}
	root.Args = func(_ *cobra.Command, args []string) error {
		if len(args) == 0 {
			return nil
		}
		remedy := "see adcpctl --help"
		if near := root.SuggestionsFor(args[0]); len(near) > 0 {
			remedy = "did you mean " + strings.Join(near, " or ") + "?"
		}
		return usage(remedy, "there is no command %q", args[0])
	}
	root.SetIn(a.in)
	root.SetOut(a.out)
	root.SetErr(a.err)
	usual := root.HelpFunc()
	root.SetHelpFunc(func(cmd *cobra.Command, args []string) {
		switch {
		case cmd == root:
			cmd.Print(rootHelp)
		case cmd.HasSubCommands() && cmd.Long == "":
			groupHelp(cmd)
		default:
			usual(cmd, args)
		}
	})
	f := root.PersistentFlags()
	f.StringVarP(&a.flags.output, "output", "o", "text", "text, wide, json, jsonl, yaml, id")
	f.StringVar(&a.flags.profile, "profile", "", "which API: a name of the configuration")
	f.StringVar(&a.flags.api, "api", "", "the address of the API")
	f.StringVar(&a.flags.times, "time", "relative", "relative, local, utc")
	f.StringVar(&a.flags.color, "color", "auto", "auto, always, never")
	f.DurationVar(&a.flags.timeout, "timeout", 0, "how long to wait at most")
	f.BoolVarP(&a.flags.yes, "yes", "y", false, "yes to every question")
	fixed := func(values ...string) cobra.CompletionFunc {
		return func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return values, cobra.ShellCompDirectiveNoFileComp
		}
	}
	for name, values := range map[string][]string{"output": outputs, "time": {"relative", "local", "utc"},
		"color": {"auto", "always", "never"}} {
		_ = root.RegisterFlagCompletionFunc(name, fixed(values...))
	}
	_ = root.RegisterFlagCompletionFunc("profile", a.completeProfiles)
	for _, verb := range verbs {
		root.AddCommand(verb(a))
	}
	for _, name := range []string{"list", "get", "cancel", "resolve"} {
		short := shortcuts[name](a)
		_, rest, _ := strings.Cut(short.Use, " ")
		short.Use, short.Aliases, short.Hidden = strings.TrimSpace(name+" "+rest), nil, true
		root.AddCommand(short)
	}
	root.AddCommand(&cobra.Command{Use: "exits", Short: "the exit codes", Hidden: true, Args: noArgs,
		Long: exitsHelp, Run: func(cmd *cobra.Command, _ []string) { cmd.Print(exitsHelp) }})
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usage("see "+cmd.CommandPath()+" --help", "%v", err)
	})
	return root
}

// group makes a command that has only others below it.
func group(use, short string, below ...*cobra.Command) *cobra.Command {
	g := &cobra.Command{Use: use, Short: short, Args: func(cmd *cobra.Command, args []string) error {
		if len(args) > 0 {
			return usage("see "+cmd.CommandPath()+" --help", "%s has no %q", cmd.CommandPath(), args[0])
		}
		return nil
	}, RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() }}
	g.AddCommand(below...)
	return g
}

// groupHelp lists the commands of a group, without the flags of every verb: it fits a screen.
func groupHelp(g *cobra.Command) {
	g.Printf("%s: %s\n\n", g.CommandPath(), g.Short)
	for _, below := range g.Commands() {
		g.Printf("  %-12s %s\n", below.Name(), below.Short)
	}
	g.Printf("\n%s VERB --help explains one; adcpctl --help has what all share.\n", g.CommandPath())
}

// begin checks the flags of every verb.
func (a *app) begin(*cobra.Command) error {
	a.started = true
	for _, f := range []struct {
		name, value string
		allowed     []string
	}{{"-o", a.flags.output, outputs}, {"--time", a.flags.times, []string{"relative", "local", "utc"}},
		{"--color", a.flags.color, []string{"auto", "always", "never"}}} {
		if !slices.Contains(f.allowed, f.value) {
			return usage("choose from "+strings.Join(f.allowed, ", "), "%s can't be %q", f.name, f.value)
		}
	}
	if a.flags.timeout < 0 {
		return usage("", "--timeout can't be negative")
	}
	return nil
}

// within is the time of a command that does not wait for an operation: --timeout, or a minute.
func (a *app) within(ctx context.Context) (context.Context, context.CancelFunc) {
	d := time.Minute
	if a.flags.timeout > 0 {
		d = a.flags.timeout
	}
	return context.WithTimeout(ctx, d)
}

// run carries out a command line and returns the exit code.
func run(ctx context.Context, a *app, args []string) int {
	root := newRoot(a)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err != nil && ctx.Err() != nil {
		err = &exitError{exitInterrupted, "interrupted", "nothing is lost: what was sent is followed by the orchestrator; " +
			"adcpctl ops list shows it"}
	}
	if err == nil {
		return exitDone
	}
	if _, ok := errors.AsType[*exitError](err); !ok && !a.started {
		err = usage("see adcpctl --help", "%v", err)
	}
	a.report(err)
	return codeOf(err)
}

// The number of arguments that a command takes.

func noArgs(cmd *cobra.Command, args []string) error { return between(cmd, args, 0, 0) }

func oneArg(cmd *cobra.Command, args []string) error { return between(cmd, args, 1, 1) }

func someArgs(cmd *cobra.Command, args []string) error { return between(cmd, args, 1, 10_000) }

func between(cmd *cobra.Command, args []string, least, most int) error {
	if len(args) < least || len(args) > most {
		return usage("usage: "+cmd.UseLine(), "%s: %d arguments", cmd.CommandPath(), len(args))
	}
	return nil
}
