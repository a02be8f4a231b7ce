package main

import (
	"context"
	"flag"
	"fmt"
	"io"

	"adcp-orchestrator/infra/local/stack"
)

const usage = `The local stack: LocalStack and a demo sales agent as plain processes, without Docker or an AWS account.

  go run ./infra/local install [-senders]            download what the stack needs into .local/install
  go run ./infra/local up [-name run] [-port 4566]   start it and deploy the orchestrator; -port 0 takes free ports
                                                     -senders, here too: also what the tests send webhooks with
  go run ./infra/local run                           up, then two buys with the demo sales agent (what make run does)
  go run ./infra/local down [-name run]              stop it
  go run ./infra/local status                        show which instances run
  go run ./infra/local env [-name run]               print its variables (also in .local/<name>/env)
  go run ./infra/local logs [-name run] [function]   print its logs; without a function, list the log files
  go run ./infra/local build [-arch arm64]           build the functions for Lambda into dist/<arch>
`

// options are the flags of all verbs. Each verb declares only those that it uses.
type options struct {
	name, arch string
	port       int
	senders    bool
}

// run carries out a verb.
func run(ctx context.Context, args []string, out io.Writer) error {
	if len(args) == 0 || args[0] == "help" || args[0] == "-h" || args[0] == "--help" {
		fmt.Fprint(out, usage)
		return nil
	}
	verb := args[0]
	opt, rest, err := parse(verb, args[1:])
	if err != nil {
		return err
	}
	l, err := stack.FindLayout()
	if err != nil {
		return err
	}
	switch verb {
	case "install":
		_, err = stack.Install(ctx, l, opt.senders, stack.NewProgress(out))
	case "up":
		_, err = stack.Up(ctx, l, stack.Options{Name: opt.name, Port: opt.port, Senders: opt.senders, Out: out})
		if err == nil {
			fmt.Fprintf(out, "variables: %s\n", l.EnvFile(opt.name))
		}
	case "run":
		var in *stack.Instance
		if in, err = stack.Up(ctx, l, stack.Options{Name: opt.name, Port: opt.port, Out: out}); err == nil {
			err = demo(ctx, l, in, out)
		}
	case "down":
		err = stack.Down(ctx, l, opt.name, out)
	case "status":
		err = stack.Status(l, out)
	case "env":
		err = stack.PrintEnv(l, opt.name, out)
	case "logs":
		err = stack.Logs(l, opt.name, rest, out)
	case "build":
		err = build(ctx, l, opt.arch, out)
	}
	return err
}

// parse reads the flags of a verb. rest is the one argument that logs may have after them.
func parse(verb string, args []string) (opt options, rest string, err error) {
	flags := flag.NewFlagSet(verb, flag.ContinueOnError)
	if verb == "install" || verb == "up" {
		flags.BoolVar(&opt.senders, "senders", false, "also install what the tests send webhooks with")
	}
	switch verb {
	case "up", "run":
		flags.IntVar(&opt.port, "port", stack.DefaultPort,
			"LocalStack's port; the demo sales agent takes the next two; 0 takes free ports")
		fallthrough
	case "down", "env", "logs":
		flags.StringVar(&opt.name, "name", "run", "which instance")
	case "build":
		flags.StringVar(&opt.arch, "arch", "arm64", "arm64 or amd64")
	case "install", "status":
	default:
		return opt, "", fmt.Errorf("unknown command %q\n%s", verb, usage)
	}
	if err := flags.Parse(args); err != nil {
		return opt, "", err
	}
	if flags.NArg() > 1 || flags.NArg() == 1 && verb != "logs" {
		return opt, "", fmt.Errorf("%s: unexpected arguments %q\n%s", verb, flags.Args(), usage)
	}
	return opt, flags.Arg(0), nil
}

func build(ctx context.Context, l stack.Layout, arch string, out io.Writer) error {
	b, err := stack.LambdaBuild(l, arch)
	if err != nil {
		return err
	}
	return stack.BuildFunctions(ctx, l, b, stack.NewProgress(out))
}
