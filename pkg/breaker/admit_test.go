package breaker_test

import (
	"fmt"
	"time"

	"adcp-orchestrator/pkg/breaker"
	"adcp-orchestrator/pkg/circuit"
)

// This file is what packages operation and orchestrator do around the breaker, as far as it matters
// here: an operation stores how it waits, and whoever makes room gives slots to those in line.

const (
	slotLife   = 2 * time.Minute  // as operation.slotLife
	afterFault = 15 * time.Second // when the workflow tries again after a process died
	admitFew   = 5                // as orchestrator.admitFew
)

// died is what a process panics with that dies.
type died struct{}

// alive runs what a process does. It returns false if the process died.
func (f *fleet) alive(do func()) (alive bool) {
	depth := f.depth
	defer func() {
		if r := recover(); r != nil {
			if _, ok := r.(died); !ok {
				panic(r)
			}
			f.depth = depth
		}
	}()
	do()
	return true
}

// call makes an operation's call, if it may, or stores how it waits.
func (f *fleet) call(o *op) {
	f.t.Helper()
	if f.ops[o.OperationID] == nil {
		return
	}
	if !f.alive(func() { f.ask(o) }) {
		f.at(o, afterFault)
	}
}

func (f *fleet) ask(o *op) {
	f.t.Helper()
	if f.now.Before(o.slot) { // the call's slot has not come
		f.at(o, o.slot.Sub(f.now))
		return
	}
	before, version, b := f.stateOf(o), o.version, f.process()
	call := breaker.Call{Tenant: o.Tenant, AgentKey: o.agent, Origin: o.origin, OperationID: o.OperationID,
		Created: o.Created, Poll: o.poll, HasSlot: !o.slot.IsZero() && f.now.Before(o.slot.Add(slotLife))}
	o.rounds++
	a, err := b.Allow(f.t.Context(), call)
	if err != nil {
		f.t.Fatalf("Allow: %v", err)
	}
	if a.Reason != "" {
		f.waits[a.Reason]++
		if o.version == version { // nobody has given it a slot meanwhile
			f.wait(o, a)
		}
		f.admit(b, a.Room)
		return
	}
	f.permits++
	if f.strict {
		f.checkPermit(o, before, a.Permit)
	}
	if o.gate != "" {
		b.LeaveLine(f.t.Context(), call, o.gate)
	}
	f.make(o, b, a.Permit)
}

// wait stores how an operation waits.
func (f *fleet) wait(o *op, a breaker.Answer) {
	f.t.Helper()
	o.version++
	o.slot = a.Slot
	if a.Gate == "" {
		if !a.Slot.After(f.now) || a.Slot.After(f.now.Add(2*f.policy.MaxOpen+time.Hour)) {
			f.t.Fatalf("a slot at %v for %q, now %v", a.Slot, a.Reason, f.now)
		}
		f.at(o, a.Slot.Sub(f.now))
		return
	}
	if o.gate != a.Gate {
		o.gate, o.since, o.asked = a.Gate, f.now, 0
	}
	o.asked++
	switch d := min(time.Minute<<(2*min(o.asked-1, 4)), 15*time.Minute); {
	case a.Slot.After(f.now):
		f.at(o, a.Slot.Sub(f.now))
	case f.forgetful:
		o.plan++ // nothing is planned
	default:
		f.at(o, max(d, f.now.Sub(o.since)/8))
	}
}

// make makes the call of an operation that has a permit.
func (f *fleet) make(o *op, b *breaker.Breaker, permit breaker.Permit) {
	probe := -1
	if permit.Probe() {
		probe = f.startProbe()
	}
	end := f.begin(o)
	o.slot, o.gate = time.Time{}, ""
	o.version++
	o.plan++
	o.calls++
	report, takes, dies := f.answer()
	if dies {
		f.after(f.lease, end) // the lease ends
		f.at(o, f.lease)      // the workflow tries again later
		return
	}
	f.after(takes, func() {
		if probe >= 0 {
			f.probes[probe] = time.Time{}
		}
		closed := f.state().Closed()
		end()
		until := f.now.Add(report.RetryAfter)
		reported := f.alive(func() {
			room := permit.Report(f.t.Context(), report)
			if at := f.backOffUntil[o.agent]; report.Result == breaker.ResultRateLimited && until.After(at) {
				f.backOffUntil[o.agent] = until
			}
			f.admit(b, room)
		})
		if f.strict && !closed && f.state().Closed() {
			f.lastClose = f.now
		}
		if !reported { // its answer was not stored: the workflow asks again
			f.at(o, afterFault)
			return
		}
		delete(f.ops, o.OperationID)
		f.rounds[o.rounds]++
		f.called = append(f.called, o)
		if o.done != nil {
			o.done()
		}
	})
}

// admit is orchestrator.Admit.soon.
func (f *fleet) admit(b *breaker.Breaker, room []circuit.GateID) {
	for _, id := range room {
		few := 1
		if id.Kind == circuit.AgentGate {
			few = admitFew
		}
		f.give(b, id, few)
	}
}

// give is orchestrator.Admit.Run.
func (f *fleet) give(b *breaker.Breaker, id circuit.GateID, most int) {
	ctx := f.t.Context()
	check := func(err error) {
		if err != nil && f.strict {
			f.t.Fatal(err)
		}
	}
	room, err := b.Room(ctx, id)
	check(err)
	for gave := 0; gave < min(room, most); {
		waiting, err := b.Waiting(ctx, id, min(room, most)-gave)
		check(err)
		if err != nil {
			return
		}
		if len(waiting) == 0 {
			check(b.CloseLine(ctx, id))
			return
		}
		for _, w := range waiting {
			o := f.ops[w.OperationID]
			needs := o != nil && (o.gate != "" || o.slot.IsZero() || !f.now.Before(o.slot.Add(slotLife)))
			if needs {
				version := o.version
				slot, ok, err := b.Reserve(ctx, id, o.Tenant, o.agent)
				if check(err); err != nil || !ok {
					return
				}
				if o.version == version {
					o.slot, o.gate, o.asked = slot, "", 0
					o.version++
					gave++
				}
				// The wake-up comes a moment later.
				f.at(o, max(0, slot.Sub(f.now))+time.Duration(f.r.IntN(500))*time.Millisecond)
			}
			if err := b.Forget(ctx, id, w); err != nil {
				check(err)
				return
			}
		}
	}
}

// reconcile looks at the lines each minute, as orchestrator.Reconcile does.
func (f *fleet) reconcile() {
	f.after(time.Minute, func() {
		f.alive(func() {
			b := f.process()
			due, err := b.LinesDue(f.t.Context(), 100)
			if err != nil && f.strict {
				f.t.Fatal(err)
			}
			for _, id := range due {
				if err := b.LookLater(f.t.Context(), id); err != nil {
					if f.strict {
						f.t.Fatal(err)
					}
					continue
				}
				f.give(b, id, 1<<20)
			}
		})
		f.reconcile()
	})
}

// waiting describes the operations that have not made their calls.
func (f *fleet) waiting() (all []string) {
	for _, o := range f.ops {
		all = append(all, fmt.Sprintf("%+v", *o))
	}
	return all
}
