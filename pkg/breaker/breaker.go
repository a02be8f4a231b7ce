package breaker

import (
	"adcp-orchestrator/pkg/circuit"
	"adcp-orchestrator/pkg/store"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"sync"
	"time"
)

// Circuits keeps how agents stand, one document for each tenant and agent.
type Store interface {
	// Circuit returns an agent's document, or ErrNotFound.
	Circuit(ctx context.Context, tenant, agentID string) (store.Document, error)
	// PutCircuit stores a document if d.Version-1 is stored (0: none), or returns ErrStale.
	PutCircuit(ctx context.Context, tenant, agentID string, d store.Document) error
}

// Gate is what every call of an agent passes: its circuit breaker and its bucket of tokens, shared by all functions through the store (contract M4, C21).
// It costs one read for each call. It writes when the circuit changes, and to take tokens: several at a time, which the process spends alone.
//
// The gate protects agents and is no condition of correctness, so a store that fails does not stop a purchase: what the process knows of holds and open
// circuits goes on to hold, and it calls each agent once in trickle. A probe is the exception: whether it was written down is not known, so it is not sent.
type Breaker struct {
	store  Store
	policy circuit.Policy
	lease  time.Duration
	now    func() time.Time
	jitter func() float64 // in [0,1)

	mu     sync.Mutex
	locals map[circuitKey]*localState
}

type circuitKey struct{ tenant, agentID string }

// trickle is how seldom a process calls an agent while the store fails; tries how often it decides again when others were faster.
const (
	fallbackInterval = time.Second
	maxTries         = 8
)

// New returns a breaker for calls that take at most lease, all requests of one permit together. Many goroutines call now and jitter, which is in [0,1).
func New(s Store, p circuit.Policy, lease time.Duration, now func() time.Time, jitter func() float64) *Breaker {
	return &Breaker{store: s, policy: p, lease: lease, now: now, jitter: jitter, locals: map[circuitKey]*localState{}}
}

// Enter asks to call an agent now. If wait is not 0, the call has to wait that long and then to ask again, for that reason: nothing has failed
// (contract M4). The error is the context's end and nothing else. A nil Gate lets everything through.
func (g *Breaker) Allow(ctx context.Context, tenant, agentID string) (pass Permit, wait time.Duration, reason circuit.Reason, err error) {
	if g == nil {
		return Permit{}, 0, "", nil
	}
	at := circuitKey{tenant, agentID}
	for range maxTries {
		doc, s, err := g.read(ctx, at)
		if err != nil {
			return g.withoutStore(ctx, at, err)
		}
		now := g.now().UTC()
		g.remember(at, s)
		d, next := g.policy.Decide(s, now, g.jitter(), g.tokens(at, now), g.lease)
		switch {
		case d.Wait > 0:
			return Permit{}, d.Wait, d.Reason, nil
		case d.Taken == 0 && !g.takeToken(at, now):
			continue // another goroutine had the last one
		case d.Taken > 0:
			doc, err = g.write(ctx, at, doc, next)
			if errors.Is(err, store.ErrStale) {
				continue
			}
			if err != nil && d.Ticket.Probe {
				slog.WarnContext(ctx, "no probe: the circuit can't be stored", "tenant", tenant, "agent", agentID, "error", err)
				return Permit{}, g.policy.First, circuit.Open, ctx.Err()
			}
			if err != nil {
				return g.withoutStore(ctx, at, err)
			}
			g.addTokens(at, d.Taken-1, now)
		}
		return Permit{gate: g, at: at, ticket: d.Ticket, doc: doc, state: next}, 0, "", nil
	}
	// So many others were faster that there is no hurry: they have what the bucket held.
	return Permit{}, fallbackInterval + time.Duration(g.jitter()*float64(fallbackInterval)), circuit.Limited, ctx.Err()
}

// withoutStore decides by what the process knows.
func (g *Breaker) withoutStore(ctx context.Context, at circuitKey, cause error) (Permit, time.Duration, circuit.Reason, error) {
	if err := ctx.Err(); err != nil {
		return Permit{}, 0, "", err
	}
	slog.WarnContext(ctx, "the circuit is not known", "tenant", at.tenant, "agent", at.agentID, "error", cause)
	now, jitter := g.now().UTC(), g.jitter()
	g.mu.Lock()
	defer g.mu.Unlock()
	p := g.local(at)
	if d, ok := g.policy.Blocked(p.known, now, jitter); ok {
		return Permit{}, d.Wait, d.Reason, nil
	}
	if rest := p.alone.Add(fallbackInterval).Sub(now); rest > 0 {
		return Permit{}, rest + time.Duration(jitter*float64(fallbackInterval)), circuit.Limited, nil
	}
	p.alone = now
	return Permit{gate: g, at: at, ticket: circuit.Ticket{Number: p.known.Probes}, state: p.known}, 0, "", nil
}

// read reads an agent's document. One that can't be read is like none, and is overwritten.
func (g *Breaker) read(ctx context.Context, at circuitKey) (store.Document, circuit.State, error) {
	doc, err := g.store.Circuit(ctx, at.tenant, at.agentID)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return store.Document{}, circuit.State{}, err
	}
	var s circuit.State
	if err == nil && json.Unmarshal(doc.Body, &s) != nil {
		slog.ErrorContext(ctx, "an unreadable circuit is forgotten", "tenant", at.tenant, "agent", at.agentID, "version", doc.Version)
		s = circuit.State{}
	}
	return doc, s, nil
}

// write stores what a state became.
func (g *Breaker) write(ctx context.Context, at circuitKey, doc store.Document, s circuit.State) (store.Document, error) {
	body, err := json.Marshal(s)
	if err != nil {
		return doc, err
	}
	doc = store.Document{Version: doc.Version + 1, Body: body}
	if err = g.store.PutCircuit(ctx, at.tenant, at.agentID, doc); err == nil {
		g.remember(at, s)
	}
	return doc, err
}
