package main

import (
	"context"
	"fmt"
	"net/url"
	"runtime"
	"strings"

	"github.com/spf13/cobra"

	"adcp-orchestrator/cmd/adcpctl/internal/show"
	"adcp-orchestrator/pkg/client"
)

func newOpen(a *app) *cobra.Command {
	var browser bool
	cmd := &cobra.Command{Use: "open [OP]", Short: "print the console's address, and open it on a terminal",
		ValidArgsFunction: a.completeOperations,
		Args:              func(cmd *cobra.Command, args []string) error { return between(cmd, args, 0, 1) }}
	cmd.Flags().BoolVar(&browser, "browser", a.outTTY, "open it in a browser")
	cmd.RunE = a.call(nil, func(ctx context.Context, c *client.Client, args []string) error {
		d, err := c.Whoami(ctx)
		if err != nil {
			return err
		}
		where := d.Value.ConsoleURL
		if where == "" {
			where = c.Base + "/console/"
		}
		address, err := url.Parse(where)
		if err != nil || address.Scheme != "https" && address.Scheme != "http" {
			return fmt.Errorf("the console's address is %q, which is not opened", show.Line(where))
		}
		if len(args) == 1 {
			address.Path = strings.TrimRight(address.Path, "/") + "/"
			address.Fragment = "/operations/" + args[0]
		}
		fmt.Fprintln(a.out, show.Line(address.String()))
		if !browser {
			return nil
		}
		name, before := browserCommand()
		if err := a.start(ctx, name, append(before, address.String())...); err != nil {
			a.say("no browser could be opened: %v", err)
		}
		return nil
	})
	return cmd
}

// browserCommand is the program that opens an address, and the arguments before it.
func browserCommand() (string, []string) {
	switch runtime.GOOS {
	case "darwin":
		return "open", nil
	case "windows":
		return "rundll32", []string{"url.dll,FileProtocolHandler"}
	}
	return "xdg-open", nil
}
