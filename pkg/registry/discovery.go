package registry

import (
	"context"
	"errors"
	"time"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/store"
)

// discoverTimeout bounds the discovery before a call. Storing what it found has time of its own: an
// agent that takes nearly all of this one would be discovered again and again.
const discoverTimeout = 30 * time.Second

// Profiles keeps what discovery found of agents: one profile for each endpoint of an agent, so that
// operations at an old address and at the new one share none.
type Profiles interface {
	// Profile returns the profile of an agent at an endpoint, or store.ErrNotFound. One that was
	// stored longer than ProfileFor ago is not found.
	Profile(ctx context.Context, tenant, agentID string, at Endpoint) (Profile, error)
	// PutProfile stores a profile in place of the one of its endpoint.
	PutProfile(ctx context.Context, tenant, agentID string, p Profile) error
}

// Recall returns the stored profile of an agent at its endpoint, the zero Profile if there is none.
func Recall(ctx context.Context, s Profiles, a Agent) (Profile, error) {
	p, err := s.Profile(ctx, a.Tenant, a.ID, a.Endpoint())
	if errors.Is(err, store.ErrNotFound) {
		return Profile{}, nil
	}
	return p, err
}

// Refresh returns known if it is fresh. Else it asks the agent and stores the answer for all
// functions. An old profile serves while the agent can't be reached.
func Refresh(ctx context.Context, s Profiles, agents Caller, a Agent, known Profile, now time.Time) (Profile, error) {
	if known.Fresh(now) {
		return known, nil
	}
	discovering, cancel := context.WithTimeout(ctx, discoverTimeout)
	defer cancel()
	a.Signing = known.Capabilities.Signing() // as the agent wanted its requests signed so far
	p, err := agents.Discover(discovering, a)
	if err != nil {
		var ce *adcp.CallError
		// An agent that asks for time gets it (contract D8), whatever is known of it.
		wantsTime := errors.As(err, &ce) && ce.RetryAfter > 0
		if !known.DiscoveredAt.IsZero() && !wantsTime {
			return known, nil
		}
		return known, err
	}
	p.found(a, now)
	store.CarryUnknown(&p, known)
	return p, s.PutProfile(ctx, a.Tenant, a.ID, p)
}

// Outdate notes that an agent says its capabilities have changed (contract F13): the next call
// discovers it again. A chatty agent can't make every call do that: a profile is believed for
// minProfileAge.
func Outdate(ctx context.Context, s Profiles, a Agent, now time.Time) error {
	p, err := Recall(ctx, s, a)
	if err != nil || p.DiscoveredAt.IsZero() || !p.StaleFrom.IsZero() {
		return err
	}
	p.StaleFrom = p.DiscoveredAt.Add(minProfileAge)
	if p.StaleFrom.Before(now) {
		p.StaleFrom = now
	}
	return s.PutProfile(ctx, a.Tenant, a.ID, p)
}
