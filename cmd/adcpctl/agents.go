package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"adcp-orchestrator/cmd/adcpctl/internal/show"
	"adcp-orchestrator/pkg/client"
)

func newAgents(a *app) *cobra.Command {
	g := group("agents", "the sales agents that operations are sent to", newAgentsList(a), newAgentsShow(a),
		newAgentsPut(a),
		newAgentsProbe(a), newAgentsPause(a), newAgentsResume(a), newAgentsDelete(a), newAgentsKeys(a))
	g.Aliases = []string{"agent"}
	return g
}

func newAgentsList(a *app) *cobra.Command {
	type agent = client.Counterparty
	return newList(a, "list the agents", nil, func() listing[agent] {
		clock := a.clock()
		return listing[agent]{none: "no agents: adcpctl agents put ID FILE registers one",
			id: func(v agent) string { return v.ID }, columns: []column[agent]{
				plain("AGENT", func(v agent) string { return v.ID }),
				plain("SPEAKS", func(v agent) string { return v.Transport }),
				plain("WEBHOOKS", func(v agent) string { return v.WebhookMode }),
				{head: "CIRCUIT", cell: circuit(clock)},
				plain("OPEN", func(v agent) string { return count(v.Traffic.OpenOperations) }),
				plain("QUEUE", func(v agent) string { return count(v.Traffic.Queue) }),
				plain("LAST FAILURE", func(v agent) string { return lastFailure(v, clock) }),
				plain("FINDINGS", func(v agent) string { return findingsLine(v.Discovery.Findings) }),
				extra("VERSION", func(v agent) string { return fmt.Sprint(v.Version) }),
				extra("UPDATED", func(v agent) string { return clock.At(v.UpdatedAt) }),
				plain("URL", func(v agent) string { return v.URL }),
			}}
	}, (*client.Client).Agents)
}

func circuit(clock show.Clock) func(client.Counterparty) show.Cell {
	return func(v client.Counterparty) show.Cell {
		switch c := v.Traffic.Circuit; {
		case v.Traffic.Paused != nil:
			return show.Cell{Text: "paused", Color: show.Yellow}
		case c.State == "":
			return show.Cell{}
		case c.State == "closed" && c.BackOffUntil.After(clock.Now):
			return show.Cell{Text: "◐ asked for time until " + clock.At(c.BackOffUntil), Color: show.Yellow}
		case c.State == "closed":
			return show.Cell{Text: "● closed", Color: show.Green}
		case c.OpenUntil.IsZero():
			return show.Cell{Text: "◐ " + words(c.State), Color: show.Yellow}
		default:
			return show.Cell{Text: "○ " + words(c.State) + " until " + clock.At(c.OpenUntil), Color: show.Red}
		}
	}
}

// several counts things by their English name.
func several(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

func count(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprint(n)
}

func lastFailure(v client.Counterparty, clock show.Clock) string {
	f := v.Traffic.Circuit.LastFailure
	if f == nil {
		return ""
	}
	return words(f.Result) + " " + clock.Since(f.At)
}

// findingsLine counts findings by severity.
func findingsLine(found []client.Finding) string {
	counts := map[string]int{}
	for _, f := range found {
		counts[f.Severity]++
	}
	line := ""
	for _, severity := range []string{"refused", "unsafe", "note"} {
		if n := counts[severity]; n > 0 {
			line += fmt.Sprintf(", %d %s", n, severity)
		}
	}
	if line == "" {
		return ""
	}
	return line[2:]
}

func newAgentsShow(a *app) *cobra.Command {
	return a.newRead("show AGENT", "show an agent, and what is to be known about it", oneArg, a.completeAgents,
		func(ctx context.Context, c *client.Client, args []string) error {
			d, err := c.Agent(ctx, args[0])
			if err != nil {
				return err
			}
			return a.document(d.Raw, d.Value.ID, func(w io.Writer) { a.agent(w, d.Value) })
		})
}

func (a *app) agent(w io.Writer, v client.Counterparty) {
	clock := a.clock()
	paused := ""
	if p := v.Traffic.Paused; p != nil {
		paused = p.Reason
	}
	show.Facts(w, a.colors(a.outTTY), [2]string{"agent", v.ID}, [2]string{"url", v.URL}, [2]string{"speaks", v.Transport},
		[2]string{"webhooks", v.WebhookMode}, [2]string{"circuit", circuit(clock)(v).Text}, [2]string{"paused", paused},
		[2]string{"last failure", lastFailure(v, clock)}, [2]string{"open", count(v.Traffic.OpenOperations)},
		[2]string{"calls", count(v.Traffic.CallsInFlight)}, [2]string{"queue", count(v.Traffic.Queue)},
		[2]string{"version", fmt.Sprint(v.Version)}, [2]string{"updated", clock.At(v.UpdatedAt)},
		[2]string{"discovered", clock.At(v.Discovery.DiscoveredAt)}, [2]string{"polls by", v.Discovery.PollTool})
	a.findings(w, v.Discovery.Findings)
}

// findings tells findings with their remedies.
func (a *app) findings(w io.Writer, found []client.Finding) {
	for _, f := range found {
		color := show.None
		switch f.Severity {
		case "refused":
			color = show.Red
		case "unsafe":
			color = show.Yellow
		}
		fmt.Fprintf(w, "%s %s  %s: %s\n", show.Paint(a.colors(a.outTTY), color, show.Line(f.Severity)), show.Line(f.Code),
			show.Line(f.Field), show.Line(f.Detail))
		if f.Remedy != "" {
			fmt.Fprintf(w, "  %s\n", show.Line(f.Remedy))
		}
	}
}

func newAgentsPut(a *app) *cobra.Command {
	var file string
	cmd := &cobra.Command{Use: "put AGENT FILE|-", Short: "register an agent, or replace its entry",
		Example: "  adcpctl agents put nova-retail nova.json"}
	cmd.Flags().StringVarP(&file, "file", "f", "", "the file, instead of an argument")
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		n := 2
		if file != "" {
			n = 1
		}
		return between(cmd, args, n, n)
	}
	var body []byte
	cmd.RunE = a.call(func(ctx context.Context, args []string) (err error) {
		if file == "" {
			file = args[1]
		}
		if body, err = a.readFile(file); err != nil {
			return err
		}
		return a.confirm(ctx, false, "Register %s?", show.Line(args[0]))
	}, func(ctx context.Context, c *client.Client, args []string) error {
		d, err := c.PutAgent(ctx, args[0], body)
		if err != nil {
			return err
		}
		return a.document(d.Raw, d.Value.ID, func(w io.Writer) { a.agent(w, d.Value) })
	})
	return cmd
}

func newAgentsProbe(a *app) *cobra.Command {
	return a.newRead("probe AGENT", "ask an agent what it is now; nothing is stored", oneArg, a.completeAgents,
		func(ctx context.Context, c *client.Client, args []string) error {
			d, err := c.ProbeAgent(ctx, args[0])
			if err != nil {
				return err
			}
			return a.document(d.Raw, args[0], func(w io.Writer) {
				found := d.Value.Discovery
				how := "answered"
				if !d.Value.Reached {
					how = "was not reached"
				}
				fmt.Fprintf(w, "%s %s: %s, %s\n", show.Line(args[0]), how, several(len(found.Tasks), "task"),
					several(len(found.Findings), "finding"))
				for _, s := range d.Value.Steps {
					line := fmt.Sprintf("  %s  %d ms  %s", show.Line(s.Step), s.Milliseconds, show.Line(s.Error))
					fmt.Fprintln(w, strings.TrimRight(line, " "))
				}
				a.findings(w, found.Findings)
			})
		})
}

func newAgentsPause(a *app) *cobra.Command {
	var reason string
	return needReason(a.newAct("pause AGENT...|-", "let no call to an agent leave", false, a.completeAgents,
		func(ctx context.Context, c *client.Client, id string) (acted, error) {
			d, err := c.PauseAgent(ctx, id, reason)
			return acted{d.Raw, "paused"}, err
		}), &reason)
}

func newAgentsResume(a *app) *cobra.Command {
	var reason string
	return needReason(a.newAct("resume AGENT...|-", "end a pause of an agent", false, a.completeAgents,
		func(ctx context.Context, c *client.Client, id string) (acted, error) {
			d, err := c.ResumeAgent(ctx, id, reason)
			return acted{d.Raw, "resumed"}, err
		}), &reason)
}

func newAgentsDelete(a *app) *cobra.Command {
	var etag string
	cmd := a.newAct("delete AGENT...|-", "remove an agent that has no open operations", true, a.completeAgents,
		func(ctx context.Context, c *client.Client, id string) (acted, error) {
			version := etag
			if version == "" { // of what is there now: it is the one that was asked about
				d, err := c.Agent(ctx, id)
				if err != nil {
					return acted{}, err
				}
				version = client.ETag(d.Value.Version)
			}
			return acted{nil, "deleted"}, c.DeleteAgent(ctx, id, version)
		})
	cmd.Flags().StringVar(&etag, "if-match", "", "only this version; by default the one that is there")
	return cmd
}

func newAgentsKeys(a *app) *cobra.Command {
	var confirm string
	cmd := a.newRead("keys AGENT", "the keys that an agent's webhooks are checked with", oneArg, a.completeAgents, nil)
	cmd.Flags().StringVar(&confirm, "confirm", "", "confirm this new address of the key set")
	cmd.RunE = a.call(func(ctx context.Context, args []string) error {
		if confirm == "" {
			return nil
		}
		return a.confirm(ctx, true, "Take the keys of %s from %s?", args[0], confirm)
	}, func(ctx context.Context, c *client.Client, args []string) error {
		var d client.Doc[client.AgentKeys]
		var err error
		if confirm == "" {
			d, err = c.AgentKeys(ctx, args[0])
		} else {
			d, err = c.ConfirmKeys(ctx, args[0], confirm)
		}
		if err != nil {
			return err
		}
		return a.document(d.Raw, args[0], func(w io.Writer) { a.agentKeys(w, d.Value) })
	})
	return cmd
}

func (a *app) agentKeys(w io.Writer, k client.AgentKeys) {
	clock := a.clock()
	change := ""
	if k.PendingChange != nil {
		change = k.PendingChange.JWKSURI + " (confirm it: adcpctl agents keys " + a.subject + " --confirm URL)"
	}
	show.Facts(w, a.colors(a.outTTY), [2]string{"brand.json", k.BrandURL}, [2]string{"key set", k.JWKSURI},
		[2]string{"pinned", clock.At(k.PinnedAt)}, [2]string{"fetched", clock.At(k.FetchedAt)},
		[2]string{"new key set", change}, [2]string{"revocation list", k.Revocation.State}, [2]string{"failure", k.Failure})
	var rows [][]show.Cell
	for _, key := range k.Keys {
		state := show.Cell{Text: "valid", Color: show.Green}
		if key.Revoked {
			state = show.Cell{Text: "revoked", Color: show.Red}
		}
		rows = append(rows, []show.Cell{{Text: key.KID}, {Text: key.Alg}, {Text: key.Use}, state,
			{Text: clock.At(key.FirstSeen)}})
	}
	if len(rows) > 0 {
		a.table([]string{"KEY", "ALG", "USE", "STATE", "FIRST SEEN"}, rows)
	}
}
