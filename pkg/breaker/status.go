package breaker

import (
	"context"
	"time"

	"adcp-orchestrator/pkg/circuit"
)

// Status is how the traffic to an agent stands, for people.
type Status struct {
	Circuit CircuitState
	// OpenUntil is when the next probe of an open circuit is due, BackOffUntil until when the agent
	// asked for time; zero if there is no such time ahead.
	OpenUntil, BackOffUntil time.Time
	// LastFailure is the last call that failed, zero if none is known.
	LastFailure circuit.Failure
	// InFlight is how many calls are under way, Queue how many operations wait in the agent's line, at
	// most MaxQueueShown of them.
	InFlight, Queue int
}

// CircuitState is what a circuit does with calls.
type CircuitState string

// The states of a circuit.
const (
	CircuitClosed   CircuitState = "closed"    // calls go through
	CircuitOpen     CircuitState = "open"      // none does before OpenUntil
	CircuitHalfOpen CircuitState = "half_open" // a probe is due, or under way
)

// MaxQueueShown bounds how much of a line is read to count it.
const MaxQueueShown = 100

// Status returns how the traffic to an agent stands. It changes nothing.
func (b *Breaker) Status(ctx context.Context, tenant, agentKey string) (Status, error) {
	_, s, err := b.read(ctx, circuitKey{tenant, agentKey})
	if err != nil {
		return Status{}, err
	}
	id, now := agentGate(tenant, agentKey), b.now().UTC()
	g, err := b.store.LeaveGate(ctx, id, nil, time.Time{})
	if err != nil {
		return Status{}, err
	}
	status := Status{Circuit: CircuitClosed, LastFailure: s.LastFailure, InFlight: g.UnderWay(now)}
	if s.BackOffUntil.After(now) {
		status.BackOffUntil = s.BackOffUntil
	}
	switch {
	case s.Closed():
	case now.Before(s.OpenUntil):
		status.Circuit, status.OpenUntil = CircuitOpen, s.OpenUntil
	default:
		status.Circuit = CircuitHalfOpen
	}
	if g.Line {
		line, err := b.store.Line(ctx, id, MaxQueueShown)
		if err != nil {
			return Status{}, err
		}
		status.Queue = len(line)
	}
	return status, nil
}
