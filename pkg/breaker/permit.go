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
const reportTimeout = 3 * time.Second

// Permit allows one call. The caller has to pass the call's result to Report, once.
type Permit struct {
	breaker *Breaker
	key     circuitKey
	ticket  circuit.Ticket
	doc     store.Document // as stored when the permit was given
	state   circuit.State  // what doc holds
}

// Probe reports whether the call decides about an open circuit.
func (p Permit) Probe() bool { return p.ticket.Probe }

// Report stores what the call says about the agent. It makes no request if that changes nothing. A
// report that cannot be stored is lost: the next call reports again, and a probe's lease ends.
func (p Permit) Report(ctx context.Context, r Report) {
	if p.breaker == nil ||
		r.Result == ResultAnswered && p.state.Clean() ||
		r.Result == ResultUnknown && !p.ticket.Probe {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), reportTimeout)
	defer cancel()
	if err := p.store(ctx, r); err != nil {
		slog.WarnContext(ctx, "the result of a call is not stored",
			"tenant", p.key.tenant, "agent_id", p.key.agentID, "result", r.Result, "error", err)
	}
}

func (p Permit) store(ctx context.Context, r Report) (err error) {
	b, doc, s := p.breaker, p.doc, p.state
	now, jitter := b.now().UTC(), b.jitter()
	// The first try uses the document from the start of the call: if it is stale, the store says so.
	known := doc.Version > 0
	for range maxTries {
		if !known {
			if doc, s, err = b.read(ctx, p.key); err != nil {
				break
			}
		}
		known = false
		next := r.apply(b.policy, s, p.ticket, now, jitter)
		if next == s {
			b.remember(p.key, s)
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
	b.mu.Lock()
	defer b.mu.Unlock()
	local := b.local(p.key)
	local.state = r.apply(b.policy, local.state, p.ticket, now, jitter)
	return err
}
