package sim

import (
	"errors"
	"slices"
	"testing"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/orchestrator"
)

// actsOf is what a person does as an actor: each read and write is a step.
func (h *harness) actsOf(a *actor) orchestrator.Acts {
	s, w := actorStore{h.store, h, a}, h.workflow(a)
	return orchestrator.Acts{Store: s, Workflow: w, Deps: h.deps(),
		Buys: orchestrator.CancelBuys{Store: s, Workflow: w, Deps: h.deps()}}
}

// act is a person's act. A client repeats one that died.
func (h *harness) act(name string, do func(orchestrator.Acts, orchestrator.Act) (operation.Operation, error)) *actor {
	return &actor{name: name, ready: func() bool { return true }, run: func(a *actor) {
		_, err := do(h.actsOf(a), orchestrator.Act{Actor: operation.Actor{Type: operation.ActorAPIKey, ID: name}})
		h.results[name] = []string{h.refusalOf(name, err)}
	}}
}

// refusalOf is the code of a refused act, "done" for one that was not.
func (h *harness) refusalOf(name string, err error) string {
	var refused *operation.ActRefusedError
	var mismatch *orchestrator.VersionMismatchError
	switch {
	case errors.As(err, &refused):
		return string(refused.Code)
	case errors.As(err, &mismatch):
		return "version_mismatch"
	}
	h.failed(name, err)
	return "done"
}

func (h *harness) cancel() *actor {
	return h.act("cancel", func(a orchestrator.Acts, by orchestrator.Act) (operation.Operation, error) {
		return a.Cancel(h.t.Context(), Tenant, h.id, by, operation.CancelBuy)
	})
}

func (h *harness) pollNow() *actor {
	return h.act("poll now", func(a orchestrator.Acts, by orchestrator.Act) (operation.Operation, error) {
		return a.Poll(h.t.Context(), Tenant, h.id, by)
	})
}

func (h *harness) pause() *actor {
	return h.act("pause", func(a orchestrator.Acts, by orchestrator.Act) (operation.Operation, error) {
		return a.Pause(h.t.Context(), Tenant, h.id, by)
	})
}

// resolveAs says how the operation has ended, as it stands when the actor starts.
func (h *harness) resolveAs(state operation.State) *actor {
	return &actor{name: "resolve", ready: func() bool { return true }, run: func(a *actor) {
		resolve := orchestrator.Resolve{Store: actorStore{h.store, h, a}, Agents: actorSeller{h, a},
			NewKey: func() string { return "a-fresh-key-of-a-poll" }, Workflow: h.workflow(a), Deps: h.deps()}
		op, err := h.store.Get(h.t.Context(), Tenant, h.id)
		h.failed("resolve", err)
		by := orchestrator.Act{Actor: operation.Actor{Type: operation.ActorAPIKey, ID: "resolve"}, IfVersion: op.Version}
		_, err = resolve.Run(h.t.Context(), Tenant, h.id, by,
			orchestrator.Resolution{State: state, MediaBuyID: "mb_1"})
		h.results["resolve"] = []string{h.refusalOf("resolve", err)}
	}}
}

// actRace is a race of acts with the rest of the engine. Its checks hold for every order and crash;
// of the endings it names those that have to occur without one.
type actRace struct {
	name string
	set  func(*harness) []*actor
	// ends are the states that have to occur, and no other may.
	ends []operation.State
}

// Which acts make an event, by their actors.
var actKinds = map[string][]operation.EventKind{
	"cancel":   {operation.EventCancelRequested, operation.EventChanged},
	"poll now": {operation.EventPollRequested},
	"pause":    {operation.EventPaused},
	"resolve":  {operation.EventChanged},
}

// checkActs checks what has to be true after every order: the seller was asked for one purchase,
// nobody says that a live buy has failed or is canceled, the buy of a purchase that is to be
// canceled is canceled by one operation, and each act is at most one event.
func (h *harness) checkActs(r operation.Record) {
	op := r.Op
	if len(h.bought) > 1 {
		h.violated("%d purchases", len(h.bought))
	}
	live := len(h.bought) > 0
	if live && op.State != operation.Completed && h.results["resolve"] == nil {
		h.violated("%s, and the buy is live", op.State)
	}
	if live && op.State != operation.Completed && op.Terminal != nil && op.Terminal.Channel == operation.ByOperator {
		h.violated("resolved as %s, and the buy is live", op.State)
	}
	if !live && op.State == operation.Completed {
		h.violated("completed, and nothing was bought")
	}
	if c := op.Cancellation; c != nil {
		if op.State == operation.Completed && c.State != operation.CancelSent {
			h.violated("the wish to cancel is %s", c.State)
		}
		if op.State == operation.Completed {
			made, err := h.store.Get(h.t.Context(), Tenant, c.OperationID)
			if err != nil || made.Cancels != op.ID {
				h.violated("the cancellation of the buy: %+v, %v", made, err)
			}
		}
	}
	if h.creates > 1 {
		h.violated("%d cancellations of one buy", h.creates)
	}
	for name, kinds := range actKinds {
		n := 0
		for _, e := range r.Events {
			if e.Actor != nil && e.Actor.ID == name && slices.Contains(kinds, e.Kind) {
				n++
			}
		}
		done := slices.Equal(h.results[name], []string{"done"})
		if n > 1 || n == 0 && done && op.State != operation.Canceled && op.State != operation.Completed {
			h.violated("%s made %d events", name, n)
		}
	}
}

func (x actRace) play(t *testing.T, prefix []int, crash *arrow) *harness {
	t.Helper()
	h := newHarness(t)
	h.buys = true
	actors := x.set(h)
	h.schedule = interleaver{prefix: prefix, crash: crash, actors: actors}
	h.schedule.run()
	h.recoverActs()
	r, err := h.store.Load(t.Context(), Tenant, h.id)
	if err != nil {
		t.Fatal(err)
	}
	if h.checkActs(r); len(h.violations) > 0 {
		t.Fatalf("order %v, crash %+v: %s\n%v\n%v", h.schedule.taken, crash, r.Op.State, h.violations, h.results)
	}
	return h
}

// recoverActs is recover for operations that may be paused, and whose buy may have to be canceled.
func (h *harness) recoverActs() {
	for _, a := range h.schedule.actors {
		if a.dead && a.ready != nil {
			h.alone(a)
			a.dead = false
		}
	}
	if op, err := h.store.Get(h.t.Context(), Tenant, h.id); err == nil && op.Braked() {
		before := h.calls
		h.alone(h.dispatch("dispatch, paused"), h.poll("poll, paused"))
		if h.calls != before {
			h.violated("called while it is paused")
		}
		_, err := h.actsOf(&actor{unscheduled: true}).Resume(h.t.Context(), Tenant, h.id, orchestrator.Act{})
		h.failed("resume", err)
	}
	h.recover()
	h.alone(h.settle("settle at last"))
}

var actRaces = []actRace{
	{
		"cancel and the first call",
		func(h *harness) []*actor { return []*actor{h.cancel(), h.dispatch("dispatch")} },
		[]operation.State{operation.Canceled, operation.Completed},
	},
	{
		"cancel and a call that completes at once",
		func(h *harness) []*actor {
			h.direct = completed
			return []*actor{h.cancel(), h.dispatch("dispatch")}
		},
		[]operation.State{operation.Canceled, operation.Completed},
	},
	{
		"cancel and the webhook of the end",
		func(h *harness) []*actor {
			h.submitted()
			return []*actor{h.cancel(), h.deliver("webhook", key1, adcp.StatusCompleted, success)}
		},
		[]operation.State{operation.Completed},
	},
	{
		"cancel and the poll that ends it",
		func(h *harness) []*actor {
			h.submitted()
			return []*actor{h.cancel(), h.poll("poll")}
		},
		[]operation.State{operation.Completed},
	},
	{
		"cancel of a purchase that is published, and another run of settle",
		func(h *harness) []*actor {
			h.publishedOnly()
			return []*actor{h.cancel(), h.settle("settle")}
		},
		[]operation.State{operation.Completed},
	},
	{
		"two who cancel the buy of one purchase",
		func(h *harness) []*actor {
			h.submitted()
			h.alone(h.cancel(), h.deliver("webhook", key1, adcp.StatusCompleted, success))
			h.publishedOnly()
			return []*actor{h.settle("one"), h.settle("two")}
		},
		[]operation.State{operation.Completed},
	},
	{
		"pause and the first call",
		func(h *harness) []*actor { return []*actor{h.pause(), h.dispatch("dispatch")} },
		[]operation.State{operation.Completed},
	},
	{
		"pause and the webhook of the end",
		func(h *harness) []*actor {
			h.submitted()
			return []*actor{h.pause(), h.deliver("webhook", key1, adcp.StatusCompleted, success)}
		},
		[]operation.State{operation.Completed},
	},
	{
		"poll now and the poll that ends it",
		func(h *harness) []*actor {
			h.submitted()
			return []*actor{h.pollNow(), h.poll("poll")}
		},
		[]operation.State{operation.Completed},
	},
	{
		"poll now and the webhook of the end",
		func(h *harness) []*actor {
			h.submitted()
			return []*actor{h.pollNow(), h.deliver("webhook", key1, adcp.StatusCompleted, success)}
		},
		[]operation.State{operation.Completed},
	},
	{
		"resolve as failed and the webhook of the end",
		func(h *harness) []*actor {
			h.submitted()
			h.givesUp()
			return []*actor{h.resolveAs(operation.Failed), h.deliver("webhook", key1, adcp.StatusCompleted, success)}
		},
		[]operation.State{operation.Completed},
	},
	{
		"resolve as completed and the webhook of the end",
		func(h *harness) []*actor {
			h.submitted()
			h.givesUp()
			return []*actor{h.resolveAs(operation.Completed), h.deliver("webhook", key1, adcp.StatusCompleted, success)}
		},
		[]operation.State{operation.Completed},
	},
	{
		"resolve as failed and the poll that ends it",
		func(h *harness) []*actor {
			h.submitted()
			h.givesUp()
			return []*actor{h.resolveAs(operation.Failed), h.poll("poll")}
		},
		[]operation.State{operation.Completed},
	},
}

// publishedOnly has the end published by a run that dies before it cancels the buy.
func (h *harness) publishedOnly() {
	if !h.state.Terminal() {
		h.ended()
	}
	h.buys = false
	h.alone(h.settle("before"))
	h.buys = true
}

// givesUp raises the attention with which a person may say how the operation has ended.
func (h *harness) givesUp() {
	op, err := h.store.Get(h.t.Context(), Tenant, h.id)
	h.failed("give up", err)
	op.Flag(operation.GaveUp, h.now, "")
	op.BumpVersion(h.now)
	h.failed("give up", h.store.Commit(h.t.Context(), operation.Change{Op: op}))
}

// Every order of an act with a call, a poll, a webhook or a publication, and each again with a
// crash at every arrow.
func TestRacesOfActs(t *testing.T) {
	t.Parallel()
	for _, x := range actRaces {
		t.Run(x.name, func(t *testing.T) {
			t.Parallel()
			ends, steps, orders := map[operation.State]int{}, map[string]int{}, 0
			each := func(crash *arrow, visit func(*harness)) {
				var prefix []int
				for more := true; more; {
					h := x.play(t, prefix, crash)
					visit(h)
					prefix, more = h.schedule.next()
				}
			}
			each(nil, func(h *harness) {
				orders++
				ends[h.state]++
				for _, a := range h.schedule.actors {
					steps[a.name] = max(steps[a.name], a.steps)
				}
			})
			for s := range ends {
				if !slices.Contains(x.ends, s) {
					t.Errorf("%d times %s", ends[s], s)
				}
			}
			for _, s := range x.ends {
				if ends[s] == 0 {
					t.Errorf("never %s", s)
				}
			}
			if orders > 100 { // the crashes of the cancellation of a buy are tested at its use case
				return
			}
			t.Logf("%4d orders %v, steps %v", orders, ends, steps)
			crashes := 0
			for name, n := range steps {
				for step := range n {
					for _, after := range []bool{false, true} {
						each(&arrow{name, step + 1, after}, func(*harness) { crashes++ })
					}
				}
			}
			t.Logf("%4d orders %v, %d with a crash", orders, ends, crashes)
		})
	}
}
