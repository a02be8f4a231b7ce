package registry

import (
	"slices"
	"time"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/operation"
)

// A profile is believed for maxProfileAge. An agent may shorten that to minProfileAge, and no
// further: its tool list may be megabytes long.
const (
	maxProfileAge = 24 * time.Hour
	minProfileAge = 5 * time.Minute
)

// ProfileFor is how long a profile is kept after its discovery. It has to expire, because no entry
// may have its endpoint any more. It has to outlast a long outage, in which an old profile serves,
// and operations that are polled no more after 90 days and wait for a webhook.
const ProfileFor = 400 * 24 * time.Hour

// Profile is what discovery found of an agent at one endpoint (contract B38).
type Profile struct {
	// URL and Transport are what was asked, Transport empty for MCP.
	URL       string         `json:"url"`
	Transport adcp.Transport `json:"transport,omitempty"`
	// PollTool is the tool that returns a task's status (contract E2); empty if the agent has none,
	// and then its webhook is the only way to follow a task.
	PollTool string `json:"poll_tool"`
	// ListTool is the tool that lists tasks (contract G1), empty if the agent has none.
	ListTool string `json:"list_tool"`
	// Tasks are those of the agent's tools that are known AdCP tasks.
	Tasks []string `json:"tasks"`
	// TasksOf says by which tables of AdCP's tools Tasks was made, and when: code that knows fewer
	// tools keeps this member and changes Tasks and DiscoveredAt.
	TasksOf string `json:"tasks_of,omitzero"`
	// Capabilities are the answer of get_adcp_capabilities.
	Capabilities adcp.Capabilities `json:"capabilities"`
	DiscoveredAt time.Time         `json:"discovered_at"`
	// StaleFrom is when the profile stops being believed because the agent said that it has changed;
	// zero if it has not said so.
	StaleFrom time.Time `json:"stale_from,omitzero"`
	// Unknown holds the members of the stored profile that only newer code knows.
	Unknown string `json:"-" document:"unknown"`

	// PollEvery is how long a round of polls of all the agent's open operations takes at present. The
	// breaker knows it; it is not part of the stored profile.
	PollEvery time.Duration `json:"-"`

	// outdated: For has found that the profile can't know whether the agent has the tool.
	outdated bool
}

// found makes of what discovery found the profile of an agent.
func (p *Profile) found(a Agent, now time.Time) {
	p.URL, p.Transport, p.DiscoveredAt = a.URL, a.Transport, now.UTC()
	p.TasksOf = p.tables()
}

// tables is TasksOf for a profile that is made now.
func (p Profile) tables() string { return adcp.Tables + " " + p.DiscoveredAt.Format(time.RFC3339Nano) }

// everListed are the tasks that a profile has always named if the agent had them.
var everListed = [...]adcp.Task{
	adcp.CreateMediaBuy, adcp.UpdateMediaBuy, adcp.SyncCreatives, adcp.BuildCreative, adcp.GetProducts,
	adcp.GetSignals, adcp.ActivateSignal, adcp.SyncCatalogs, adcp.SyncAccounts, adcp.SyncAudiences,
	adcp.AcquireRights, adcp.UpdateRights, adcp.CheckGovernance, "creative_approval", "log_event", "preview_creative",
	"provide_performance_feedback", "report_plan_outcome", "report_usage", "sync_event_sources", "sync_governance",
	"sync_plans",
}

// lists reports whether the profile would name the task if the agent had it.
func (p Profile) lists(t adcp.Task) bool {
	return p.TasksOf == p.tables() || slices.Contains(everListed[:], t)
}

// For returns the profile for an operation of a task. It is not fresh if it was made when discovery
// did not know the task.
func (p Profile) For(t adcp.Task) Profile {
	p.outdated = !slices.Contains(p.Tasks, string(t)) && !p.lists(t)
	return p
}

// Fresh reports whether a profile is still believed: for a day, or for less if the agent says so
// (contract B37), and not once the agent has said that it changed (contract F13).
func (p Profile) Fresh(now time.Time) bool {
	ttl := maxProfileAge
	if stated := p.Capabilities.Changes.TTL; stated > 0 {
		ttl = min(ttl, max(stated, minProfileAge))
	}
	changed := !p.StaleFrom.IsZero() && !now.Before(p.StaleFrom)
	return !p.DiscoveredAt.IsZero() && !p.outdated && !changed && now.Sub(p.DiscoveredAt) < ttl
}

// KnownFor reports whether the profile was discovered of the agent as it is registered now.
func (p Profile) KnownFor(a Agent) bool {
	return !p.DiscoveredAt.IsZero() && p.Endpoint() == a.Endpoint()
}

// Offers reports whether the agent has a task's tool. An agent whose tools are unknown may have
// every one, and so may one whose profile is older than our knowledge of the tool.
func (p Profile) Offers(t adcp.Task) bool {
	return len(p.Tasks) == 0 || slices.Contains(p.Tasks, string(t)) || !p.lists(t)
}

// Support returns what the agent offers for following an operation.
func (p Profile) Support() operation.AgentSupport {
	s := operation.AgentSupport{Pollable: p.PollTool != "", PollEvery: p.PollEvery}
	if offer := p.Capabilities.Idempotency; offer.Support == adcp.Supported {
		// An agent that states no window replays for the least that the protocol allows (contract C17).
		s.ReplayWindow = max(offer.ReplayTTL, time.Hour)
	}
	return s
}
