package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/spf13/cobra"

	"adcp-orchestrator/cmd/adcpctl/internal/show"
	"adcp-orchestrator/cmd/adcpctl/internal/timeline"
	"adcp-orchestrator/pkg/client"
)

func newOpsCounts(a *app) *cobra.Command {
	return a.newRead("counts", "how many operations there are, by state", noArgs, nil,
		func(ctx context.Context, c *client.Client, _ []string) error {
			d, err := c.Counts(ctx)
			if err != nil {
				return err
			}
			return a.document(d.Raw, "", func(w io.Writer) {
				facts := [][2]string{{"need a person", counted(d.Value.NeedsAttention)}, {"open", counted(d.Value.Open)},
					{"ended", counted(d.Value.Ended)}}
				for _, state := range slices.Sorted(maps.Keys(d.Value.States)) {
					if n := d.Value.States[state]; n.Count > 0 {
						facts = append(facts, [2]string{"  " + timeline.State(show.Line(state)), counted(n)})
					}
				}
				show.Facts(w, a.colors(a.outTTY), facts...)
			})
		})
}

// counted is a count, with a mark if there are more.
func counted(n client.Count) string {
	if n.More {
		return fmt.Sprintf("%d or more", n.Count)
	}
	return fmt.Sprint(n.Count)
}
