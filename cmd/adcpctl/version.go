package main

import (
	"encoding/json"
	"fmt"
	"io"
	"runtime"
	"strings"

	"github.com/spf13/cobra"

	"adcp-orchestrator/cmd/adcpctl/internal/show"
)

// sameBuild reports whether two versions name one commit or release: one may be Go's form of it.
func sameBuild(a, b string) bool {
	a, b = strings.TrimSuffix(strings.TrimSuffix(a, "+dirty"), "-dirty"), strings.TrimSuffix(b, "-dirty")
	return strings.Contains(a, b) || strings.Contains(b, a)
}

func newVersion(a *app) *cobra.Command {
	return &cobra.Command{Use: "version", Short: "the version of this program, and of the API if it is another",
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, cancel := a.within(cmd.Context())
			defer cancel()
			v := map[string]string{"adcpctl": release(), "platform": runtime.GOOS + "/" + runtime.GOARCH}
			if c, err := a.client(); err == nil {
				c.Attempts, c.Retrying = 1, nil
				if d, err := c.Whoami(ctx); err == nil && d.Value.Release != "" {
					v["api"] = d.Value.Release
				}
			}
			raw, err := json.Marshal(v)
			if err != nil {
				return err
			}
			return a.document(raw, "", func(w io.Writer) {
				fmt.Fprintf(w, "adcpctl %s %s\n", v["adcpctl"], v["platform"])
				if api := v["api"]; api != "" && !sameBuild(api, v["adcpctl"]) {
					fmt.Fprintf(w, "the API is %s\n", show.Line(api))
				}
			})
		}}
}
