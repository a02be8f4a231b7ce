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
	// Capabilities are the answer of get_adcp_capabilities.
	Capabilities adcp.Capabilities `json:"capabilities"`
	DiscoveredAt time.Time         `json:"discovered_at"`
	// Unknown holds the members of the stored profile that only newer code knows.
	Unknown string `json:"-" document:"unknown"`

	// PollEvery is how long a round of polls of all the agent's open operations takes at present. The
	// breaker knows it; it is not part of the stored profile.
	PollEvery time.Duration `json:"-"`
}

// Fresh reports whether a profile is still believed: for a day, or for less if the agent says so
// (contract B37).
func (p Profile) Fresh(now time.Time) bool {
	ttl := maxProfileAge
	if stated := p.Capabilities.Changes.TTL; stated > 0 {
		ttl = min(ttl, max(stated, minProfileAge))
	}
	return !p.DiscoveredAt.IsZero() && now.Sub(p.DiscoveredAt) < ttl
}

// KnownFor reports whether the profile was discovered of the agent as it is registered now.
func (p Profile) KnownFor(a Agent) bool {
	return !p.DiscoveredAt.IsZero() && p.Endpoint() == a.Endpoint()
}

// Offers reports whether the agent has a task's tool. An agent whose tools are unknown may have
// every one.
func (p Profile) Offers(t adcp.Task) bool {
	return len(p.Tasks) == 0 || slices.Contains(p.Tasks, string(t))
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
