package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"adcp-orchestrator/infra/local/stack"
)

const usage = `Serves the API in containers with the SAM CLI. Needs Docker, and a local stack that is running.

  go run ./infra/sam up [-port 3000]    serve the API until interrupted
  go run ./infra/sam test               serve the API, submit one operation through it, and stop
  go run ./infra/sam validate           check the SAM template (needs no Docker)
`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "sam:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	if len(args) == 0 || args[0] == "help" || args[0] == "-h" || args[0] == "--help" {
		fmt.Fprint(out, usage)
		return nil
	}
	command, flags := args[0], flag.NewFlagSet(args[0], flag.ContinueOnError)
	port := 0
	if command == "up" {
		flags.IntVar(&port, "port", 3000, "port of the API on 127.0.0.1; 0 takes a free port")
	}
	if err := flags.Parse(args[1:]); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("%s takes no arguments, got %q\n%s", command, flags.Args(), usage)
	}
	layout, err := stack.FindLayout()
	if err != nil {
		return err
	}
	s := session{layout: layout, dir: samDir(layout), out: out}
	switch command {
	case "up":
		return s.serve(ctx, port, nil)
	case "test":
		return s.serve(ctx, port, s.submitOne)
	case "validate":
		return s.validate(ctx)
	}
	return fmt.Errorf("there is no command %q\n%s", command, usage)
}
