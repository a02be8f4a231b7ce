package orchestrator

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/circuit"
)

// Circuits keeps how agents stand, one document for each tenant and agent.
type Circuits interface {
	// Circuit returns an agent's document, or ErrNotFound.
	Circuit(ctx context.Context, tenant, agentID string) (Document, error)
	// PutCircuit stores a document if d.Version-1 is stored (0: none), or returns ErrStale.
	PutCircuit(ctx context.Context, tenant, agentID string, d Document) error
}

// Gate is what every call of an agent passes: its circuit breaker and its bucket of tokens, shared by all functions through the store (contract M4, C21).
// It costs one read for each call. It writes when the circuit changes, and to take tokens: several at a time, which the process spends alone.
//
// The gate protects agents and is no condition of correctness, so a store that fails does not stop a purchase: what the process knows of holds and open
// circuits goes on to hold, and it calls each agent once in trickle. A probe is the exception: whether it was written down is not known, so it is not sent.
type Gate struct {
	store  Circuits
	policy circuit.Policy
	lease  time.Duration
	deps   Deps

	mu     sync.Mutex
	places map[place]*purse
}

type place struct{ tenant, agentID string }

// purse is what a process has and knows of one agent.
type purse struct {
	tokens int
	until  time.Time     // when the tokens are worth nothing
	known  circuit.State // as last read
	alone  time.Time     // when it last called without the store
}

// trickle is how seldom a process calls an agent while the store fails; tries how often it decides again when others were faster.
const (
	trickle = time.Second
	tries   = 8
)

// NewGate returns a gate for calls that take at most lease, all requests of one pass together. Deps are asked by many at once.
func NewGate(s Circuits, p circuit.Policy, lease time.Duration, deps Deps) *Gate {
	return &Gate{store: s, policy: p, lease: lease, deps: deps, places: map[place]*purse{}}
}

// Pass is the permission for one call. Its outcome has to be told with Done, once.
type Pass struct {
	gate   *Gate
	at     place
	ticket circuit.Ticket
	doc    Document // as it stood when the pass was given, with its state
	state  circuit.State
}

// Enter asks to call an agent now. If wait is not 0, the call has to wait that long and then to ask again, for that reason: nothing has failed
// (contract M4). The error is the context's end and nothing else. A nil Gate lets everything through.
func (g *Gate) Enter(ctx context.Context, tenant, agentID string) (pass Pass, wait time.Duration, reason circuit.Reason, err error) {
	if g == nil {
		return Pass{}, 0, "", nil
	}
	at := place{tenant, agentID}
	for range tries {
		doc, s, err := g.read(ctx, at)
		if err != nil {
			return g.withoutStore(ctx, at, err)
		}
		now := g.deps.Now().UTC()
		g.know(at, s)
		d, next := g.policy.Decide(s, now, g.deps.Jitter(), g.tokens(at, now), g.lease)
		switch {
		case d.Wait > 0:
			return Pass{}, d.Wait, d.Reason, nil
		case d.Taken == 0 && !g.spend(at, now):
			continue // another goroutine had the last one
		case d.Taken > 0:
			doc, err = g.write(ctx, at, doc, next)
			if errors.Is(err, ErrStale) {
				continue
			}
			if err != nil && d.Ticket.Probe {
				slog.WarnContext(ctx, "no probe: the circuit can't be stored", "tenant", tenant, "agent", agentID, "error", err)
				return Pass{}, g.policy.First, circuit.Open, ctx.Err()
			}
			if err != nil {
				return g.withoutStore(ctx, at, err)
			}
			g.earn(at, d.Taken-1, now)
		}
		return Pass{gate: g, at: at, ticket: d.Ticket, doc: doc, state: next}, 0, "", nil
	}
	// So many others were faster that there is no hurry: they have what the bucket held.
	return Pass{}, trickle + time.Duration(g.deps.Jitter()*float64(trickle)), circuit.Limited, ctx.Err()
}

// withoutStore decides by what the process knows.
func (g *Gate) withoutStore(ctx context.Context, at place, cause error) (Pass, time.Duration, circuit.Reason, error) {
	if err := ctx.Err(); err != nil {
		return Pass{}, 0, "", err
	}
	slog.WarnContext(ctx, "the circuit is not known", "tenant", at.tenant, "agent", at.agentID, "error", cause)
	now, jitter := g.deps.Now().UTC(), g.deps.Jitter()
	g.mu.Lock()
	defer g.mu.Unlock()
	p := g.purse(at)
	if d, ok := g.policy.Blocked(p.known, now, jitter); ok {
		return Pass{}, d.Wait, d.Reason, nil
	}
	if rest := p.alone.Add(trickle).Sub(now); rest > 0 {
		return Pass{}, rest + time.Duration(jitter*float64(trickle)), circuit.Limited, nil
	}
	p.alone = now
	return Pass{gate: g, at: at, ticket: circuit.Ticket{Number: p.known.Probes}, state: p.known}, 0, "", nil
}

// Probe reports whether the call decides about an open circuit.
func (p Pass) Probe() bool { return p.ticket.Probe }

// Done tells what came of the call. It costs nothing if that changes nothing. What can't be stored is lost: the next call tells again, and a probe's lease
// ends.
func (p Pass) Done(ctx context.Context, o Outcome) {
	if p.gate == nil || o.Kind == Answered && p.state.Clean() || o.Kind == Untold && !p.ticket.Probe {
		return
	}
	// The call may have taken all of its context's time.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 3*time.Second)
	defer cancel()
	if err := p.store(ctx, o); err != nil {
		slog.WarnContext(ctx, "the outcome of a call is not stored", "tenant", p.at.tenant, "agent", p.at.agentID, "outcome", o.Kind, "error", err)
	}
}

func (p Pass) store(ctx context.Context, o Outcome) (err error) {
	g, doc, s := p.gate, p.doc, p.state
	now, jitter := g.deps.Now().UTC(), g.deps.Jitter()
	fresh := doc.Version > 0 // as seen at the start: if it is stale, the store says so
	for range tries {
		if !fresh {
			if doc, s, err = g.read(ctx, p.at); err != nil {
				break
			}
		}
		fresh = false
		next := o.apply(g.policy, s, p.ticket, now, jitter)
		if next == s {
			g.know(p.at, s)
			return nil
		}
		if _, err = g.write(ctx, p.at, doc, next); err == nil {
			if next.Closed() != s.Closed() || next.Pauses != s.Pauses {
				slog.WarnContext(ctx, "circuit", "tenant", p.at.tenant, "agent", p.at.agentID, "closed", next.Closed(), "pauses", next.Pauses, "open_until", next.OpenUntil)
			}
			return nil
		}
		if !errors.Is(err, ErrStale) {
			break
		}
	}
	g.mu.Lock() // this process at least shall know
	defer g.mu.Unlock()
	known := g.purse(p.at)
	known.known = o.apply(g.policy, known.known, p.ticket, now, jitter)
	return err
}

// Kind is what a call told of the agent.
type Kind string

// The kinds of outcomes.
const (
	Answered Kind = "answered" // in AdCP's terms, or that this very request is at fault
	Limited  Kind = "limited"  // we call too often
	Denied   Kind = "denied"   // our credential is refused
	Unheard  Kind = "unheard"  // no answer
	Untold   Kind = "untold"   // nothing of the agent: the fault is ours
)

// Outcome is what a call told of the agent, and for how long it asked to be left alone.
type Outcome struct {
	Kind  Kind
	After time.Duration
}

// OutcomeOf reads an outcome out of what Caller returned. Any answer in AdCP's terms is one, an error included, but for errors that are about the agent
// as a whole: RATE_LIMITED (contract D8) and a refused credential (contract D12, E12).
func OutcomeOf(r adcp.Response, err error) Outcome {
	var ce *adcp.CallError
	switch {
	case err == nil && r.Err == nil:
		return Outcome{Kind: Answered}
	case err == nil:
		return outcomeOfCode(r.Err.Code, r.Err.RetryAfter)
	case errors.Is(err, context.Canceled) || !errors.As(err, &ce) || ce.Signature == adcp.SigningFailed: // a key of ours that can't sign is no agent that is down
		return Outcome{Kind: Untold}
	case ce.Code != "":
		return outcomeOfCode(ce.Code, ce.RetryAfter)
	}
	switch s := ce.Status; s {
	case http.StatusTooManyRequests:
		return Outcome{Kind: Limited, After: ce.RetryAfter}
	case http.StatusUnauthorized:
		return Outcome{Kind: Denied, After: ce.RetryAfter}
	case http.StatusForbidden, http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusNotAcceptable, http.StatusRequestTimeout:
		// Not the request: whoever is there does not speak AdCP with us.
		return Outcome{Kind: Unheard, After: ce.RetryAfter}
	default:
		if s >= 400 && s < 500 {
			return Outcome{Kind: Answered}
		}
		return Outcome{Kind: Unheard, After: ce.RetryAfter}
	}
}

// outcomeOfCode reads an outcome out of an AdCP error.
func outcomeOfCode(code string, after time.Duration) Outcome {
	switch code {
	case "RATE_LIMITED":
		return Outcome{Kind: Limited, After: after}
	case "AUTH_MISSING", "AUTH_REQUIRED", "AUTH_INVALID":
		return Outcome{Kind: Denied}
	}
	return Outcome{Kind: Answered}
}

func (o Outcome) apply(p circuit.Policy, s circuit.State, t circuit.Ticket, now time.Time, jitter float64) circuit.State {
	switch o.Kind {
	case Answered:
		return p.Succeeded(s, t)
	case Limited:
		return p.Limited(s, t, now, jitter, o.After)
	case Denied, Unheard:
		return p.Failed(s, t, now, jitter, o.After, o.Kind == Denied)
	}
	return p.Released(s, t)
}

// read reads an agent's document. One that can't be read is like none, and is overwritten.
func (g *Gate) read(ctx context.Context, at place) (Document, circuit.State, error) {
	doc, err := g.store.Circuit(ctx, at.tenant, at.agentID)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return Document{}, circuit.State{}, err
	}
	var s circuit.State
	if err == nil && json.Unmarshal(doc.Body, &s) != nil {
		slog.ErrorContext(ctx, "an unreadable circuit is forgotten", "tenant", at.tenant, "agent", at.agentID, "version", doc.Version)
		s = circuit.State{}
	}
	return doc, s, nil
}

// write stores what a state became.
func (g *Gate) write(ctx context.Context, at place, doc Document, s circuit.State) (Document, error) {
	body, err := json.Marshal(s)
	if err != nil {
		return doc, err
	}
	doc = Document{Version: doc.Version + 1, Body: body}
	if err = g.store.PutCircuit(ctx, at.tenant, at.agentID, doc); err == nil {
		g.know(at, s)
	}
	return doc, err
}

// purse returns what the process has of an agent. The lock is held.
func (g *Gate) purse(at place) *purse {
	p := g.places[at]
	if p == nil {
		p = &purse{}
		g.places[at] = p
	}
	return p
}

func (g *Gate) know(at place, s circuit.State) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.purse(at).known = s
}

// tokens is how many tokens are left to spend.
func (g *Gate) tokens(at place, now time.Time) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	if p := g.purse(at); now.Before(p.until) {
		return p.tokens
	}
	return 0
}

func (g *Gate) spend(at place, now time.Time) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	p := g.purse(at)
	if p.tokens < 1 || !now.Before(p.until) {
		return false
	}
	p.tokens--
	return true
}

// earn puts tokens in: they are worth something from when they were asked for. What was left of older ones is forgotten.
func (g *Gate) earn(at place, n int, now time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	p := g.purse(at)
	p.tokens, p.until = n, now.Add(g.policy.Life)
}
