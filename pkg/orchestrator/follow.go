package orchestrator

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"time"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/operation"
)

// profileFor is how long what was discovered of an agent is believed; leastProfile is the shortest that an agent can make it: its tool list may be megabytes.
const (
	maxProfileAge = 24 * time.Hour
	minProfileAge = 5 * time.Minute
)

// agentOf is the agent as the operation froze it.
func AgentOf(op operation.Operation) Agent {
	return Agent{Tenant: op.Tenant, ID: op.AgentID, URL: op.Target.URL, Transport: Transport(op.Target.Transport), CredentialRef: op.Target.CredentialRef,
		Poll: op.Target.Poll, WebhookMode: op.Webhook.Mode}
}

// recall returns what an agent was last found to offer, the zero Profile if it was never asked as it is registered now.
func Recall(ctx context.Context, s Profiles, a Agent) (Profile, error) {
	p, err := s.Profile(ctx, a.Tenant, a.ID)
	if errors.Is(err, ErrNotFound) || err == nil && !p.isOf(a.URL, a.Transport) {
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

// knownMeans are an agent's means as it was last asked, without asking it.
func knownSupport(ctx context.Context, s Profiles, op operation.Operation) (operation.AgentSupport, error) {
	p, err := Recall(ctx, s, AgentOf(op))
	return SupportOf(p), err
}

func SupportOf(p Profile) operation.AgentSupport {
	m := operation.AgentSupport{Pollable: p.PollTool != ""}
	if offer := p.Capabilities.Idempotency; offer.Support == adcp.Supported {
		// The least window that the protocol allows, if the agent does not say (contract C17).
		m.ReplayWindow = max(offer.ReplayTTL, time.Hour)
	}
	return m
}

// maxResult is the largest result that is kept: what one transaction of any store can hold.
const maxResult = 3 << 20

// resultOf returns the body to keep at the end of an operation. One that is too large does not keep the operation from ending: a human is told.
func resultOf(op *operation.Operation, a adcp.Answer, v operation.Verdict, now time.Time) json.RawMessage {
	if v != operation.Advanced || !op.State.Terminal() {
		return nil
	}
	if len(a.Value) > maxResult {
		op.Flag(operation.ResultTooLarge, now, "read it at the agent")
		return nil
	}
	return a.Value
}

// attentionOnly is the change that stores newly due attention, and nil if there is none to store.
func attentionOnly(op, planned operation.Operation, now time.Time, step *operation.Decision) *operation.Change {
	if planned.Attention == op.Attention {
		return nil
	}
	planned.BumpVersion(now)
	step.Version = planned.Version
	return &operation.Change{Op: planned}
}

func statusText(code int) string {
	if t := http.StatusText(code); t != "" {
		return strconv.Itoa(code) + " " + t
	}
	return strconv.Itoa(code)
}
