package keyring

import (
	"adcp-orchestrator/pkg/inbox"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/registry"
	"adcp-orchestrator/pkg/store"
	"context"
	"errors"
	"time"
)

// SenderOf names the sender that an agent is, as it was registered.
func SenderOf(tenant, agentID string, t operation.Target) Sender {
	return Sender{Tenant: tenant, ID: inbox.SenderID(t), AgentID: agentID, AgentURL: t.URL, BrandURL: t.BrandURL}
}

// ProfileFrom reads what an agent's capabilities said of its identity from what was discovered when it was called. An agent that was not asked yet says nothing.
func ProfileFrom(s interface {
	Profile(ctx context.Context, tenant, agentID string) (registry.Profile, error)
}) func(ctx context.Context, sender Sender) (brandURL, keyOrigin string, err error) {
	return func(ctx context.Context, sender Sender) (string, string, error) {
		p, err := s.Profile(ctx, sender.Tenant, sender.AgentID)
		if errors.Is(err, store.ErrNotFound) || err == nil && p.URL != sender.AgentURL {
			return "", "", nil
		}
		return p.Capabilities.Identity.BrandURL, p.Capabilities.Identity.Origins["webhook_signing"], err
	}
}

// FromStore returns a Source on a store that keeps keyrings and profiles. loopback is as in Source; count may be nil.
func FromStore(s interface {
	Store
	Profile(ctx context.Context, tenant, agentID string) (registry.Profile, error)
}, loopback bool, count func(event string)) *Source {
	return &Source{Store: s, Client: NewClient(loopback), Profile: ProfileFrom(s), Now: time.Now, Loopback: loopback, Count: count}
}

// Alarming are the events that a person should hear of: Count's, of which an alarm is made.
var Alarming = []string{"jwks_uri_changed", "key_pressure", "key_revoked", "revocation_stale"}
