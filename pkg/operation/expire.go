package operation

import (
	"time"

	"adcp-orchestrator/pkg/adcp"
)

// Stale reports whether the request is too old to be sent. An input is sent all the same: it
// answers an agent that already works on the request.
func (op *Operation) Stale(now time.Time) bool {
	return !op.NotAfter.IsZero() && !now.Before(op.NotAfter) && (op.State == Requested || op.State == CallingAdCP)
}

// Expire ends an operation whose request is too old to be sent, as canceled by us (contract K10).
// ok is false unless every attempt provably did nothing: then a person has to find out what the
// agent did, and Plan raises attention.
func (op *Operation) Expire(now time.Time) (e Event, ok bool) {
	if !op.Stale(now) || op.Call.InFlight || op.Call.Unclear {
		return Event{}, false
	}
	return op.endUnsent(now, ByOrchestrator, NotAfterPassed, "not sent: not_after has passed"), true
}

// endUnsent ends an operation as canceled by us: nothing of its request was carried out.
func (op *Operation) endUnsent(now time.Time, c Channel, why EndReason, detail string) Event {
	from := op.State
	op.State = Canceled
	op.Terminal = &Terminal{Status: adcp.StatusCanceled, Channel: c, At: now, Reason: why}
	op.Attention = nil
	op.concludeCancellation(now)
	op.ReconcileSoon(now)
	op.BumpVersion(now)
	return op.event(EventChanged, c, from, now, detail)
}
