package breaker

import (
	"adcp-orchestrator/pkg/circuit"
	"adcp-orchestrator/pkg/store"
	"context"
	"errors"
	"log/slog"
	"time"
)

// Pass is the permission for one call. Its outcome has to be told with Done, once.
type Permit struct {
	gate   *Breaker
	at     circuitKey
	ticket circuit.Ticket
	doc    store.Document // as it stood when the pass was given, with its state
	state  circuit.State
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
	now, jitter := g.now().UTC(), g.jitter()
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
		if !errors.Is(err, store.ErrStale) {
			break
		}
	}
	g.mu.Lock() // this process at least shall know
	defer g.mu.Unlock()
	known := g.local(p.at)
	known.known = o.apply(g.policy, known.known, p.ticket, now, jitter)
	return err
}
