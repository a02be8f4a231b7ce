// Command adcpctl works with the orchestrator's API from a terminal and from scripts: data on
// stdout, everything else on stderr, and an exit code that tells the outcome. adcpctl help exits
// lists the codes.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, system(), os.Args[1:])
	stop()
	os.Exit(code)
}
