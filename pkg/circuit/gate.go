package circuit

import (
	"slices"
	"time"
)

// Gate is what bounds the calls to one agent, of one tenant, or to one origin: how many are in
// flight, and how many begin in a second. The zero Gate is one that nobody has passed.
type Gate struct {
	// Next is the theoretical arrival time of GCRA: the slot of the next call, unless it is past. It
	// moves by one interval for each call.
	Next time.Time
	// NextPoll is the same for polls, at their share of the rate. How far it is ahead is how long a
	// round of polls takes.
	NextPoll time.Time
	// Leases are the calls in flight, and those of processes that died: a lease ends by itself.
	Leases []Lease
	// Answered is when a call of this gate was last answered.
	Answered time.Time
	// Line reports whether somebody waits in the gate's line: later calls go behind.
	Line bool
}

// GateID names a gate.
type GateID struct {
	Kind GateKind
	// Tenant is empty for an origin's gate: all tenants share it.
	Tenant string
	// Name is the circuit key of an agent, or an origin; empty for a tenant's gate.
	Name string
	// Shard is which of several gates next to each other it is: each has its share of the bound, and a
	// partition of its own.
	Shard int
}

// GateKind is what a gate bounds.
type GateKind string

// The kinds of gates. A call passes one of each.
const (
	AgentGate  GateKind = "agent"  // the calls of one tenant to one agent
	TenantGate GateKind = "tenant" // the calls of one tenant
	OriginGate GateKind = "origin" // the calls of all tenants to one origin
)

// Waiter is an operation that waits in a gate's line.
type Waiter struct {
	Tenant, OperationID string
	// Created is the operation's age: the line is in its order, but Poll, questions about operations,
	// stand behind all calls.
	Created time.Time
	Poll    bool
	// Claimed is until when a process that admits those who wait has this one.
	Claimed time.Time
}

// Lease is the place of one call in flight.
type Lease struct {
	ID           string // unique among the gate's leases
	Began, Until time.Time
}

// Pace moves one of a gate's times by Interval, from Floor if it is before that.
type Pace struct {
	Interval time.Duration
	Floor    time.Time
	// Ahead is what the caller has seen: whether the time is after Floor. A step that has seen the
	// other is stale.
	Ahead bool
	// Latest, if it is not zero, is the latest slot that will do while the time is ahead: others may
	// have moved it since the caller saw it.
	Latest time.Time
}

// Slot is the time that the pace reserves, when the gate's time is next.
func (p Pace) Slot(next time.Time) time.Time {
	if next.After(p.Floor) {
		return next
	}
	return p.Floor
}

// Step is one conditional change of a gate.
type Step struct {
	// Lease, if it has an id, is taken if fewer than Limit are.
	Lease Lease
	Limit int
	// Call and Poll move Next and NextPoll, if they have an interval.
	Call, Poll Pace
	// Jumps lets the step go through although others wait in line.
	Jumps bool
}

// Apply returns the gate after the step. ok is false if the step's conditions do not hold: then the
// gate is as before. Like the table it keeps times in microseconds, and leases as a set.
func (s Step) Apply(g Gate) (after Gate, ok bool) {
	switch {
	case g.Line && !s.Jumps,
		s.Lease.ID != "" && len(g.Leases) >= s.Limit,
		!s.Call.holds(g.Next), !s.Poll.holds(g.NextPoll):
		return g, false
	}
	if l := s.Lease.stored(); l.ID != "" && !slices.Contains(g.Leases, l) {
		g.Leases = append(slices.Clone(g.Leases), l)
	}
	g.Next, g.NextPoll = s.Call.move(g.Next), s.Poll.move(g.NextPoll)
	return g, true
}

// Slot is the slot that the step got, if it moved the calls' time. Only the gate after the step
// shows it: others may have moved the gate since the step was planned.
func (s Step) Slot(after Gate) (slot time.Time, ok bool) {
	return after.Next.Add(-s.Call.Interval), s.Call.Interval != 0
}

func (l Lease) stored() Lease {
	return Lease{ID: l.ID, Began: l.Began.UTC().Truncate(Resolution), Until: l.Until.UTC().Truncate(Resolution)}
}

// Resolution is that of a gate's times: it allows rates of up to a million calls in a second.
const Resolution = time.Microsecond

func (p Pace) holds(next time.Time) bool {
	return p.Interval == 0 ||
		next.After(p.Floor) == p.Ahead && (!p.Ahead || p.Latest.IsZero() || !next.After(p.Latest))
}

func (p Pace) move(next time.Time) time.Time {
	if p.Interval == 0 {
		return next
	}
	return p.Slot(next).Add(p.Interval).UTC().Truncate(Resolution)
}

// Expired returns the leases that are over.
func (g Gate) Expired(now time.Time) (over []Lease) {
	for _, l := range g.Leases {
		if !now.Before(l.Until) {
			over = append(over, l)
		}
	}
	return over
}

// UnderWay returns how many calls are in flight: the leases that are not over.
func (g Gate) UnderWay(now time.Time) int { return len(g.Leases) - len(g.Expired(now)) }

// Silent reports whether the agent is silent while calls still hang: Failures calls have been under
// way for longer than SilentAfter, and none was answered in that time or since they began. A place
// that a process did not give back is no call that hangs: others were answered since.
func (p Policy) Silent(g Gate, now time.Time) bool {
	since, hanging := now.Add(-p.SilentAfter), 0
	for _, l := range g.Leases {
		if l.Began.Before(since) && g.Answered.Before(l.Began) && now.Before(l.Until) {
			hanging++
		}
	}
	return p.SilentAfter > 0 && hanging >= max(1, p.Failures) && g.Answered.Before(since)
}

// callPace is the pace of a call that must not be made before notBefore. A burst is what an
// idle gate lets through at once: the first of it has the time that is that far behind, the
// last one has now.
func (p Policy) callPace(g Gate, now, notBefore time.Time) Pace {
	floor := now.Add(-p.BurstTime())
	if notBefore.After(floor) {
		floor = notBefore
	}
	return Pace{Interval: p.interval(1), Floor: floor, Ahead: g.Next.After(floor)}
}

// BurstTime is how far behind the slot may be that an idle gate gives.
func (p Policy) BurstTime() time.Duration {
	return time.Duration(max(0, p.Burst-1) / p.Rate * float64(time.Second))
}

// pollPace is the pace of a poll: polls get their share of the rate, so that calls find room.
func (p Policy) pollPace(g Gate, now time.Time) Pace {
	return Pace{Interval: p.interval(pollShare), Floor: now, Ahead: g.NextPoll.After(now)}
}

// pollShare is the part of the rate that polls plan with.
const pollShare = 0.8

// interval is rounded up: the rate is a bound.
func (p Policy) interval(share float64) time.Duration {
	exact := time.Duration(float64(time.Second) / (p.Rate * share))
	return (exact + Resolution - 1).Truncate(Resolution)
}

// Entry plans how a call enters a gate that looks like g: at once, or with a slot in the future. A
// call that has its slot already, or whose gate has no rate, only takes a lease.
func (p Policy) Entry(g Gate, now, notBefore time.Time, lease Lease, limit int, poll, hasSlot bool) (Step, time.Time) {
	s := Step{Lease: lease, Limit: limit, Jumps: hasSlot}
	if poll {
		s.Poll = p.pollPace(g, now)
	}
	if hasSlot {
		return s, now
	}
	s.Call = p.callPace(g, now, notBefore)
	slot := s.Call.Slot(g.Next)
	if slot.After(now) { // reserved: the lease is taken when the slot has come
		s.Lease, s.Poll = Lease{}, Pace{}
	} else {
		s.Call.Latest = now // those who see the same gate at once must not all go at once
	}
	return s, slot
}

// Reserve plans a slot for somebody who waits in line.
func (p Policy) Reserve(g Gate, now, notBefore time.Time) (Step, time.Time) {
	s := Step{Call: p.callPace(g, now, notBefore), Jumps: true}
	return s, s.Call.Slot(g.Next)
}
