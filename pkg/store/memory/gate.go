package memory

import (
	"context"
	"slices"
	"strings"
	"time"

	"adcp-orchestrator/pkg/circuit"
	"adcp-orchestrator/pkg/store"
	"adcp-orchestrator/pkg/store/layout"
)

// gateRecord is a gate with its line, and when its line is to be looked at.
type gateRecord struct {
	gate   circuit.Gate
	line   []layout.Item // by sort key
	lookAt time.Time
}

// gate returns a gate's record. The caller holds the lock.
func (s *Store) gate(id circuit.GateID) *gateRecord {
	r := s.gates[id]
	if r == nil {
		r = &gateRecord{}
		s.gates[id] = r
	}
	return r
}

// place is where in line a waiter's item is, or belongs.
func (r *gateRecord) place(sk string) (n int, found bool) {
	return slices.BinarySearchFunc(r.line, sk, func(i layout.Item, sk string) int {
		return strings.Compare(i.Text("sk"), sk)
	})
}

// copied returns a gate that shares nothing with the store.
func (r *gateRecord) copied() circuit.Gate {
	g := r.gate
	g.Leases = slices.Clone(g.Leases)
	layout.SortLeases(g.Leases)
	return g
}

// StepGate makes one step and returns the gate after it. It returns store.ErrStale, with the
// gate as it is, if the step's conditions do not hold.
func (s *Store) StepGate(_ context.Context, id circuit.GateID, step circuit.Step) (circuit.Gate, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.gate(id)
	after, ok := step.Apply(r.gate)
	if !ok {
		return r.copied(), store.ErrStale
	}
	r.gate = after
	return r.copied(), nil
}

// LeaveGate ends leases and returns the gate after it. answered, if it is not zero, is when a call
// was answered.
func (s *Store) LeaveGate(_ context.Context, id circuit.GateID, over []circuit.Lease, answered time.Time) (
	circuit.Gate, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, texts := s.gate(id), layout.LeaseTexts(over)
	r.gate.Leases = slices.DeleteFunc(slices.Clone(r.gate.Leases), func(l circuit.Lease) bool {
		return slices.Contains(texts, layout.LeaseText(l))
	})
	if !answered.IsZero() {
		r.gate.Answered = layout.ReadMicros(layout.Micros(answered))
	}
	return r.copied(), nil
}

// JoinLine puts a waiter into a gate's line, once, and returns the gate. first reports whether the
// line was empty before.
func (s *Store) JoinLine(_ context.Context, id circuit.GateID, w circuit.Waiter, now time.Time) (
	g circuit.Gate, first bool, err error) {
	i := layout.WaiterItem(id, w, now)
	if err := i.Check(); err != nil {
		return circuit.Gate{}, false, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.gate(id)
	if n, found := r.place(i.Text("sk")); found {
		r.line[n] = i
	} else {
		r.line = slices.Insert(r.line, n, i)
	}
	first = !r.gate.Line
	if r.gate.Line = true; first {
		r.lookAt = now
	}
	return r.copied(), first, nil
}

// Line returns those who wait, the oldest first, at most limit of them.
func (s *Store) Line(_ context.Context, id circuit.GateID, limit int) (all []circuit.Waiter, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	line := s.gate(id).line
	for _, i := range line[:min(limit, len(line))] {
		all = append(all, layout.ReadWaiter(i))
	}
	return all, nil
}

// ClaimWaiter claims a waiter until a time. It returns store.ErrStale if another process has it, or
// if it does not stand in line.
func (s *Store) ClaimWaiter(_ context.Context, id circuit.GateID, w circuit.Waiter, now, until time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.gate(id)
	n, found := r.place(layout.WaiterKey(id, w).Text("sk"))
	if !found || r.line[n].Number(layout.AttrClaimed) > layout.Micros(now) {
		return store.ErrStale
	}
	r.line[n] = r.line[n].With(layout.Item{layout.AttrClaimed: layout.Micros(until)})
	return nil
}

// LeaveLine takes a waiter out of a line.
func (s *Store) LeaveLine(_ context.Context, id circuit.GateID, w circuit.Waiter) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.gate(id)
	if n, found := r.place(layout.WaiterKey(id, w).Text("sk")); found {
		r.line = slices.Delete(r.line, n, n+1)
	}
	return nil
}

// CloseLine marks a line as empty. Its gate stays among those to be looked at.
func (s *Store) CloseLine(_ context.Context, id circuit.GateID) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gate(id).gate.Line = false
	return nil
}

// UnlistLine takes a gate out of those to be looked at, unless its line has been marked again.
func (s *Store) UnlistLine(_ context.Context, id circuit.GateID) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := s.gate(id); !r.gate.Line {
		r.lookAt = time.Time{}
	}
	return nil
}

// LookAtLine marks a line as one that has waiters, and puts the next look at it off until then.
func (s *Store) LookAtLine(_ context.Context, id circuit.GateID, next time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.gate(id)
	r.gate.Line, r.lookAt = true, next
	return nil
}

// LinesDue returns the gates whose lines are to be looked at, the longest due first, at most
// limit of them.
func (s *Store) LinesDue(_ context.Context, now time.Time, limit int) (due []circuit.GateID, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, r := range s.gates {
		if !r.lookAt.IsZero() && layout.Timestamp(r.lookAt) < layout.Timestamp(now) {
			due = append(due, id)
		}
	}
	slices.SortFunc(due, func(a, b circuit.GateID) int {
		if c := s.gates[a].lookAt.Compare(s.gates[b].lookAt); c != 0 {
			return c
		}
		return strings.Compare(layout.GateKey(a, "").Text("pk"), layout.GateKey(b, "").Text("pk"))
	})
	return due[:min(limit, len(due))], nil
}
