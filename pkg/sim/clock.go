package sim

import (
	"context"
	"maps"
	"slices"
	"time"

	"adcp-orchestrator/pkg/orchestrator"
	"adcp-orchestrator/pkg/outbox"
)

// Plan lets something happen at a time.
func (w *World) Plan(at time.Time, do func()) { w.planned = append(w.planned, plannedEvent{at, do}) }

// Run advances the world, event by event, until nothing is left to happen or the horizon is over.
func (w *World) Run(ctx context.Context, horizon time.Duration) error {
	end := w.now.Add(horizon)
	for {
		known := len(w.executions)
		for _, name := range slices.Sorted(maps.Keys(w.executions)) {
			if err := w.executions[name].Run(ctx); err != nil {
				return err
			}
		}
		if len(w.executions) > known { // one that has run has started others
			continue
		}
		at, act := w.nextEvent(ctx)
		if act == nil || at.After(end) {
			return nil
		}
		if at.After(w.now) {
			w.now = at
		}
		if err := act(); err != nil {
			return err
		}
	}
}

// elapse lets time go by while a process works. External events happen in the meantime.
func (w *World) elapse(ctx context.Context, d time.Duration) {
	for end := w.now.Add(d); ; {
		at, act := w.nextExternal(ctx)
		if act == nil || at.After(end) {
			w.now = end
			return
		}
		if at.After(w.now) {
			w.now = at
		}
		running, tenant := w.running, w.tenant
		w.running, w.tenant = "", ""
		_ = act() // external events do not fail
		w.running, w.tenant = running, tenant
	}
}

// nextEvent returns the earliest event: an external one, or the end of an execution's wait.
func (w *World) nextEvent(ctx context.Context) (time.Time, func() error) {
	at, act := w.nextExternal(ctx)
	for _, name := range slices.Sorted(maps.Keys(w.executions)) {
		if e := w.executions[name]; !e.Waiting().IsZero() && (act == nil || e.Waiting().Before(at)) {
			at, act = e.Waiting(), e.Expire
		}
	}
	return at, act
}

// nextExternal returns the earliest event that no execution waits for: a planned one, a webhook,
// or a run of the reconciler that finds something. Runs that find nothing do not keep a world
// going.
func (w *World) nextExternal(ctx context.Context) (at time.Time, act func() error) {
	consider := func(t time.Time, f func() error) {
		if act == nil || t.Before(at) {
			at, act = t, f
		}
	}
	for i, p := range w.planned {
		consider(p.at, func() error {
			w.planned = slices.Delete(w.planned, i, i+1)
			p.do()
			return nil
		})
	}
	for _, s := range w.sellers() {
		for i, o := range s.outbox {
			consider(o.at, func() error { w.send(ctx, s, i); return nil })
		}
	}
	if due := w.Store.NextDue(); !due.IsZero() {
		t := w.reconcileAt
		if !due.Before(t) { // the runs before this one find nothing: skip them
			t = t.Add(due.Sub(t).Truncate(time.Minute) + time.Minute)
		}
		consider(t, func() error { return w.reconcile(ctx) })
	}
	if due := w.Store.NextNotice(); !due.IsZero() {
		t := w.sweepAt
		if !due.Before(t) {
			t = t.Add(due.Sub(t).Truncate(time.Minute) + time.Minute)
		}
		consider(t, func() error { return w.sweep(ctx) })
	}
	return at, act
}

// drain sends a world's notices.
func (w *World) drain() outbox.Drain {
	return outbox.Drain{Store: w.store(), Bus: bus{w}, Now: w.deps().Now}
}

// sweep sends what waits in the outbox. No signal calls for it: all are lost. A run that fails is
// followed by another.
func (w *World) sweep(ctx context.Context) error {
	w.sweepAt = w.now.Add(time.Minute)
	runProcess(func() { _, _ = outbox.Sweep{Drain: w.drain(), Store: w.Store}.Run(ctx) })
	return nil
}

// reconcile runs the reconciler. A run that fails is followed by another.
func (w *World) reconcile(ctx context.Context) error {
	w.reconcileAt = w.now.Add(time.Minute)
	runProcess(func() {
		reconcile := orchestrator.Reconcile{
			Store: w.store(), Workflow: workflow{w}, Breaker: w.Breaker, Deps: w.deps(), Record: w.Looks,
		}
		_, _ = reconcile.Run(ctx)
	})
	return nil
}
