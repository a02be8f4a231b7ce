package registry

import (
	"context"
	"errors"
	"time"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/store"
)

// discoverTimeout bounds the discovery before a call.
const discoverTimeout = 30 * time.Second

// Profiles keeps what discovery found of agents.
type Profiles interface {
	// Profile returns an agent's profile, or store.ErrNotFound.
	Profile(ctx context.Context, tenant, agentID string) (Profile, error)
	// PutProfile stores it.
	PutProfile(ctx context.Context, tenant, agentID string, p Profile) error
}

// Recall returns the stored profile of an agent, the zero Profile if there is none for its address
// and transport.
func Recall(ctx context.Context, s Profiles, a Agent) (Profile, error) {
	p, err := s.Profile(ctx, a.Tenant, a.ID)
	if errors.Is(err, store.ErrNotFound) || err == nil && !p.isOf(a.URL, a.Transport) {
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
	ctx, cancel := context.WithTimeout(ctx, discoverTimeout)
	defer cancel()
	p, err := agents.Discover(ctx, a)
	if err != nil {
		var ce *adcp.CallError
		// An agent that asks for time gets it (contract D8), whatever is known of it.
		wantsTime := errors.As(err, &ce) && ce.RetryAfter > 0
		if !known.DiscoveredAt.IsZero() && !wantsTime {
			return known, nil
		}
		return known, err
	}
	p.URL, p.Transport, p.DiscoveredAt = a.URL, a.Transport, now.UTC()
	store.CarryUnknown(&p, known)
	return p, s.PutProfile(ctx, a.Tenant, a.ID, p)
}
