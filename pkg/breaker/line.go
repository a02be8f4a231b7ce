package breaker

import (
	"context"
	"log/slog"
	"time"

	"adcp-orchestrator/pkg/circuit"
)

const (
	// lineHorizon is how far ahead those who wait in an agent's line are given slots.
	lineHorizon = time.Minute
	// arrival is how long somebody who was given a slot may take to use it: until then the slot counts
	// as a call in flight.
	arrival = 3 * time.Second
	// LookAgain is the time between two looks at a line that nobody makes room in: less than the time
	// between two runs of the reconciler, so that none misses it.
	LookAgain = 50 * time.Second
)

// Room returns how many of those who wait in a gate's line may be given a slot now.
func (b *Breaker) Room(ctx context.Context, id circuit.GateID) (int, error) {
	now := b.now().UTC()
	if id.Kind == circuit.AgentGate {
		key := circuitKey{id.Tenant, id.Name}
		if paused, err := b.paused(ctx, key); paused || err != nil {
			return 0, err
		}
		_, s, err := b.read(ctx, key)
		if err != nil {
			return 0, err
		}
		switch d, _ := b.policy.Decide(s, now, b.lease); {
		case d.Reason == circuit.Open:
			return 0, nil
		case d.Ticket.Probe:
			return 1, nil
		}
	}
	g, err := b.store.LeaveGate(ctx, id, nil, time.Time{})
	if err != nil {
		return 0, err
	}
	return b.room(id, g, now), nil
}

// room is how many more calls may be under way, those that were given slots and have not come yet
// included.
func (b *Breaker) room(id circuit.GateID, g circuit.Gate, now time.Time) int {
	under := g.UnderWay(now)
	free := b.limit(id) - under
	if id.Kind == circuit.AgentGate {
		since := now.Add(-min(arrival, b.policy.BurstTime())) // no slot before that was given by now
		slots := int(g.Next.Sub(since).Seconds() * b.policy.Rate)
		for _, l := range g.Leases {
			if l.Began.After(since) { // it has come
				slots--
			}
		}
		free -= max(0, slots)
	}
	if under == 0 { // slots that were used lately count as well: the last one to leave goes by calls under way
		free = max(free, 1)
	}
	return max(0, min(free, b.limit(id)))
}

// Waiting returns the oldest of those who wait in a gate's line.
func (b *Breaker) Waiting(ctx context.Context, id circuit.GateID, limit int) ([]circuit.Waiter, error) {
	return b.store.Line(ctx, id, limit)
}

// claimFor is how long a process has for a waiter that it gives a slot. If it dies, another one
// does.
const claimFor = 2 * time.Second

// Claimed reports whether another process gives a waiter a slot.
func (b *Breaker) Claimed(w circuit.Waiter) bool { return b.now().Before(w.Claimed) }

// Claim claims a waiter. It returns store.ErrStale if another process has it: two who give it a
// slot reserve two, and one is lost.
func (b *Breaker) Claim(ctx context.Context, id circuit.GateID, w circuit.Waiter) error {
	now := b.now().UTC()
	return b.store.ClaimWaiter(ctx, id, w, now, now.Add(claimFor))
}

// Reserve reserves a slot at an agent for somebody who waits in the line of gate id. ok is false if
// that is the agent's and the next slot is too far ahead to be given away yet. In a line of many
// agents, one that has no slot soon must not keep the others waiting: its calls wait for their
// slots.
func (b *Breaker) Reserve(ctx context.Context, id circuit.GateID, tenant, agentKey string) (
	slot time.Time, ok bool, err error) {
	_, s, err := b.read(ctx, circuitKey{tenant, agentKey})
	if err != nil {
		return time.Time{}, false, err
	}
	now := b.now().UTC()
	at := gate{agentGate(tenant, agentKey), b.policy.InFlight}
	tooFar := false
	_, slot, err = b.step(ctx, at, now, func(g circuit.Gate) (circuit.Step, time.Time) {
		step, slot := b.policy.Reserve(g, now, s.BackOffUntil)
		if tooFar = id.Kind == circuit.AgentGate && slot.After(now.Add(lineHorizon)); tooFar {
			return circuit.Step{Jumps: true}, slot // changes nothing
		}
		return step, slot
	})
	return slot, err == nil && !tooFar, err
}

// Forget takes somebody out of a line.
func (b *Breaker) Forget(ctx context.Context, id circuit.GateID, w circuit.Waiter) error {
	return b.store.LeaveLine(ctx, id, w)
}

// LeaveLine takes a call out of a gate's line that goes through without having been called from
// there. If that fails, whoever calls it later finds that it does not wait.
func (b *Breaker) LeaveLine(ctx context.Context, c Call, kind circuit.GateKind) {
	for _, at := range b.gates(c) {
		if at.id.Kind != kind {
			continue
		}
		if err := b.store.LeaveLine(ctx, at.id, waiterOf(c)); err != nil {
			slog.WarnContext(ctx, "not taken out of the line", "operation_id", c.OperationID, "error", err)
		}
	}
}

// CloseLine marks a line as empty that was found so. Somebody may have joined meanwhile and
// found the line marked: so it looks once more. Until it has looked, the gate stays among those
// to be looked at, in case that it dies.
func (b *Breaker) CloseLine(ctx context.Context, id circuit.GateID) error {
	if err := b.store.CloseLine(ctx, id); err != nil {
		return err
	}
	again, err := b.store.Line(ctx, id, 1)
	switch {
	case err != nil:
		return err
	case len(again) == 0:
		return b.store.UnlistLine(ctx, id)
	}
	return b.store.LookAtLine(ctx, id, b.now().UTC())
}

// LookLater puts the next look at a line off.
func (b *Breaker) LookLater(ctx context.Context, id circuit.GateID) error {
	return b.store.LookAtLine(ctx, id, b.now().UTC().Add(LookAgain))
}

// Rejoin puts a call back into its agent's line that was a probe and found the agent away. If that
// fails, the operation asks again by itself.
func (b *Breaker) Rejoin(ctx context.Context, c Call, r Report) {
	if r.Result == ResultAnswered || r.Result == ResultRateLimited {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), reportTimeout)
	defer cancel()
	w := waiterOf(c)
	if _, _, err := b.store.JoinLine(ctx, agentGate(c.Tenant, c.AgentKey), w, b.now().UTC()); err != nil {
		slog.WarnContext(ctx, "not put back into the line", "operation_id", c.OperationID, "error", err)
	}
}

// LinesDue returns the gates whose lines are to be looked at.
func (b *Breaker) LinesDue(ctx context.Context, limit int) ([]circuit.GateID, error) {
	return b.store.LinesDue(ctx, b.now().UTC(), limit)
}
