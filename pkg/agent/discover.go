package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/registry"
)

// The tools that return a task's status and that list tasks, the present names first (contract
// B38).
var (
	pollTools = []string{"get_task_status", "tasks_get", "tasks/get"}
	listTools = []string{"list_tasks", "tasks_list", "tasks/list"}
)

const capabilitiesTool = "get_adcp_capabilities"

// profileTasks returns the AdCP tools that a profile names when an agent offers them, sorted: those
// of all releases, without those that have a place of their own in it.
var profileTasks = sync.OnceValue(func() []string {
	return slices.DeleteFunc(adcp.Tools(), func(name string) bool {
		return slices.Contains(pollTools, name) || slices.Contains(listTools, name)
	})
})

// knownTool returns our own copy of a tool's name, if a profile can depend on whether an agent
// offers the tool. Names of other tools are not held: agents may have many and long ones.
func knownTool(name string) (own string, known bool) {
	for _, names := range [][]string{pollTools, listTools, profileTasks()} {
		if i := slices.Index(names, name); i >= 0 {
			return names[i], true
		}
	}
	return "", false
}

// The limits of a tool list. They end an agent that pages forever.
const (
	maxPages = 100
	maxTools = 10_000
)

// Discover reads an agent's tools and, if it offers them, its capabilities. It returns a
// *adcp.CallError when the agent gives no usable answer. An agent that does not answer
// get_adcp_capabilities has no capabilities: it speaks AdCP 2.x (contract B32).
func (c *Client) Discover(ctx context.Context, a registry.Agent) (registry.Profile, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var p registry.Profile
	var failed error
	err := c.withCredential(ctx, a, func(k *authorization) refusal {
		if p, failed = c.discover(ctx, a, k); failed == nil {
			return accepted
		}
		resp, err := classify(failed)
		if resp.Err != nil { // an AdCP error, such as AUTH_MISSING or RATE_LIMITED
			code := adcp.LogText(resp.Err.Code)
			err = &adcp.CallError{
				Outcome:    adcp.Refused,
				RetryAfter: resp.Err.RetryAfter,
				Code:       code,
				Cause:      fmt.Errorf("%s: %s", code, adcp.LogText(resp.Err.Message)),
			}
		}
		how := k.judge(resp, err)
		failed = redactError(a.Secrets.And(k.secrets), err)
		if how == refused { // whatever was read: a discovery changes nothing
			return unread
		}
		return how
	})
	if err != nil {
		_, failed = classify(err)
	}
	return p, failed
}

func (c *Client) discover(ctx context.Context, a registry.Agent, k *authorization) (registry.Profile, error) {
	c.cards.forget(a) // a discovery must read the present card
	s, err := c.open(ctx, ctx, a, k)
	if err != nil {
		return registry.Profile{}, err
	}
	defer s.close()
	tools, err := s.tools(ctx)
	if err != nil {
		return registry.Profile{}, err
	}
	p := registry.Profile{
		URL:      a.URL,
		PollTool: firstOffered(pollTools, tools),
		ListTool: firstOffered(listTools, tools),
		Tasks:    []string{},
	}
	for _, t := range profileTasks() {
		if slices.Contains(tools, t) {
			p.Tasks = append(p.Tasks, t)
		}
	}
	// Contract B19 requires every A2A card to name the capabilities tool. The npm seller's card does
	// not, but the seller answers it all the same.
	if a.Transport == adcp.A2A || slices.Contains(tools, capabilitiesTool) {
		if err := readCapabilities(ctx, s, &p); err != nil {
			return registry.Profile{}, err
		}
	}
	p.DiscoveredAt = c.now().UTC()
	return p, nil
}

// tools reads the names of the agent's tools. It does not read their schemas: these are often
// wrong, and some lists are ten megabytes long, mostly schemas.
func (s *mcpSession) tools(ctx context.Context) ([]string, error) {
	var names []string
	listed := 0
	params := json.RawMessage(`{}`)
	var x *exchange
	for range maxPages {
		x = &exchange{subject: subject{method: "tools/list"}, limit: maxToolList, filterTools: true, replayable: true}
		result, err := s.request(ctx, params, x)
		if err != nil {
			return nil, err
		}
		var page struct {
			Tools      []json.RawMessage `json:"tools"`
			NextCursor json.RawMessage   `json:"nextCursor"`
		}
		if err := json.Unmarshal(result, &page); err != nil {
			return nil, x.failed(fmt.Errorf("the agent's tool list cannot be read: %w", err))
		}
		for _, raw := range page.Tools {
			var tool struct {
				Name string `json:"name"`
			}
			if json.Unmarshal(raw, &tool) != nil {
				continue
			}
			listed++
			if name, known := knownTool(tool.Name); known && !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
		var cursor string
		if json.Unmarshal(page.NextCursor, &cursor) != nil || cursor == "" {
			return names, nil
		}
		if listed > maxTools {
			return nil, x.failed(fmt.Errorf("the agent lists more than %d tools", maxTools))
		}
		if params, err = json.Marshal(map[string]string{"cursor": cursor}); err != nil {
			return nil, err
		}
	}
	return nil, x.failed(fmt.Errorf("the agent's tool list has more than %d pages", maxPages))
}

// readCapabilities requests the agent's capabilities. An answer without any is not a failure. The
// request is written in Version, which agents of every release of 3 take. One that refuses it is
// asked once more: in a release that it names, or without any if it names none (contract B31). What
// it names is all that is known of it if it refuses again, or shares no release.
func readCapabilities(ctx context.Context, s session, p *registry.Profile) error {
	r, err := s.call(ctx, capabilitiesTool, json.RawMessage(`{"adcp_version":"`+adcp.Version+`"}`))
	if err == nil && r.Err != nil && r.Err.Code == adcp.VersionUnsupported {
		named := r.Err.SupportedVersions()
		release, shared := adcp.Negotiate(named, "")
		if shared || len(named) == 0 {
			again := json.RawMessage(`{}`)
			if shared && release != adcp.Version {
				again = json.RawMessage(`{"adcp_version":"` + release + `"}`)
			}
			r, err = s.call(ctx, capabilitiesTool, again)
		}
		if err == nil && r.Err != nil {
			p.Capabilities.Versions = named
			return nil
		}
	}
	if err != nil {
		if f := (*failure)(nil); errors.As(err, &f) && f.rpc != nil && f.status < 300 && !f.accessError {
			return nil
		}
		return err
	}
	p.Capabilities = adcp.ReadCapabilities(r.Payload)
	return nil
}

// firstOffered returns the first of the names that the agent offers, "" if it offers none.
func firstOffered(names, offered []string) string {
	for _, n := range names {
		if slices.Contains(offered, n) {
			return n
		}
	}
	return ""
}
