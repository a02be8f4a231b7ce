package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"adcp-orchestrator/cmd/adcpctl/internal/show"
	"adcp-orchestrator/pkg/client"
)

func newMetrics(a *app) *cobra.Command {
	var last time.Duration
	var p paging
	cmd := a.newRead("metrics", "figures of your tenant", noArgs, nil,
		func(ctx context.Context, c *client.Client, _ []string) error {
			now := a.now().UTC().Truncate(time.Second)
			q := p.query()
			q.Set("from", now.Add(-last).Format(time.RFC3339))
			q.Set("to", now.Format(time.RFC3339))
			d, err := c.Metrics(ctx, q)
			if err != nil {
				return err
			}
			return a.document(d.Raw, "", func(io.Writer) { a.series(d.Value) })
		})
	cmd.Flags().DurationVar(&last, "last", 24*time.Hour, "how far back")
	p.filter(cmd, filter{"names", "names", "only these, separated by commas"}, filter{"step", "step", "1h or 1d"},
		filter{"by", "by", "type or agent_id"})
	return cmd
}

// series shows each figure with its last value, and how it went.
func (a *app) series(m client.Metrics) {
	var rows [][]show.Cell
	for _, s := range m.Items {
		rows = append(rows, []show.Cell{{Text: words(s.Name)}, {Text: s.Group}, {Text: lastValue(s)},
			{Text: spark(s.Points)}})
	}
	if len(rows) == 0 {
		a.say("no figures")
		return
	}
	a.table([]string{"FIGURE", "OF", "LAST", "SO FAR"}, rows)
}

func lastValue(s client.Series) string {
	for _, p := range slices.Backward(s.Points) {
		if p.Value != nil {
			switch s.Unit {
			case "ratio":
				return fmt.Sprintf("%.3g %%", 100**p.Value)
			case "seconds":
				return show.Span(time.Duration(*p.Value * float64(time.Second)))
			}
			return strings.TrimSpace(fmt.Sprintf("%.4g %s", *p.Value, s.Unit))
		}
	}
	return "-"
}

// sparkWidth is the most columns of a spark line: the newest points.
const sparkWidth = 48

// spark draws points as bars. A point without a value is a gap.
func spark(points []client.Point) string {
	if len(points) > sparkWidth {
		points = points[len(points)-sparkWidth:]
	}
	most := 0.0
	for _, p := range points {
		if p.Value != nil {
			most = max(most, *p.Value)
		}
	}
	bars := []rune("▁▂▃▄▅▆▇█")
	line := make([]rune, 0, len(points))
	for _, p := range points {
		switch {
		case p.Value == nil:
			line = append(line, '·')
		case most <= 0:
			line = append(line, bars[0])
		default:
			line = append(line, bars[min(int(max(*p.Value, 0)/most*float64(len(bars)-1)+0.5), len(bars)-1)])
		}
	}
	return string(line)
}
