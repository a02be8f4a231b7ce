package breaker

import (
	"context"
	"errors"
	"time"

	"adcp-orchestrator/pkg/circuit"
	"adcp-orchestrator/pkg/store"
)

// enter takes a place at each gate, or finds out how the call has to wait. It returns the agent's
// gate. What it took is in the permit.
func (b *Breaker) enter(ctx context.Context, c Call, p *Permit, d circuit.Decision) (Answer, circuit.Gate, error) {
	now := b.now().UTC()
	lease := circuit.Lease{ID: b.newID(), Began: now, Until: now.Add(b.lease)}
	var agents circuit.Gate
	for n, at := range b.gates(c) {
		entry := func(g circuit.Gate) (circuit.Step, time.Time) {
			return circuit.Step{Lease: lease, Limit: at.limit, Jumps: c.HasSlot}, now
		}
		if n == 0 {
			entry = func(g circuit.Gate) (circuit.Step, time.Time) {
				// A slot that was given before the agent asked for time is void; the place in line is not.
				reserved := c.HasSlot && !c.Unreserved && d.Reason == ""
				s, slot := b.policy.Entry(g, now, d.NotBefore, lease, at.limit, c.Poll, reserved)
				s.Jumps = c.HasSlot || d.Ticket.Probe
				if c.Now && slot.After(now) {
					return circuit.Step{}, slot // reserves nothing: who is refused takes no slot from operations
				}
				return s, slot
			}
		}
		g, slot, err := b.step(ctx, at, now, entry)
		switch {
		case errors.Is(err, errNoRoom):
			room := p.leave(ctx, time.Time{})
			if n == 0 && p.state.Closed() && b.policy.Silent(g, now) {
				return Answer{}, g, errSilent
			}
			if c.Now {
				return Answer{Reason: circuit.Full, Slot: b.soon(), Gate: at.id.Kind, Room: room}, g, nil
			}
			a, err := b.join(ctx, c, at, circuit.Full, time.Time{})
			a.Room = append(a.Room, room...)
			return a, g, err
		case err != nil:
			p.leave(ctx, time.Time{})
			return Answer{}, g, err
		case slot.After(now):
			reason := d.Reason
			if reason == "" {
				reason = circuit.Limited
			}
			return Answer{Reason: reason, Slot: slot, Reserved: !c.Now}, g, nil
		}
		p.places = append(p.places, place{at.id, lease})
		if n == 0 {
			agents = g
		}
	}
	return Answer{PollEvery: max(0, agents.NextPoll.Sub(now))}, agents, nil
}

// errNoRoom says that a call has to wait in line, errSilent that those under way hang.
var errNoRoom, errSilent = errors.New("no room"), errors.New("silent")

// step makes the step that plan decides on. It begins with the guess that the gate is idle: most
// gates are, and then one write is all. It ends leases of processes that died, if there is no room
// else.
func (b *Breaker) step(ctx context.Context, at gate, now time.Time,
	plan func(circuit.Gate) (circuit.Step, time.Time)) (circuit.Gate, time.Time, error) {
	var g circuit.Gate
	for range maxTries {
		s, slot := plan(g)
		if s == (circuit.Step{}) {
			return g, slot, nil // nothing is to be changed
		}
		after, err := b.store.StepGate(ctx, at.id, s)
		if err == nil {
			if got, ok := s.Slot(after); ok { // others may have moved the gate since it was read
				slot = got
			}
			return after, slot, nil
		}
		if !errors.Is(err, store.ErrStale) {
			return g, slot, err
		}
		g = after
		full := s.Lease.ID != "" && len(g.Leases) >= at.limit
		switch over := g.Expired(now); {
		case g.Line && !s.Jumps, full && len(over) == 0:
			return g, slot, errNoRoom
		case full:
			if g, err = b.store.LeaveGate(ctx, at.id, over, time.Time{}); err != nil {
				return g, slot, err
			}
		}
	}
	return g, time.Time{}, store.ErrStale
}

// waiterOf is the place in line of a call.
func waiterOf(c Call) circuit.Waiter {
	return circuit.Waiter{Tenant: c.Tenant, OperationID: c.OperationID, Created: c.Created, Poll: c.Poll}
}

// join puts the call's operation into a gate's line. The first in the line of an open circuit comes
// back when the next probe is due: at. All others are given a slot by whoever makes room, and so
// are those of an agent that is paused.
func (b *Breaker) join(ctx context.Context, c Call, gt gate, why circuit.Reason, at time.Time) (Answer, error) {
	now := b.now().UTC()
	w := waiterOf(c)
	g, first, err := b.store.JoinLine(ctx, gt.id, w, now)
	if err != nil {
		return Answer{}, err
	}
	a := Answer{Reason: why, Gate: gt.id.Kind}
	if why == circuit.Open || why == circuit.Paused {
		if first {
			a.Slot = at
		}
		return a, nil
	}
	// Whoever leaves a gate with a line looks at it. But somebody may have left meanwhile who
	// saw no line, or nobody is left to leave.
	if under := g.UnderWay(now); under == 0 || first && under < gt.limit {
		a.Room = []circuit.GateID{gt.id}
	}
	return a, nil
}
