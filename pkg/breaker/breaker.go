package breaker

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"adcp-orchestrator/pkg/circuit"
	"adcp-orchestrator/pkg/store"
)

// Store keeps one document for each tenant and agent.
type Store interface {
	// Circuit returns an agent's document, or store.ErrNotFound.
	Circuit(ctx context.Context, tenant, agentID string) (store.Document, error)
	// PutCircuit stores a document if version d.Version-1 is stored (0: none), or returns
	// store.ErrStale.
	PutCircuit(ctx context.Context, tenant, agentID string, d store.Document) error
}

// Breaker decides for each call whether it may be made now. It reads the store once for each call.
// It writes when the circuit changes, and to take tokens: several at a time, for this process
// alone.
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

const (
	// fallbackInterval is the time between a process's calls of one agent while the store fails.
	fallbackInterval = time.Second
	// maxTries is how often a process decides again after other processes changed the document.
	maxTries = 8
)

// New returns a Breaker. lease is the longest time that all requests of one permit take together.
// Many goroutines call now and jitter; jitter returns values in [0,1).
func New(s Store, p circuit.Policy, lease time.Duration, now func() time.Time, jitter func() float64) *Breaker {
	return &Breaker{
		store:  s,
		policy: p,
		lease:  lease,
		now:    now,
		jitter: jitter,
		locals: map[circuitKey]*localState{},
	}
}

// Allow requests a permit for a call now. If wait is not 0, the caller has to wait that long, for
// that reason, and call Allow again; this is not a failure (contract M4). The only possible error
// is that of the context. A nil Breaker allows every call.
func (b *Breaker) Allow(
	ctx context.Context, tenant, agentID string,
) (permit Permit, wait time.Duration, reason circuit.Reason, err error) {
	if b == nil {
		return Permit{}, 0, "", nil
	}
	key := circuitKey{tenant, agentID}
	for range maxTries {
		doc, s, err := b.read(ctx, key)
		if err != nil {
			return b.allowWithoutStore(ctx, key, err)
		}
		now := b.now().UTC()
		b.remember(key, s)
		d, next := b.policy.Decide(s, now, b.jitter(), b.tokens(key, now), b.lease)
		switch {
		case d.Wait > 0:
			return Permit{}, d.Wait, d.Reason, nil
		case d.Taken == 0 && !b.takeToken(key, now):
			continue // another goroutine took the last token
		case d.Taken > 0:
			doc, err = b.write(ctx, key, doc, next)
			if errors.Is(err, store.ErrStale) {
				continue
			}
			if err != nil && d.Ticket.Probe {
				slog.WarnContext(ctx, "no probe: the circuit cannot be stored",
					"tenant", tenant, "agent_id", agentID, "error", err)
				return Permit{}, b.policy.MinOpen, circuit.Open, ctx.Err()
			}
			if err != nil {
				return b.allowWithoutStore(ctx, key, err)
			}
			b.addTokens(key, d.Taken-1, now)
		}
		return Permit{breaker: b, key: key, ticket: d.Ticket, doc: doc, state: next}, 0, "", nil
	}
	// Many other processes were faster, so they probably took all tokens.
	return Permit{}, fallbackInterval + time.Duration(b.jitter()*float64(fallbackInterval)), circuit.Limited, ctx.Err()
}

// allowWithoutStore decides with the state that the process remembers.
func (b *Breaker) allowWithoutStore(
	ctx context.Context, key circuitKey, cause error,
) (Permit, time.Duration, circuit.Reason, error) {
	if err := ctx.Err(); err != nil {
		return Permit{}, 0, "", err
	}
	slog.WarnContext(ctx, "the circuit is not known", "tenant", key.tenant, "agent_id", key.agentID, "error", cause)
	now, jitter := b.now().UTC(), b.jitter()
	b.mu.Lock()
	defer b.mu.Unlock()
	local := b.local(key)
	if d, blocked := b.policy.Blocked(local.state, now, jitter); blocked {
		return Permit{}, d.Wait, d.Reason, nil
	}
	if rest := local.fallbackAt.Add(fallbackInterval).Sub(now); rest > 0 {
		return Permit{}, rest + time.Duration(jitter*float64(fallbackInterval)), circuit.Limited, nil
	}
	local.fallbackAt = now
	ticket := circuit.Ticket{Number: local.state.Probes}
	return Permit{breaker: b, key: key, ticket: ticket, state: local.state}, 0, "", nil
}

// read reads an agent's document. An unreadable document counts as none and will be overwritten.
func (b *Breaker) read(ctx context.Context, key circuitKey) (store.Document, circuit.State, error) {
	doc, err := b.store.Circuit(ctx, key.tenant, key.agentID)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return store.Document{}, circuit.State{}, err
	}
	var s circuit.State
	if err == nil && store.DecodeDocument(doc.Body, &s) != nil {
		slog.ErrorContext(ctx, "the stored circuit is unreadable and starts anew",
			"tenant", key.tenant, "agent_id", key.agentID, "version", doc.Version)
		s = circuit.State{}
	}
	return doc, s, nil
}

// write stores a state as the version after doc, and returns the new document.
func (b *Breaker) write(
	ctx context.Context, key circuitKey, doc store.Document, s circuit.State,
) (store.Document, error) {
	body, err := store.EncodeDocument(s)
	if err != nil {
		return doc, err
	}
	doc = store.Document{Version: doc.Version + 1, Body: body}
	if err = b.store.PutCircuit(ctx, key.tenant, key.agentID, doc); err == nil {
		b.remember(key, s)
	}
	return doc, err
}
