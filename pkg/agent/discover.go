package agent

import (
	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/registry"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
)

// The tools that tell a task's status and that list tasks, the present names first (contract B38).
var (
	pollTools = []string{"get_task_status", "tasks_get", "tasks/get"}
	listTools = []string{"list_tasks", "tasks_list", "tasks/list"}
)

const capabilitiesTool = "get_adcp_capabilities"

// knownTasks are the AdCP tasks that a profile names when an agent offers them.
var knownTasks = []string{
	"acquire_rights", "activate_signal", "build_creative", "calibrate_content_standards", "check_governance", "create_media_buy", "creative_approval",
	"get_account_financials", "get_adcp_capabilities", "get_brand_identity", "get_creative_delivery", "get_media_buy_delivery", "get_media_buys",
	"get_plan_audit_logs", "get_products", "get_rights", "get_signals", "list_accounts", "list_creative_formats", "list_creatives", "log_event",
	"preview_creative", "provide_performance_feedback", "report_plan_outcome", "report_usage", "sync_accounts", "sync_audiences", "sync_catalogs",
	"sync_creatives", "sync_event_sources", "sync_governance", "sync_plans", "update_media_buy", "update_rights",
}

// The bounds of a tool list: an agent that pages for ever is not asked for ever.
const (
	maxPages = 100
	maxTools = 10_000
)

// Discover reads an agent's tools and, if it offers them, its capabilities. It returns a *adcp.CallError when the agent can't be asked. An agent that
// does not answer get_adcp_capabilities has none: a peer of 2.x (contract B32).
func (c *Client) Discover(ctx context.Context, a registry.Agent) (registry.Profile, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	p, err := c.discover(ctx, a)
	if err == nil {
		return p, nil
	}
	resp, err := classify(err)
	if resp.Err != nil { // refused in AdCP's terms: AUTH_MISSING, RATE_LIMITED
		err = &adcp.CallError{Outcome: adcp.Refused, RetryAfter: resp.Err.RetryAfter, Code: clean(resp.Err.Code), Cause: fmt.Errorf("%s: %s", clean(resp.Err.Code), clean(resp.Err.Message))}
	}
	return registry.Profile{}, err
}

func (c *Client) discover(ctx context.Context, a registry.Agent) (registry.Profile, error) {
	c.cards.forget(a) // asked for news
	l, err := c.open(ctx, a)
	if err != nil {
		return registry.Profile{}, err
	}
	defer l.close()
	tools, err := l.tools(ctx)
	if err != nil {
		return registry.Profile{}, err
	}
	p := registry.Profile{URL: a.URL, PollTool: prefer(pollTools, tools), ListTool: prefer(listTools, tools), Tasks: []string{}}
	for _, t := range knownTasks {
		if slices.Contains(tools, t) {
			p.Tasks = append(p.Tasks, t)
		}
	}
	// Contract B19 has every A2A card name it; the npm seller's doesn't, and answers it all the same.
	if a.Transport == registry.A2A || slices.Contains(tools, capabilitiesTool) {
		if err := capabilities(ctx, l, &p); err != nil {
			return registry.Profile{}, err
		}
	}
	p.DiscoveredAt = c.now().UTC()
	return p, nil
}

// tools reads the names of all the agent's tools. Their schemas are not read: they are often wrong, and sometimes most of ten megabytes.
func (s *session) tools(ctx context.Context) ([]string, error) {
	var names []string
	params := json.RawMessage(`{}`)
	for range maxPages {
		x := &exchange{limit: maxList, slim: true, replayable: true}
		result, err := s.request(ctx, "tools/list", params, x)
		if err != nil {
			return nil, err
		}
		var page struct {
			Tools      []json.RawMessage `json:"tools"`
			NextCursor json.RawMessage   `json:"nextCursor"`
		}
		if err := json.Unmarshal(result, &page); err != nil {
			return nil, x.failed(fmt.Errorf("the agent's tool list can't be read: %w", err))
		}
		for _, raw := range page.Tools {
			var tool struct {
				Name string `json:"name"`
			}
			if json.Unmarshal(raw, &tool) == nil && tool.Name != "" {
				names = append(names, tool.Name)
			}
		}
		var cursor string
		if json.Unmarshal(page.NextCursor, &cursor) != nil || cursor == "" {
			return names, nil
		}
		if len(names) > maxTools {
			return nil, x.failed(fmt.Errorf("the agent lists more than %d tools", maxTools))
		}
		if params, err = json.Marshal(map[string]string{"cursor": cursor}); err != nil {
			return nil, err
		}
	}
	return nil, s.wire.last.failed(fmt.Errorf("the agent's tool list has more than %d pages", maxPages))
}

// capabilities asks for the agent's capabilities. One that answers without saying any is no failure.
func capabilities(ctx context.Context, l line, p *registry.Profile) error {
	r, err := l.call(ctx, capabilitiesTool, json.RawMessage(`{"adcp_version":"`+adcp.Version+`"}`))
	if err != nil {
		if f := (*failure)(nil); errors.As(err, &f) && f.rpc != nil && f.status < 300 && !f.door {
			return nil
		}
		return err
	}
	p.Capabilities = adcp.ReadCapabilities(r.Payload)
	return nil
}

// prefer returns the first of the names that the agent offers, "" if it offers none.
func prefer(names, offered []string) string {
	for _, n := range names {
		if slices.Contains(offered, n) {
			return n
		}
	}
	return ""
}
