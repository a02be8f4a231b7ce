package main

import (
	"context"
	"flag"
	"fmt"
	"io"

	"adcp-orchestrator/infra/local/stack"
)

const usage = `The local stack: LocalStack and a demo sales agent as plain processes, without Docker, account or token.

  go run ./infra/local install [-senders]            fetch what it runs on into .local/install
  go run ./infra/local up [-name run] [-port 4566]   start it and deploy the orchestrator; -port 0 takes free ports
                                                     -senders, here too: also what the tests send webhooks with
  go run ./infra/local run                           up, then two buys against the demo seller (what make run does)
  go run ./infra/local down [-name run]              stop it
  go run ./infra/local status                        what runs
  go run ./infra/local env [-name run]               its variables (also in .local/<name>/env)
  go run ./infra/local logs [-name run] [function]   its logs; without a name, the list of them
  go run ./infra/local build [-arch arm64]           build the functions for Lambda into dist/<arch>
`

// run carries out a verb.
func run(ctx context.Context, args []string, out io.Writer) error {
	if len(args) == 0 || args[0] == "help" || args[0] == "-h" || args[0] == "--help" {
		fmt.Fprint(out, usage)
		return nil
	}
	verb, flags := args[0], flag.NewFlagSet(args[0], flag.ContinueOnError)
	var name, arch string
	var port int
	var senders bool
	if verb == "install" || verb == "up" {
		flags.BoolVar(&senders, "senders", false, "install what the tests' senders of webhooks need, too")
	}
	switch verb {
	case "up", "run":
		flags.IntVar(&port, "port", stack.DefaultPort, "LocalStack's port; the seller takes the two after it, 0 takes free ones")
		fallthrough
	case "down", "env", "logs":
		flags.StringVar(&name, "name", "run", "which instance")
	case "build":
		flags.StringVar(&arch, "arch", "arm64", "arm64 or amd64")
	case "install", "status":
	default:
		return fmt.Errorf("%q is no verb\n%s", verb, usage)
	}
	if err := flags.Parse(args[1:]); err != nil {
		return err
	}
	if flags.NArg() > 1 || flags.NArg() == 1 && verb != "logs" {
		return fmt.Errorf("%s: what is %q?\n%s", verb, flags.Args(), usage)
	}
	l, err := stack.FindLayout()
	if err != nil {
		return err
	}
	switch verb {
	case "install":
		_, err = stack.Install(ctx, l, senders, stack.NewProgress(out))
	case "up":
		_, err = stack.Up(ctx, l, stack.Options{Name: name, Port: port, Senders: senders, Out: out})
		if err == nil {
			fmt.Fprintf(out, "variables: %s\n", l.EnvFile(name))
		}
	case "run":
		var in *stack.Instance
		if in, err = stack.Up(ctx, l, stack.Options{Name: name, Port: port, Out: out}); err == nil {
			err = demo(ctx, in, out)
		}
	case "down":
		err = stack.Down(ctx, l, name, out)
	case "status":
		err = stack.Status(l, out)
	case "env":
		err = stack.PrintEnv(l, name, out)
	case "logs":
		err = stack.Logs(l, name, flags.Arg(0), out)
	case "build":
		err = build(ctx, l, arch, out)
	}
	return err
}

func build(ctx context.Context, l stack.Layout, arch string, out io.Writer) error {
	b, err := stack.LambdaBuild(l, arch)
	if err != nil {
		return err
	}
	return stack.BuildFunctions(ctx, l, b, stack.NewProgress(out))
}
