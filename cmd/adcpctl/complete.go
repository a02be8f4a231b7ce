package main

import (
	"context"
	"encoding/json"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"adcp-orchestrator/cmd/adcpctl/internal/show"
	"adcp-orchestrator/cmd/adcpctl/internal/timeline"
	"adcp-orchestrator/pkg/client"
)

// The pace of completion: a shell waits for it.
const (
	completeWithin = 2 * time.Second
	completeCache  = 30 * time.Second
)

// completeOperations completes the ids of open operations.
func (a *app) completeOperations(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
	return a.complete(cmd.Context(), "operations", func(ctx context.Context, c *client.Client) (ids []string, err error) {
		d, err := c.Operations(ctx, url.Values{"state": {"open"}, "limit": {"50"}})
		for _, o := range d.Value.Items {
			ids = append(ids,
				o.Value.ID+"\t"+strings.TrimSpace(timeline.State(o.Value.State)+" "+o.Value.PONumber+" "+o.Value.AgentID))
		}
		return ids, err
	})
}

// completeAgents completes the ids of agents.
func (a *app) completeAgents(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
	return a.complete(cmd.Context(), "agents", func(ctx context.Context, c *client.Client) (ids []string, err error) {
		d, err := c.Agents(ctx, url.Values{"limit": {"200"}})
		for _, v := range d.Value.Items {
			ids = append(ids, v.Value.ID+"\t"+v.Value.URL)
		}
		return ids, err
	})
}

// completeEndpoints completes the ids of webhook endpoints.
func (a *app) completeEndpoints(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
	return a.complete(cmd.Context(), "endpoints", func(ctx context.Context, c *client.Client) (ids []string, err error) {
		d, err := c.Endpoints(ctx)
		for _, e := range d.Value.Items {
			ids = append(ids, e.Value.ID+"\t"+e.Value.URL)
		}
		return ids, err
	})
}

// completeDeliveries completes an endpoint, then the ids of what was sent to it.
func (a *app) completeDeliveries(cmd *cobra.Command, args []string, typed string) ([]string,
	cobra.ShellCompDirective) {
	if len(args) == 0 {
		return a.completeEndpoints(cmd, args, typed)
	}
	what := "deliveries-" + url.PathEscape(args[0]) // it is part of a file's name
	return a.complete(cmd.Context(), what, func(ctx context.Context, c *client.Client) (ids []string, err error) {
		d, err := c.Deliveries(ctx, args[0], nil)
		for _, s := range d.Value.Items {
			ids = append(ids, s.Value.ID+"\t"+strings.TrimSpace(s.Value.State+" "+kindOf(s.Value.Type)+" "+s.Value.OperationID))
		}
		return ids, err
	})
}

func (a *app) completeProfiles(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	c, err := a.profiles().Load()
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	return c.Names(), cobra.ShellCompDirectiveNoFileComp
}

// complete reads what to complete from a cache of 30 s, or from the API. A fault is silent: a shell
// has no place for it.
func (a *app) complete(ctx context.Context, what string, read func(context.Context, *client.Client) ([]string, error)) (
	[]string, cobra.ShellCompDirective) {
	c, err := a.client()
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	c.Attempts, c.Retrying = 1, nil
	host, _ := url.Parse(c.Base)
	path := filepath.Join(a.directory("XDG_CACHE_HOME", ".cache"),
		strings.Join([]string{what, strings.ReplaceAll(host.Host, ":", "_"), tenantOf(c.Key)}, "-"))
	var ids []string
	if info, err := os.Stat(path); err == nil && a.now().Sub(info.ModTime()).Abs() < completeCache {
		if raw, err := os.ReadFile(path); err == nil && json.Unmarshal(raw, &ids) == nil {
			return ids, cobra.ShellCompDirectiveNoFileComp
		}
	}
	if ctx == nil {
		ctx = context.Background()
	}
	ctx, cancel := context.WithTimeout(ctx, completeWithin)
	defer cancel()
	if ids, err = read(ctx, c); err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	for i, id := range ids {
		name, about, _ := strings.Cut(id, "\t")
		ids[i] = show.Line(name) + "\t" + show.Cut(about, 60)
	}
	if raw, err := json.Marshal(ids); err == nil && os.MkdirAll(filepath.Dir(path), 0o700) == nil {
		_ = os.WriteFile(path, raw, 0o600)
	}
	return ids, cobra.ShellCompDirectiveNoFileComp
}
