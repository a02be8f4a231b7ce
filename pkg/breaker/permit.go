package breaker

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"adcp-orchestrator/pkg/circuit"
	"adcp-orchestrator/pkg/store"
)

// reportTimeout bounds the time to store a report. It is apart from the call's context, because the
// call may have used up that time.
const reportTimeout = 5 * time.Second

// Permit allows one call. The caller has to pass the call's result to Report, once.
type Permit struct {
	breaker *Breaker
	key     circuitKey
	ticket  circuit.Ticket
	doc     store.Document // as stored when the permit was given
	state   circuit.State  // what doc holds
	places  []place
}

// place is a lease at a gate.
type place struct {
	gate  circuit.GateID
	lease circuit.Lease
}

// Probe reports whether the call decides about an open circuit.
func (p Permit) Probe() bool { return p.ticket.Probe }

// Report stores what the call says about the agent, and gives the call's places back. A report
// that cannot be stored is lost: the next call reports again, and leases end. It returns the
// gates with a line where there is room now.
func (p Permit) Report(ctx context.Context, r Report) (room []circuit.GateID) {
	if p.breaker == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), reportTimeout)
	defer cancel()
	var answered time.Time
	if r.Result == ResultAnswered || r.Result == ResultRateLimited {
		answered = p.breaker.now().UTC()
	}
	// The circuit first: whoever waits would find it as it was.
	if !p.saysNothing(r) {
		if err := p.store(ctx, r); err != nil {
			slog.WarnContext(ctx, "the result of a call is not stored",
				"tenant", p.key.tenant, "agent_id", p.key.agentID, "result", r.Result, "error", err)
		}
	}
	return p.leave(ctx, answered)
}

// saysNothing reports whether a report changes nothing. A call that was under way while others hung
// may have news although its own circuit was closed when it began: an answer closes it.
func (p Permit) saysNothing(r Report) bool {
	quick := p.breaker.now().Sub(p.began()) < p.breaker.policy.SilentAfter
	return r.Result == ResultAnswered && p.state.Clean() && quick || r.Result == ResultUnknown && !p.ticket.Probe
}

func (p Permit) began() time.Time {
	if len(p.places) == 0 {
		return time.Time{}
	}
	return p.places[0].lease.Began
}

// leave gives the places back.
func (p Permit) leave(ctx context.Context, answered time.Time) (room []circuit.GateID) {
	now := p.breaker.now().UTC()
	for _, at := range p.places {
		g, err := p.breaker.store.LeaveGate(ctx, at.gate, []circuit.Lease{at.lease}, answered)
		switch {
		case err != nil:
			slog.WarnContext(ctx, "a place is not given back: it ends by itself", "gate", at.gate.Kind,
				"tenant", at.gate.Tenant, "until", at.lease.Until, "error", err)
		case g.Line && p.breaker.room(at.gate, g, now) > 0:
			room = append(room, at.gate)
		}
	}
	return room
}

func (p Permit) store(ctx context.Context, r Report) (err error) {
	b, doc, s := p.breaker, p.doc, p.state
	now, jitter := b.now().UTC(), b.jitter()
	// The first try uses the document from the start of the call: if it is stale, the store says so.
	known := doc.Version > 0 && !s.Clean()
	for range maxTries {
		if !known {
			if doc, s, err = b.read(ctx, p.key); err != nil {
				break
			}
		}
		known = false
		next := r.apply(b.policy, s, p.ticket, now, jitter)
		if next == s {
			b.locals.remember(p.key, s)
			return nil
		}
		if _, err = b.write(ctx, p.key, doc, next); err == nil {
			if next.Closed() != s.Closed() || next.Opens != s.Opens {
				slog.WarnContext(ctx, "the circuit changed",
					"tenant", p.key.tenant, "agent_id", p.key.agentID,
					"closed", next.Closed(), "opens", next.Opens, "open_until", next.OpenUntil)
			}
			return nil
		}
		if !errors.Is(err, store.ErrStale) {
			break
		}
	}
	// At least this process remembers the result.
	b.locals.change(p.key, func(s circuit.State) circuit.State { return r.apply(b.policy, s, p.ticket, now, jitter) })
	return err
}
