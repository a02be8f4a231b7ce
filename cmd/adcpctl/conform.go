package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"adcp-orchestrator/cmd/adcpctl/internal/show"
	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/agent"
	"adcp-orchestrator/pkg/conform"
	"adcp-orchestrator/pkg/registry"
	"adcp-orchestrator/pkg/safehttp"
)

// trying is how an agent is tried.
type trying struct{ agent, transport, tokenEnv, buy string }

func newConform(a *app) *cobra.Command {
	var t trying
	cmd := &cobra.Command{Use: "conform --agent URL", Short: "try a sales agent: what will a buyer suffer from it?",
		Args: noArgs,
		Long: "Calls a sales agent from this machine, as the orchestrator would, and says of each behavior whether a buyer " +
			"will\nsuffer from it, and what the orchestrator does about it. It needs no API. Nothing is bought unless " +
			"--buy names\nan order. That buy is canceled at last; an agent that buys again for a repetition leaves others, " +
			"to be\ncanceled there.\n\n" +
			"  ✓ good   ! a buyer suffers   – not tried\n\n" +
			"Exit code 0: nothing to suffer from; 20: something is.",
		Example: "  adcpctl conform --agent https://sales.example.com/mcp\n" +
			"  TOKEN=... adcpctl conform --agent https://sales.example.com/mcp --token-env TOKEN --buy events/buy.json"}
	f := cmd.Flags()
	f.StringVar(&t.agent, "agent", "", "the agent's address (required)")
	f.StringVar(&t.transport, "transport", "mcp", "what it speaks: mcp or a2a")
	f.StringVar(&t.tokenEnv, "token-env", "", "the environment variable that holds the agent's token")
	f.StringVar(&t.buy, "buy", "", "a file with an order: a submission, or the arguments of create_media_buy")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return a.conform(cmd.Context(), t) }
	return cmd
}

// conformTimeout is for a whole trial: agents may take half a minute for an order.
const conformTimeout = 5 * time.Minute

func (a *app) conform(ctx context.Context, t trying) error {
	target, err := a.counterparty(t)
	if err != nil {
		return err
	}
	trial := conform.Trial{Agent: target, Now: a.now, NewID: uuid.NewString, Report: a.tried,
		Caller: agent.New(agent.Options{Secrets: environment(a.env),
			HTTP: safehttp.Options{AllowLoopback: isLoopback(target.URL)}})}
	if t.buy != "" {
		if trial.Buy, err = a.order(t.buy); err != nil {
			return err
		}
		if err := a.confirm(ctx, true, "Buy at %s, and cancel the buy then?", show.Line(t.agent)); err != nil {
			return err
		}
	}
	wait := conformTimeout
	if a.flags.timeout > 0 {
		wait = a.flags.timeout
	}
	within, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	trial.Pause = func(ctx context.Context) error { return pause(ctx, tailPause) }
	results := trial.Run(within)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	a.leftover(results)
	return a.verdict(t.agent, results)
}

// leftover says that an order was taken and not canceled.
func (a *app) leftover(results []conform.Result) {
	ordered := ""
	for _, r := range results {
		switch {
		case r.Scenario == conform.Orders && r.Verdict == conform.Good:
			ordered = r.Detail
		case r.Scenario == conform.Cancels && r.Verdict != conform.Good && ordered != "":
			a.say("the order was taken (%s) and not canceled: cancel it at the agent", show.Line(ordered))
		}
	}
}

// environment reads an agent's token from the environment: an argument could be read by everybody
// on the machine.
type environment func(name string) string

// Secret returns the variable of that name.
func (e environment) Secret(_ context.Context, name string) (string, error) { return e(name), nil }

// counterparty is the agent that the flags name.
func (a *app) counterparty(t trying) (registry.Agent, error) {
	none := registry.Agent{}
	transport := adcp.Transport(t.transport)
	switch {
	case t.agent == "":
		return none, usage("add --agent URL", "which agent?")
	case transport != adcp.MCP && transport != adcp.A2A:
		return none, usage("choose mcp or a2a", "--transport can't be %q", t.transport)
	case a.flags.output == "id":
		return none, usage("leave -o id out", "this has no id")
	case t.tokenEnv != "" && a.env(t.tokenEnv) == "":
		return none, usage("set it to the token, without Bearer", "the environment variable %s is empty", t.tokenEnv)
	}
	if err := safehttp.CheckURL(t.agent, isLoopback(t.agent)); err != nil {
		return none, usage("as in https://sales.example.com/mcp", "--agent: %v", err)
	}
	return registry.Agent{Tenant: "conform", ID: "agent", URL: t.agent, Transport: transport, CredentialRef: t.tokenEnv,
		Version: 1}, nil
}

// isLoopback reports whether an address is on this machine, as a seller under development is.
func isLoopback(address string) bool {
	u, err := url.Parse(address)
	if err != nil {
		return false
	}
	ip, err := netip.ParseAddr(u.Hostname())
	return err == nil && ip.IsLoopback() || u.Hostname() == "localhost"
}

// order reads what is to be bought: the arguments of create_media_buy, or a submission with them.
func (a *app) order(file string) (map[string]any, error) {
	raw, err := a.readFile(file)
	if err != nil {
		return nil, err
	}
	var order map[string]any
	if err := json.Unmarshal(raw, &order); err != nil || order == nil {
		return nil, usage("", "%s: not a JSON object", file)
	}
	if request, ok := order["request"].(map[string]any); ok {
		if task := order["type"]; task != "create_media_buy" {
			return nil, usage("name a create_media_buy", "%s is a %v", file, task)
		}
		order = request
	}
	delete(order, "idempotency_key")
	return order, nil
}

// tried tells a result as soon as it is known.
func (a *app) tried(r conform.Result) {
	if a.flags.output == "jsonl" {
		raw, _ := json.Marshal(r)
		_ = show.JSONLine(a.out, raw)
		return
	}
	if a.machine() {
		return
	}
	mark, color := "✓", show.Green
	switch r.Verdict {
	case conform.Suffers:
		mark, color = "!", show.Yellow
	case conform.Skipped:
		mark, color = "–", show.Dim
	case conform.Good:
	}
	on := a.colors(a.outTTY)
	line := show.Paint(on, color, mark+" "+r.Scenario)
	if r.Detail != "" {
		line += ": " + show.Cut(r.Detail, 160)
	}
	fmt.Fprintln(a.out, line)
	if r.Verdict == conform.Suffers {
		fmt.Fprintf(a.out, "    you suffer:       %s\n    the orchestrator: %s\n", r.Suffering, r.Answer)
	}
}

// verdict sums the results up.
func (a *app) verdict(address string, results []conform.Result) error {
	counts := map[conform.Verdict]int{}
	for _, r := range results {
		counts[r.Verdict]++
	}
	if a.flags.output != "jsonl" {
		raw, err := json.Marshal(struct {
			Agent   string           `json:"agent"`
			Good    int              `json:"good"`
			Suffers int              `json:"suffers"`
			Skipped int              `json:"skipped"`
			Results []conform.Result `json:"results"`
		}{address, counts[conform.Good], counts[conform.Suffers], counts[conform.Skipped], results})
		if err != nil {
			return err
		}
		err = a.document(raw, "", func(w io.Writer) {
			parts := []string{fmt.Sprintf("%d good", counts[conform.Good]),
				fmt.Sprintf("%d to suffer from", counts[conform.Suffers]),
				fmt.Sprintf("%d not tried", counts[conform.Skipped])}
			fmt.Fprintf(w, "\n%s\n", strings.Join(parts, ", "))
		})
		if err != nil {
			return err
		}
	}
	if counts[conform.Suffers] > 0 {
		return done(exitFailed)
	}
	return nil
}
