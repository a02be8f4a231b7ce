package breaker_test

import (
	"cmp"
	"context"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"adcp-orchestrator/pkg/breaker"
	"adcp-orchestrator/pkg/circuit"
	"adcp-orchestrator/pkg/notice"
	"adcp-orchestrator/pkg/store"
)

// countingStore counts the requests to a store.
type countingStore struct {
	breaker.Store
	now           func() time.Time
	reads, writes atomic.Int64
	// beforeWrite stands for what other processes do before a write, and between two.
	beforeWrite func()
	// fault may fail a request, before or after it took effect.
	fault func() (before, after error)
	// slots, if they are wanted, are when calls may be made that were given slots, by their gates.
	slots map[circuit.GateID][]time.Time
}

// request makes one request.
func request[T any](c *countingStore, write bool, do func() (T, error)) (T, error) {
	var none T
	count := &c.reads
	if write {
		if count = &c.writes; c.beforeWrite != nil {
			c.beforeWrite()
		}
	}
	count.Add(1)
	if c.fault == nil {
		return do()
	}
	before, after := c.fault()
	if before != nil {
		return none, before
	}
	v, err := do()
	return v, cmp.Or(err, after)
}

func (c *countingStore) Circuit(ctx context.Context, tenant, agentID string) (store.Document, error) {
	return request(c, false, func() (store.Document, error) { return c.Store.Circuit(ctx, tenant, agentID) })
}

func (c *countingStore) PutCircuit(ctx context.Context, tenant, agentID string, d store.Document,
	told ...notice.Notice) error {
	_, err := request(c, true, func() (int, error) { return 0, c.Store.PutCircuit(ctx, tenant, agentID, d, told...) })
	return err
}

func (c *countingStore) StepGate(ctx context.Context, id circuit.GateID, s circuit.Step) (circuit.Gate, error) {
	// A refused step needs its gate, so the request does not know of that error.
	stale := false
	g, err := request(c, true, func() (circuit.Gate, error) {
		g, err := c.Store.StepGate(ctx, id, s)
		if stale = err == store.ErrStale; stale { //nolint:errorlint // as it is
			return g, nil
		}
		if slot, ok := s.Slot(g); ok && c.slots != nil && err == nil {
			if now := c.now(); slot.Before(now) {
				slot = now
			}
			c.slots[id] = append(c.slots[id], slot)
		}
		return g, err
	})
	if err == nil && stale {
		err = store.ErrStale
	}
	return g, err
}

func (c *countingStore) LeaveGate(ctx context.Context, id circuit.GateID, over []circuit.Lease, answered time.Time) (
	circuit.Gate, error) {
	return request(c, len(over) > 0 || !answered.IsZero(), func() (circuit.Gate, error) {
		return c.Store.LeaveGate(ctx, id, over, answered)
	})
}

// JoinLine is two writes: of the waiter, and of the mark.
func (c *countingStore) JoinLine(ctx context.Context, id circuit.GateID, w circuit.Waiter, now time.Time) (
	g circuit.Gate, first bool, err error) {
	if c.beforeWrite != nil {
		c.beforeWrite()
	}
	c.writes.Add(1)
	g, err = request(c, true, func() (g circuit.Gate, err error) {
		g, first, err = c.Store.JoinLine(ctx, id, w, now)
		return g, err
	})
	return g, first, err
}

func (c *countingStore) Line(ctx context.Context, id circuit.GateID, limit int) ([]circuit.Waiter, error) {
	return request(c, false, func() ([]circuit.Waiter, error) { return c.Store.Line(ctx, id, limit) })
}

func (c *countingStore) LeaveLine(ctx context.Context, id circuit.GateID, w circuit.Waiter) error {
	_, err := request(c, true, func() (int, error) { return 0, c.Store.LeaveLine(ctx, id, w) })
	return err
}

func (c *countingStore) CloseLine(ctx context.Context, id circuit.GateID) error {
	_, err := request(c, true, func() (int, error) { return 0, c.Store.CloseLine(ctx, id) })
	return err
}

func (c *countingStore) UnlistLine(ctx context.Context, id circuit.GateID) error {
	_, err := request(c, true, func() (int, error) { return 0, c.Store.UnlistLine(ctx, id) })
	return err
}

func (c *countingStore) LookAtLine(ctx context.Context, id circuit.GateID, next time.Time) error {
	_, err := request(c, true, func() (int, error) { return 0, c.Store.LookAtLine(ctx, id, next) })
	return err
}

func (c *countingStore) LinesDue(ctx context.Context, now time.Time, limit int) ([]circuit.GateID, error) {
	return request(c, false, func() ([]circuit.GateID, error) { return c.Store.LinesDue(ctx, now, limit) })
}

// checkRate fails the test if more calls have slots in some time than rate and burst allow.
func checkRate(t *testing.T, p circuit.Policy, slots map[circuit.GateID][]time.Time) {
	t.Helper()
	for id, at := range slots {
		slices.SortFunc(at, time.Time.Compare)
		level, before := p.Burst, at[0] // of a bucket that pays for every call
		for n, slot := range at {
			level = min(p.Burst, level+p.Rate*(slot.Sub(before)+time.Microsecond).Seconds()) - 1
			if before = slot; level < -0.01 {
				t.Fatalf("%v: call %d at %v is %v too many", id, n, slot, -level)
			}
		}
	}
}
