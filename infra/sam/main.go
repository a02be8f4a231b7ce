// Command sam runs the API in containers by the SAM CLI, against the local stack: `go run ./infra/sam help`.
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

const usage = `The API in containers, by the SAM CLI, against the local stack that runs already. Needs Docker.

  go run ./infra/sam up [-port 3000]    serve it until interrupted
  go run ./infra/sam test               serve it, submit one operation through it, and stop
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
	verb, flags := args[0], flag.NewFlagSet(args[0], flag.ContinueOnError)
	port := 0
	if verb == "up" {
		flags.IntVar(&port, "port", 3000, "where the API is served on 127.0.0.1; 0 takes a free port")
	}
	if err := flags.Parse(args[1:]); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("%s: what is %q?\n%s", verb, flags.Args(), usage)
	}
	layout, err := stack.FindLayout()
	if err != nil {
		return err
	}
	s := session{layout: layout, dir: samDir(layout), out: out}
	switch verb {
	case "up":
		return s.serve(ctx, port, nil)
	case "test":
		return s.serve(ctx, port, s.submitOne)
	case "validate":
		return s.validate(ctx)
	}
	return fmt.Errorf("%q is no verb\n%s", verb, usage)
}
