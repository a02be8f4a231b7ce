package breaker

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"time"

	"adcp-orchestrator/pkg/circuit"
	"adcp-orchestrator/pkg/notice"
	"adcp-orchestrator/pkg/store"
)

// Breaker decides for each call whether it may be made now.
type Breaker struct {
	store  Store
	policy circuit.Policy
	bounds Bounds
	lease  time.Duration
	now    func() time.Time
	jitter func() float64 // in [0,1)
	newID  func() string
	locals locals
}

type circuitKey struct{ tenant, agentID string }

// agent is the id of the entry that the circuit is of: an agent's circuit key begins with it.
func (k circuitKey) agent() string {
	id, _, _ := strings.Cut(k.agentID, ".")
	return id
}

const (
	// fallbackInterval is the time between a process's calls of one agent while the store fails.
	fallbackInterval = time.Second
	// maxTries is how often a process decides again after other processes were faster.
	maxTries = 8
)

// Options are what a Breaker works with.
type Options struct {
	Policy circuit.Policy
	Bounds Bounds
	// Lease is the longest time that all requests of one permit take together. A process that dies
	// keeps its places for that long.
	Lease time.Duration
	Now   func() time.Time
	// Jitter returns values in [0,1), NewID unique names. Many goroutines call them.
	Jitter func() float64
	NewID  func() string
}

// New returns a Breaker.
func New(s Store, o Options) *Breaker {
	return &Breaker{store: s, policy: o.Policy, bounds: o.Bounds, lease: o.Lease, now: o.Now, jitter: o.Jitter,
		newID: o.NewID}
}

// Call is a call that asks for a permit.
type Call struct {
	Tenant string
	// AgentKey names the agent, its address and its credential; Origin is the destination's.
	AgentKey, Origin string
	// OperationID and Created are the place in line of an operation that has to wait.
	OperationID string
	Created     time.Time
	// Poll is true for questions: they plan with a share of the rate.
	Poll bool
	// HasSlot is true if the call was given a time before, and it has come: the call passes those who
	// wait in line. Unreserved is true if others may have the same time: the agent's rate decides
	// then.
	HasSlot, Unreserved bool
	// Now is true for a call that is made now or not at all: somebody waits for the answer. It stands
	// in no line, reserves no slot, and leaves half of each gate to the calls of operations.
	// OperationID and Created are not needed then.
	Now bool
}

// Answer is what the breaker says to a call.
type Answer struct {
	// Permit allows the call, if Reason is empty.
	Permit Permit
	// Reason is why the call has to wait.
	Reason circuit.Reason
	// Slot is when the call may be made; zero: that is not known yet. Then the operation waits in
	// Gate's line, and whoever makes room gives it a slot. A call with Now may ask again then.
	Slot time.Time
	Gate circuit.GateKind
	// Reserved is true if nobody else was given the slot.
	Reserved bool
	// Room are gates with a line that have room: somebody has to look at it.
	Room []circuit.GateID
	// PollEvery is how long a round of polls of the agent takes at present: none should come earlier.
	PollEvery time.Duration
}

// Allow requests a permit for a call now. To wait is not a failure (contract M4). The only possible
// error is that of the context. A nil Breaker allows every call.
func (b *Breaker) Allow(ctx context.Context, c Call) (Answer, error) {
	if b == nil {
		return Answer{}, nil
	}
	key := circuitKey{c.Tenant, c.AgentKey}
	if c.Now {
		c.OperationID = b.newID() // distributes the calls over gates next to each other
	}
	switch paused, err := b.paused(ctx, key); {
	case err != nil:
		return b.allowWithoutStore(ctx, key, err)
	case paused && c.Now:
		return Answer{Reason: circuit.Paused, Slot: b.now().UTC().Add(LookAgain), Gate: circuit.AgentGate}, nil
	case paused:
		return b.join(ctx, c, b.gates(c)[0], circuit.Paused, time.Time{})
	}
	for range maxTries {
		doc, s, err := b.read(ctx, key)
		if err != nil {
			return b.allowWithoutStore(ctx, key, err)
		}
		b.locals.remember(key, s)
		a, err := b.admit(ctx, c, key, doc, s)
		if errors.Is(err, store.ErrStale) {
			continue
		}
		if err != nil {
			return b.allowWithoutStore(ctx, key, err)
		}
		return a, nil
	}
	return b.crowded(ctx)
}

// crowded is the answer where many processes are faster, or the table has no capacity.
func (b *Breaker) crowded(ctx context.Context) (Answer, error) {
	return Answer{Reason: circuit.Limited, Slot: b.soon()}, ctx.Err()
}

// soon spreads those who come again without a slot.
func (b *Breaker) soon() time.Time {
	return b.now().UTC().Add(fallbackInterval + time.Duration(b.jitter()*float64(fallbackInterval)))
}

// admit lets a call through the circuit and the gates, or says how it waits. It returns
// store.ErrStale if others were faster.
func (b *Breaker) admit(ctx context.Context, c Call, key circuitKey, doc store.Document, s circuit.State) (
	Answer, error) {
	now := b.now().UTC()
	d, next := b.policy.Decide(s, now, b.lease)
	if d.Reason == circuit.Open {
		if c.Now {
			return Answer{Reason: circuit.Open, Slot: d.NotBefore, Gate: circuit.AgentGate}, nil
		}
		return b.join(ctx, c, b.gates(c)[0], circuit.Open, d.NotBefore)
	}
	p := Permit{breaker: b, key: key, ticket: d.Ticket, doc: doc, state: next}
	a, g, err := b.enter(ctx, c, &p, d)
	if errors.Is(err, errSilent) {
		return Answer{}, b.silence(ctx, key, doc, s)
	}
	if err != nil || a.Reason != "" {
		return a, err
	}
	switch {
	case d.Ticket.Probe:
		// The places are taken first: a probe that finds none would block the next one.
		p.doc, err = b.write(ctx, key, doc, next)
	case s.Closed() && b.policy.Silent(g, now):
		p.leave(ctx, time.Time{})
		return Answer{}, b.silence(ctx, key, doc, s)
	}
	if err != nil {
		p.leave(ctx, time.Time{})
		if !errors.Is(err, store.ErrStale) {
			slog.WarnContext(ctx, "no probe: the circuit cannot be stored",
				"tenant", key.tenant, "agent_id", key.agentID, "error", err)
			return Answer{Reason: circuit.Open, Slot: now.Add(b.policy.MinOpen)}, ctx.Err()
		}
		return Answer{}, err
	}
	a.Permit = p
	return a, nil
}

// silence opens the circuit of an agent whose calls hang. It returns store.ErrStale: the call
// has to be decided anew.
func (b *Breaker) silence(ctx context.Context, key circuitKey, doc store.Document, s circuit.State) error {
	next := b.policy.Silenced(s, b.now().UTC(), b.jitter())
	if _, err := b.write(ctx, key, doc, next); err != nil {
		return err
	}
	slog.WarnContext(ctx, "the circuit opened: calls hang",
		"tenant", key.tenant, "agent_id", key.agentID, "opens", next.Opens, "open_until", next.OpenUntil)
	return store.ErrStale
}

// allowWithoutStore decides with the state that the process remembers.
func (b *Breaker) allowWithoutStore(ctx context.Context, key circuitKey, cause error) (Answer, error) {
	if err := ctx.Err(); err != nil {
		return Answer{}, err
	}
	if errors.Is(cause, store.ErrThrottled) { // the gates are there: nobody may pass them
		return b.crowded(ctx)
	}
	slog.WarnContext(ctx, "the circuit is not known", "tenant", key.tenant, "agent_id", key.agentID, "error", cause)
	now := b.now().UTC()
	if b.locals.paused(key) {
		return Answer{Reason: circuit.Paused, Slot: now.Add(LookAgain)}, nil
	}
	state, wait := b.locals.fallBack(key, now)
	if wait > 0 {
		return Answer{Reason: circuit.Limited, Slot: b.soon()}, nil
	}
	if d, _ := b.policy.Decide(state, now, b.lease); d.Reason != "" {
		return Answer{Reason: d.Reason, Slot: d.NotBefore}, nil
	}
	ticket := circuit.Ticket{Number: state.Probes}
	return Answer{Permit: Permit{breaker: b, key: key, ticket: ticket, state: state}}, nil
}

// paused reports whether the agent's brake is on, and remembers it for times without the store.
func (b *Breaker) paused(ctx context.Context, key circuitKey) (bool, error) {
	on, err := b.store.Paused(ctx, key.tenant, key.agent())
	if err == nil {
		b.locals.pause(key, on)
	}
	return on, err
}

// Hurry makes the probe of an open circuit due at once: a person says that the agent is back.
func (b *Breaker) Hurry(ctx context.Context, tenant, agentKey string) error {
	if b == nil {
		return nil
	}
	key := circuitKey{tenant, agentKey}
	for range maxTries {
		doc, s, err := b.read(ctx, key)
		if err != nil {
			return err
		}
		next := b.policy.Hurry(s, b.now().UTC())
		if next == s {
			return nil
		}
		if _, err = b.write(ctx, key, doc, next); !errors.Is(err, store.ErrStale) {
			return err
		}
	}
	return nil // others change the circuit: it is alive
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

// agentOf returns the agent of a circuit's key, which ends with a digest of its address and
// credential.
func agentOf(circuitKey string) string {
	if n := strings.LastIndexByte(circuitKey, '.'); n > 0 {
		return circuitKey[:n]
	}
	return circuitKey
}

// write stores a state as the version after doc, and returns the new document. If the circuit opens
// or closes, consumers are told in the same write: however many processes see it, one write holds.
func (b *Breaker) write(
	ctx context.Context, key circuitKey, doc store.Document, s circuit.State,
) (store.Document, error) {
	body, err := store.EncodeDocument(s)
	if err != nil {
		return doc, err
	}
	var before circuit.State
	_ = store.DecodeDocument(doc.Body, &before) // what can't be read counts as closed
	doc = store.Document{Version: doc.Version + 1, Body: body}
	var told []notice.Notice
	if before.Closed() != s.Closed() {
		told = append(told, notice.Circuit(key.tenant, agentOf(key.agentID), key.agentID, doc.Version, !s.Closed(), b.now()))
	}
	if err = b.store.PutCircuit(ctx, key.tenant, key.agentID, doc, told...); err == nil {
		b.locals.remember(key, s)
	}
	return doc, err
}
