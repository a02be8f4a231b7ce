package breaker

import (
	"context"
	"time"

	"adcp-orchestrator/pkg/circuit"
	"adcp-orchestrator/pkg/notice"
	"adcp-orchestrator/pkg/store"
)

// Store keeps one document for each tenant and agent, and the gates with their lines. Each
// change of a gate is one conditional write that depends on no version: calls that do not meet
// a bound do not meet each other.
//
// An error that is a store.ErrThrottled says that the store is there but has no capacity.
type Store interface {
	// Circuit returns an agent's document, or store.ErrNotFound.
	Circuit(ctx context.Context, tenant, agentID string) (store.Document, error)
	// PutCircuit stores a document if version d.Version-1 is stored (0: none), with what consumers are
	// told of it, or returns store.ErrStale.
	PutCircuit(ctx context.Context, tenant, agentID string, d store.Document, told ...notice.Notice) error

	// Paused reports whether an operator's brake is on for an agent, whatever address it is called at.
	Paused(ctx context.Context, tenant, agentID string) (bool, error)

	// StepGate makes one step and returns the gate after it. It returns store.ErrStale, with the gate
	// as it is, if the step's conditions do not hold.
	StepGate(ctx context.Context, id circuit.GateID, s circuit.Step) (circuit.Gate, error)
	// LeaveGate ends leases and returns the gate after it. answered, if it is not zero, is when a call
	// was answered.
	LeaveGate(ctx context.Context, id circuit.GateID, over []circuit.Lease, answered time.Time) (circuit.Gate, error)
	// JoinLine puts a waiter into a gate's line, once, and returns the gate. first reports whether the
	// line was empty before.
	JoinLine(ctx context.Context, id circuit.GateID, w circuit.Waiter, now time.Time) (
		g circuit.Gate, first bool, err error)
	// Line returns those who wait, the oldest first, at most limit of them.
	Line(ctx context.Context, id circuit.GateID, limit int) ([]circuit.Waiter, error)
	// ClaimWaiter claims a waiter until a time, for the process that gives it a slot. It returns
	// store.ErrStale if another one has it, or if it does not stand in line.
	ClaimWaiter(ctx context.Context, id circuit.GateID, w circuit.Waiter, now, until time.Time) error
	// LeaveLine takes a waiter out of a line.
	LeaveLine(ctx context.Context, id circuit.GateID, w circuit.Waiter) error
	// CloseLine marks a line as empty; its gate stays among those to be looked at. UnlistLine takes it
	// out of them, unless the line has been marked again. LookAtLine marks a line as one that has
	// waiters, and puts the next look at it off until then.
	CloseLine(ctx context.Context, id circuit.GateID) error
	UnlistLine(ctx context.Context, id circuit.GateID) error
	LookAtLine(ctx context.Context, id circuit.GateID, next time.Time) error
	// LinesDue returns the gates whose lines are to be looked at, the longest due first, at most limit
	// of them. It may lag behind the last writes.
	LinesDue(ctx context.Context, now time.Time, limit int) ([]circuit.GateID, error)
}

// Bounds are the calls that may be under way at one time at the gates that have no policy of their
// own.
type Bounds struct{ Tenant, Origin int }

// DefaultBounds leave room for others in an account whose functions may run a thousand times at
// once.
var DefaultBounds = Bounds{Tenant: 250, Origin: 250}

// gates are the gates that a call passes, the agent's first, with their bounds.
func (b *Breaker) gates(c Call) []gate {
	shard := func(bound int) int { return store.Shard(c.OperationID, shards(bound)) }
	all := []gate{
		{id: agentGate(c.Tenant, c.AgentKey)},
		{id: circuit.GateID{Kind: circuit.TenantGate, Tenant: c.Tenant, Shard: shard(b.bounds.Tenant)}},
		{id: circuit.GateID{Kind: circuit.OriginGate, Name: c.Origin, Shard: shard(b.bounds.Origin)}},
	}
	for n := range all {
		all[n].limit = b.limit(all[n].id)
		if c.Now {
			all[n].limit = nowShare(all[n].limit)
		}
	}
	return all
}

// nowShare is how many calls may be under way at a gate when one with Now enters: agents that hang
// must not fill the gates with calls that no operation needs, so these find room up to half.
func nowShare(limit int) int { return max(1, limit/2) }

// perShard is how many calls one gate of several next to each other lets through. Each change of a
// gate costs what all its leases do, and a partition of the table takes 1,000 units in a second.
const perShard = 50

// shards is over how many gates a bound is distributed.
func shards(bound int) int { return max(1, bound/perShard) }

func agentGate(tenant, key string) circuit.GateID {
	return circuit.GateID{Kind: circuit.AgentGate, Tenant: tenant, Name: key}
}

type gate struct {
	id    circuit.GateID
	limit int
}

// limit is the bound of a gate.
func (b *Breaker) limit(id circuit.GateID) int {
	switch id.Kind {
	case circuit.TenantGate:
		return b.bounds.Tenant / shards(b.bounds.Tenant)
	case circuit.OriginGate:
		return b.bounds.Origin / shards(b.bounds.Origin)
	}
	return b.policy.InFlight
}
