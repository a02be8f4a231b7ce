package sim

import (
	"context"
	"encoding/json"
	"time"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/orchestrator"
)

// Crash kills a process at one of its effects: just before the nth effect of the whole run, or just after it. Zero never crashes.
type Crash struct {
	At      int
	Before  bool
	effects int
	// Fired tells at which effect it happened, "" if it has not.
	Fired string
}

// killed unwinds a process that is dead: nothing after the effect runs.
type killed struct{}

// effect runs something that the outside sees, unless the process dies before.
func (c *Crash) effect(name string, do func()) {
	c.effects++
	if c.effects == c.At && c.Before {
		c.Fired = "before " + name
		panic(killed{})
	}
	do()
	if c.effects == c.At && !c.Before {
		c.Fired = "after " + name
		panic(killed{})
	}
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

// store is a store whose writes can be a process's last.
type store struct {
	orchestrator.Store
	c *Crash
}

func (s store) Create(ctx context.Context, x orchestrator.Creation) (err error) {
	s.c.effect("Create", func() { err = s.Store.Create(ctx, x) })
	return err
}

func (s store) Bind(ctx context.Context, tenant, key, natural string, x orchestrator.Submission) (err error) {
	s.c.effect("Bind", func() { err = s.Store.Bind(ctx, tenant, key, natural, x) })
	return err
}

func (s store) Commit(ctx context.Context, x operation.Change) (err error) {
	s.c.effect("Commit to "+string(x.Op.State), func() { err = s.Store.Commit(ctx, x) })
	return err
}

func (s store) PutProfile(ctx context.Context, tenant, agent string, p orchestrator.Profile) (err error) {
	s.c.effect("PutProfile", func() { err = s.Store.PutProfile(ctx, tenant, agent, p) })
	return err
}

func (s store) ClaimNonce(ctx context.Context, n orchestrator.Nonce, until time.Time, most int) (err error) {
	s.c.effect("ClaimNonce", func() { err = s.Store.ClaimNonce(ctx, n, until, most) })
	return err
}

func (s store) Quarantine(ctx context.Context, q orchestrator.Quarantined) (err error) {
	s.c.effect("Quarantine", func() { err = s.Store.Quarantine(ctx, q) })
	return err
}

// caller is an agent whose caller can die with the answer in its hands.
type caller struct {
	*Seller
	c *Crash
}

func (a caller) Call(ctx context.Context, ag orchestrator.Agent, tool string, arguments json.RawMessage) (r adcp.Response, err error) {
	a.c.effect("Call "+tool, func() { r, err = a.Seller.Call(ctx, ag, tool, arguments) })
	return r, err
}

// flow is the workflow port onto the world's executions.
type flow struct{ w *World }

func (f flow) Start(_ context.Context, tenant, id string, generation int) error {
	f.w.crash.effect("StartExecution", func() { f.w.start(tenant, id, generation) })
	return nil
}

func (f flow) Wake(_ context.Context, token string, next operation.Next) error {
	f.w.crash.effect("SendTaskSuccess", func() {
		for _, e := range f.w.executions {
			_ = e.Wake(token, map[string]operation.Next{"next": next}) // whoever does not wait for it refuses it
		}
	})
	return nil
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
