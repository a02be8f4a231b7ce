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
type Breaker struct {
	store  Circuits
	policy circuit.Policy
	lease  time.Duration
	deps   Deps

	mu     sync.Mutex
	locals map[circuitKey]*localState
}

type circuitKey struct{ tenant, agentID string }

// purse is what a process has and knows of one agent.
type localState struct {
	tokens int
	until  time.Time     // when the tokens are worth nothing
	known  circuit.State // as last read
	alone  time.Time     // when it last called without the store
}

// trickle is how seldom a process calls an agent while the store fails; tries how often it decides again when others were faster.
const (
	fallbackInterval = time.Second
	maxTries         = 8
)

// NewGate returns a gate for calls that take at most lease, all requests of one pass together. Deps are asked by many at once.
func New(s Circuits, p circuit.Policy, lease time.Duration, deps Deps) *Breaker {
	return &Breaker{store: s, policy: p, lease: lease, deps: deps, locals: map[circuitKey]*localState{}}
}

// Pass is the permission for one call. Its outcome has to be told with Done, once.
type Permit struct {
	gate   *Breaker
	at     circuitKey
	ticket circuit.Ticket
	doc    Document // as it stood when the pass was given, with its state
	state  circuit.State
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
		now := g.deps.Now().UTC()
		g.remember(at, s)
		d, next := g.policy.Decide(s, now, g.deps.Jitter(), g.tokens(at, now), g.lease)
		switch {
		case d.Wait > 0:
			return Permit{}, d.Wait, d.Reason, nil
		case d.Taken == 0 && !g.takeToken(at, now):
			continue // another goroutine had the last one
		case d.Taken > 0:
			doc, err = g.write(ctx, at, doc, next)
			if errors.Is(err, ErrStale) {
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
	return Permit{}, fallbackInterval + time.Duration(g.deps.Jitter()*float64(fallbackInterval)), circuit.Limited, ctx.Err()
}

// withoutStore decides by what the process knows.
func (g *Breaker) withoutStore(ctx context.Context, at circuitKey, cause error) (Permit, time.Duration, circuit.Reason, error) {
	if err := ctx.Err(); err != nil {
		return Permit{}, 0, "", err
	}
	slog.WarnContext(ctx, "the circuit is not known", "tenant", at.tenant, "agent", at.agentID, "error", cause)
	now, jitter := g.deps.Now().UTC(), g.deps.Jitter()
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

// Probe reports whether the call decides about an open circuit.
func (p Permit) Probe() bool { return p.ticket.Probe }

// Done tells what came of the call. It costs nothing if that changes nothing. What can't be stored is lost: the next call tells again, and a probe's lease
// ends.
func (p Permit) Report(ctx context.Context, o Report) {
	if p.gate == nil || o.Result == ResultAnswered && p.state.Clean() || o.Result == ResultUnknown && !p.ticket.Probe {
		return
	}
	// The call may have taken all of its context's time.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 3*time.Second)
	defer cancel()
	if err := p.store(ctx, o); err != nil {
		slog.WarnContext(ctx, "the outcome of a call is not stored", "tenant", p.at.tenant, "agent", p.at.agentID, "outcome", o.Result, "error", err)
	}
}

func (p Permit) store(ctx context.Context, o Report) (err error) {
	g, doc, s := p.gate, p.doc, p.state
	now, jitter := g.deps.Now().UTC(), g.deps.Jitter()
	fresh := doc.Version > 0 // as seen at the start: if it is stale, the store says so
	for range maxTries {
		if !fresh {
			if doc, s, err = g.read(ctx, p.at); err != nil {
				break
			}
		}
		fresh = false
		next := o.apply(g.policy, s, p.ticket, now, jitter)
		if next == s {
			g.remember(p.at, s)
			return nil
		}
		if _, err = g.write(ctx, p.at, doc, next); err == nil {
			if next.Closed() != s.Closed() || next.Opens != s.Opens {
				slog.WarnContext(ctx, "circuit", "tenant", p.at.tenant, "agent", p.at.agentID, "closed", next.Closed(), "pauses", next.Opens, "open_until", next.OpenUntil)
			}
			return nil
		}
		if !errors.Is(err, ErrStale) {
			break
		}
	}
	g.mu.Lock() // this process at least shall know
	defer g.mu.Unlock()
	known := g.local(p.at)
	known.known = o.apply(g.policy, known.known, p.ticket, now, jitter)
	return err
}

// Kind is what a call told of the agent.
type CallResult string

// The kinds of outcomes.
const (
	ResultAnswered    CallResult = "answered" // in AdCP's terms, or that this very request is at fault
	ResultRateLimited CallResult = "limited"  // we call too often
	ResultDenied      CallResult = "denied"   // our credential is refused
	ResultNoAnswer    CallResult = "unheard"  // no answer
	ResultUnknown     CallResult = "untold"   // nothing of the agent: the fault is ours
)

// Outcome is what a call told of the agent, and for how long it asked to be left alone.
type Report struct {
	Result     CallResult
	RetryAfter time.Duration
}

// OutcomeOf reads an outcome out of what Caller returned. Any answer in AdCP's terms is one, an error included, but for errors that are about the agent
// as a whole: RATE_LIMITED (contract D8) and a refused credential (contract D12, E12).
func ReportOf(r adcp.Response, err error) Report {
	var ce *adcp.CallError
	switch {
	case err == nil && r.Err == nil:
		return Report{Result: ResultAnswered}
	case err == nil:
		return reportOfCode(r.Err.Code, r.Err.RetryAfter)
	case errors.Is(err, context.Canceled) || !errors.As(err, &ce) || ce.Signature == adcp.SigningFailed: // a key of ours that can't sign is no agent that is down
		return Report{Result: ResultUnknown}
	case ce.Code != "":
		return reportOfCode(ce.Code, ce.RetryAfter)
	}
	switch s := ce.Status; s {
	case http.StatusTooManyRequests:
		return Report{Result: ResultRateLimited, RetryAfter: ce.RetryAfter}
	case http.StatusUnauthorized:
		return Report{Result: ResultDenied, RetryAfter: ce.RetryAfter}
	case http.StatusForbidden, http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusNotAcceptable, http.StatusRequestTimeout:
		// Not the request: whoever is there does not speak AdCP with us.
		return Report{Result: ResultNoAnswer, RetryAfter: ce.RetryAfter}
	default:
		if s >= 400 && s < 500 {
			return Report{Result: ResultAnswered}
		}
		return Report{Result: ResultNoAnswer, RetryAfter: ce.RetryAfter}
	}
}

// outcomeOfCode reads an outcome out of an AdCP error.
func reportOfCode(code string, after time.Duration) Report {
	switch code {
	case "RATE_LIMITED":
		return Report{Result: ResultRateLimited, RetryAfter: after}
	case "AUTH_MISSING", "AUTH_REQUIRED", "AUTH_INVALID":
		return Report{Result: ResultDenied}
	}
	return Report{Result: ResultAnswered}
}

func (o Report) apply(p circuit.Policy, s circuit.State, t circuit.Ticket, now time.Time, jitter float64) circuit.State {
	switch o.Result {
	case ResultAnswered:
		return p.Succeeded(s, t)
	case ResultRateLimited:
		return p.Limited(s, t, now, jitter, o.RetryAfter)
	case ResultDenied, ResultNoAnswer:
		return p.Failed(s, t, now, jitter, o.RetryAfter, o.Result == ResultDenied)
	}
	return p.Released(s, t)
}

// read reads an agent's document. One that can't be read is like none, and is overwritten.
func (g *Breaker) read(ctx context.Context, at circuitKey) (Document, circuit.State, error) {
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
func (g *Breaker) write(ctx context.Context, at circuitKey, doc Document, s circuit.State) (Document, error) {
	body, err := json.Marshal(s)
	if err != nil {
		return doc, err
	}
	doc = Document{Version: doc.Version + 1, Body: body}
	if err = g.store.PutCircuit(ctx, at.tenant, at.agentID, doc); err == nil {
		g.remember(at, s)
	}
	return doc, err
}

// purse returns what the process has of an agent. The lock is held.
func (g *Breaker) local(at circuitKey) *localState {
	p := g.locals[at]
	if p == nil {
		p = &localState{}
		g.locals[at] = p
	}
	return p
}

func (g *Breaker) remember(at circuitKey, s circuit.State) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.local(at).known = s
}

// tokens is how many tokens are left to spend.
func (g *Breaker) tokens(at circuitKey, now time.Time) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	if p := g.local(at); now.Before(p.until) {
		return p.tokens
	}
	return 0
}

func (g *Breaker) takeToken(at circuitKey, now time.Time) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	p := g.local(at)
	if p.tokens < 1 || !now.Before(p.until) {
		return false
	}
	p.tokens--
	return true
}

// earn puts tokens in: they are worth something from when they were asked for. What was left of older ones is forgotten.
func (g *Breaker) addTokens(at circuitKey, n int, now time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	p := g.local(at)
	p.tokens, p.until = n, now.Add(g.policy.Life)
}
