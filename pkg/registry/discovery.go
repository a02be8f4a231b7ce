package registry

import (
	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/store"
	"cmp"
	"context"
	"errors"
	"slices"
	"time"
)

// profileFor is how long what was discovered of an agent is believed; leastProfile is the shortest that an agent can make it: its tool list may be megabytes.
const (
	maxProfileAge = 24 * time.Hour
	minProfileAge = 5 * time.Minute
)

// recall returns what an agent was last found to offer, the zero Profile if it was never asked as it is registered now.
func Recall(ctx context.Context, s Profiles, a Agent) (Profile, error) {
	p, err := s.Profile(ctx, a.Tenant, a.ID)
	if errors.Is(err, store.ErrNotFound) || err == nil && !p.isOf(a.URL, a.Transport) {
		return Profile{}, nil
	}
	return p, err
}

// discover returns what an agent offers: as recalled if that is recent, else asked, and then stored for everybody. An old profile serves while the agent
// can't be asked.
func Discover2(ctx context.Context, s Profiles, agents Caller, a Agent, known Profile, now time.Time) (Profile, error) {
	same := !known.DiscoveredAt.IsZero()
	if known.Fresh(now) {
		return known, nil
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	p, err := agents.Discover(ctx, a)
	if err != nil {
		var ce *adcp.CallError
		if same && !(errors.As(err, &ce) && ce.RetryAfter > 0) { // one that asks for time is left alone (contract D8), whatever is known of it
			return known, nil
		}
		return known, err
	}
	p.URL, p.Transport, p.DiscoveredAt = a.URL, a.Transport, now.UTC()
	return p, s.PutProfile(ctx, a.Tenant, a.ID, p)
}

// recent reports whether a profile is still believed: for a day, or for less if the agent says so (contract B37).
func (p Profile) Fresh(now time.Time) bool {
	ttl := maxProfileAge
	if said := p.Capabilities.Changes.TTL; said > 0 {
		ttl = min(ttl, max(said, minProfileAge))
	}
	return !p.DiscoveredAt.IsZero() && now.Sub(p.DiscoveredAt) < ttl
}

func SupportOf(p Profile) operation.AgentSupport {
	m := operation.AgentSupport{Pollable: p.PollTool != ""}
	if offer := p.Capabilities.Idempotency; offer.Support == adcp.Supported {
		// The least window that the protocol allows, if the agent does not say (contract C17).
		m.ReplayWindow = max(offer.ReplayTTL, time.Hour)
	}
	return m
}

type Profiles interface {
	// Profile returns what was discovered of an agent, or ErrNotFound.
	Profile(ctx context.Context, tenant, agentID string) (Profile, error)
	// PutProfile stores it.
	PutProfile(ctx context.Context, tenant, agentID string, p Profile) error
}

// Profile is what an agent was found to offer: discovered, not assumed (contract B38).
type Profile struct {
	// URL is the address that was asked: another one is discovered again.
	URL string `json:"url"`
	// Transport is what it was asked over, empty for MCP.
	Transport Transport `json:"transport,omitempty"`
	// PollTool is the tool that tells a task's status (contract E2), empty if the agent has none: then its webhook is the only way.
	PollTool string `json:"poll_tool"`
	// ListTool is the tool that lists tasks (contract G1), empty if the agent has none.
	ListTool string `json:"list_tool"`
	// Tasks are the AdCP tasks among the agent's tools that we know.
	Tasks []string `json:"tasks"`
	// Capabilities are what get_adcp_capabilities said.
	Capabilities adcp.Capabilities `json:"capabilities"`
	// DiscoveredAt is when it was asked.
	DiscoveredAt time.Time `json:"discovered_at"`
}

// of reports whether the profile is of an agent as it is registered now: another address, or another transport, is another agent.
func (p Profile) isOf(url string, t Transport) bool {
	return p.URL == url && cmp.Or(p.Transport, MCP) == cmp.Or(t, MCP)
}

// offers reports whether the agent has a task's tool. One whose tools are not known is given the benefit of the doubt.
func (p Profile) Offers(t adcp.Task) bool {
	return len(p.Tasks) == 0 || slices.Contains(p.Tasks, string(t))
}

// known reports whether the profile is of the agent as it is registered.
func (p Profile) KnownFor(a Agent) bool {
	return !p.DiscoveredAt.IsZero() && p.isOf(a.URL, a.Transport)
}
