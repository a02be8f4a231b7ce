package sim

import (
	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/inbox"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/orchestrator"
	"adcp-orchestrator/pkg/registry"
	"adcp-orchestrator/pkg/store/storetest"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"
)

// Crash kills a process at one of its effects: just before the nth effect of the whole run, or just after it. Zero never crashes.
type Crash struct {
	At     int
	Before bool
	// Faults, if set, is asked at every effect what goes wrong with it.
	Faults  func(effect string) Fault
	effects int
	// Fired tells at which effect it happened last, "" if it has not.
	Fired string
}

// Fault is what goes wrong with one effect.
type Fault string

// The faults of an effect. A store's write can fail in two ways that are no answer of the store's: not made, or made and not heard of.
const (
	NoFault     Fault = ""
	DiesBefore  Fault = "dies before"
	DiesAfter   Fault = "dies after"
	FailsBefore Fault = "throttled"
	FailsAfter  Fault = "answer lost"
	// MadeTwice is a write that is made again by a client that did not hear its answer, and fails by what it made itself.
	MadeTwice Fault = "made twice"
)

var errThrottled = errors.New("throttled")

// killed unwinds a process that is dead: nothing after the effect runs.
type killed struct{}

// effect runs something that the outside sees, unless the process dies before.
func (c *Crash) effect(name string, do func() error) error {
	f := c.fault(name)
	if c.effects++; c.effects == c.At {
		if f = DiesAfter; c.Before {
			f = DiesBefore
		}
	}
	if f == DiesBefore {
		c.Fired = "before " + name
		panic(killed{})
	}
	err := suffer(f, do)
	if f == DiesAfter {
		c.Fired = "after " + name
		panic(killed{})
	}
	return err
}

func (c *Crash) fault(name string) Fault {
	if c.Faults == nil {
		return NoFault
	}
	return c.Faults(name)
}

// suffer does something with the faults that leave whoever does it alive.
func suffer(f Fault, do func() error) error {
	if f == FailsBefore {
		return errThrottled
	}
	err := do()
	switch f {
	case FailsAfter:
		return errThrottled
	case MadeTwice:
		return do()
	}
	return err
}

// process runs f as one process: dead is true if it was killed.
func process(f func()) (dead bool) {
	defer func() {
		if r := recover(); r != nil {
			if _, ok := r.(killed); !ok {
				panic(r)
			}
			dead = true
		}
	}()
	f()
	return false
}

// store is a store whose writes can fail, and be a process's last.
type crashStore struct {
	storetest.Store
	c     *Crash
	watch func(operation.Operation)
}

func (s crashStore) Create(ctx context.Context, x orchestrator.NewOperation) error {
	return s.c.effect("Create", func() error { return s.Store.Create(ctx, x) })
}

func (s crashStore) Bind(ctx context.Context, tenant, key, natural string, x orchestrator.IdempotencyRecord) error {
	return s.c.effect("Bind", func() error { return s.Store.Bind(ctx, tenant, key, natural, x) })
}

func (s crashStore) Commit(ctx context.Context, x operation.Change) error {
	return s.c.effect("Commit to "+string(x.Op.State), func() error {
		err := s.Store.Commit(ctx, x)
		if err == nil && s.watch != nil {
			s.watch(x.Op)
		}
		return err
	})
}

func (s crashStore) PutProfile(ctx context.Context, tenant, agent string, p registry.Profile) error {
	return s.c.effect("PutProfile", func() error { return s.Store.PutProfile(ctx, tenant, agent, p) })
}

func (s crashStore) ClaimNonce(ctx context.Context, n inbox.Nonce, until time.Time, most int) error {
	return s.c.effect("ClaimNonce", func() error { return s.Store.ClaimNonce(ctx, n, until, most) })
}

func (s crashStore) Quarantine(ctx context.Context, q inbox.Quarantined) error {
	return s.c.effect("Quarantine", func() error { return s.Store.Quarantine(ctx, q) })
}

// Due implements orchestrator.Store in an order of its own: what is due at the same time comes in no order otherwise.
func (s crashStore) Due(ctx context.Context, now time.Time, limit int) ([]operation.Ref, error) {
	f := s.c.fault("Due")
	switch f {
	case FailsBefore:
		return nil, errThrottled
	case DiesBefore, DiesAfter:
		panic(killed{})
	}
	refs, err := s.Store.Due(ctx, now, limit)
	if f != NoFault { // an index may show a thing twice while it is moved
		refs = append(refs, refs...)
	}
	slices.SortFunc(refs, func(a, b operation.Ref) int { return strings.Compare(a.OperationID, b.OperationID) })
	return refs, err
}

// caller is an agent whose caller can die with the answer in its hands.
type caller struct {
	registry.Caller
	c *Crash
}

func (a caller) Call(ctx context.Context, ag registry.Agent, tool string, arguments json.RawMessage) (r adcp.Response, err error) {
	err = a.c.effect("Call "+tool, func() (err error) { r, err = a.Caller.Call(ctx, ag, tool, arguments); return err })
	return r, err
}

// public is the world that is told of ends.
type public struct{ w *World }

func (p public) Publish(_ context.Context, n orchestrator.EndedEvent) error {
	return p.w.crash.effect("Publish", func() error { p.w.Notices[n.ID]++; return nil })
}

// flow is the workflow port onto the world's executions.
type flow struct{ w *World }

func (f flow) Start(_ context.Context, tenant, id string, generation int) error {
	return f.w.crash.effect("StartExecution", func() error { f.w.start(tenant, id, generation); return nil })
}

func (f flow) Wake(_ context.Context, token string, next operation.Next) error {
	return f.w.crash.effect("SendTaskSuccess", func() error {
		for _, e := range f.w.executions {
			_ = e.Wake(token, map[string]operation.Next{"next": next}) // whoever does not wait for it refuses it
		}
		return nil
	})
}

func (f flow) Status(_ context.Context, _, id string, generation int) (orchestrator.Execution, error) {
	e := f.w.executions[executionName(id, generation)]
	if e == nil {
		return orchestrator.ExecutionMissing, nil
	}
	if done, _ := e.Done(); done {
		return orchestrator.ExecutionOver, nil
	}
	return orchestrator.ExecutionRunning, nil
}

var epoch = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
