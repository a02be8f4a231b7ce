package sim

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"adcp-orchestrator/pkg/notice"
	"adcp-orchestrator/pkg/operation"
)

// race is one of the races of contract H.2 (H12). The test runs every order of its steps, and each
// again with a crash at every arrow.
type race struct {
	name string
	// set prepares the harness and returns the actors.
	set func(*harness) []*actor
	// ends are the endings without a crash: each has to occur, and no other may.
	ends []ending
	// crashed are endings that only a crash leads to: each has to occur as well.
	crashed []ending
	// ending describes how an order ended; nil is stateEnding.
	ending func(*harness, operation.Record) ending
	// noCrashes: the race has too many orders for crashes. The races of its pairs have crashes.
	noCrashes bool
}

// play runs one order, recovers, checks the invariants and returns the ending.
func (x race) play(t *testing.T, prefix []int, crash *arrow) (*harness, ending) {
	t.Helper()
	h := newHarness(t)
	actors := x.set(h)
	h.schedule = interleaver{prefix: prefix, crash: crash, actors: actors}
	h.schedule.run()
	h.raced = h.state
	h.recover()
	r, err := h.store.Load(t.Context(), Tenant, h.id)
	if err != nil {
		t.Fatal(err)
	}
	h.checkEnd(r, slices.ContainsFunc(actors, died))
	describe := stateEnding
	if x.ending != nil {
		describe = x.ending
	}
	var e ending
	if r.Op.Terminal != nil {
		e = describe(h, r)
	}
	if len(h.violations) > 0 {
		t.Fatalf("order %v, crash %+v: %s\n%s", h.schedule.taken, crash, e, strings.Join(h.violations, "\n"))
	}
	return h, e
}

func died(a *actor) bool { return a.dead }

// checkEnd checks what has to be true at the end of every order.
func (h *harness) checkEnd(r operation.Record, crashed bool) {
	sameEnd := r.Op.Terminal != nil && h.terminal != nil && reflect.DeepEqual(r.Op.Terminal, h.terminal)
	if len(h.bought) != 1 || !sameEnd || h.stored != 1 {
		h.violated("%d purchases, the end %+v, %d results", len(h.bought), r.Op.Terminal, h.stored)
	}
	published := h.published[notice.EndID(h.id)]
	if published < 1 || published > 1 && !crashed {
		h.violated("published %v", h.published)
	}
	flagged := r.Op.Attention != nil && r.Op.Attention.Reason == operation.ProtocolClash
	if h.hasConflict() && !flagged {
		h.violated("a conflict, and attention %+v", r.Op.Attention)
	}
}

func (h *harness) hasConflict() bool {
	for _, results := range h.results {
		if strings.Contains(strings.Join(results, " "), conflict) {
			return true
		}
	}
	return false
}

// orders runs every order that there is.
func (x race) orders(t *testing.T, crash *arrow, visit func(*harness, ending)) {
	t.Helper()
	var prefix []int
	for more := true; more; {
		h, e := x.play(t, prefix, crash)
		visit(h, e)
		prefix, more = h.schedule.next()
	}
}

// run runs every order without a crash, compares the endings with the expected ones, and runs
// every order with every crash.
func (x race) run(t *testing.T) {
	t.Helper()
	ends, orders, steps := map[ending]int{}, 0, map[string]int{}
	x.orders(t, nil, func(h *harness, e ending) {
		ends[e]++
		orders++
		for _, a := range h.schedule.actors {
			steps[a.name] = max(steps[a.name], a.steps)
		}
	})
	for e, n := range ends {
		if !slices.Contains(x.ends, e) {
			t.Errorf("%d times %s", n, e)
		}
	}
	for _, e := range x.ends {
		if ends[e] == 0 {
			t.Errorf("never %s", e)
		}
	}
	// go test -short runs every order, but the races with many orders without their crashes.
	if testing.Short() && orders > 100 {
		return
	}
	arrows, crashes, crashed := x.crashes(t, steps)
	if crashes == 0 && !x.noCrashes {
		t.Error("no actor died")
	}
	for _, e := range x.crashed {
		if ends[e] > 0 || crashed[e] == 0 {
			t.Errorf("%s: %d times without a crash, %d times with one", e, ends[e], crashed[e])
		}
	}
	t.Logf("%4d orders %v; %d arrows, %d orders with a crash", orders, ends, arrows, crashes)
}

// crashes runs every order with a crash before and after each step. It returns the number of
// arrows, of orders in which an actor died, and how often the orders ended how.
func (x race) crashes(t *testing.T, steps map[string]int) (arrows, crashes int, ends map[ending]int) {
	t.Helper()
	ends = map[ending]int{}
	if x.noCrashes {
		return arrows, crashes, ends
	}
	for name, n := range steps {
		for step := range n {
			for _, after := range []bool{false, true} {
				arrows++
				x.orders(t, &arrow{name, step + 1, after}, func(h *harness, e ending) {
					ends[e]++
					if slices.ContainsFunc(h.schedule.actors, died) {
						crashes++
					}
				})
			}
		}
	}
	return arrows, crashes, ends
}

// The fourteen races of contract H.2 (H12).
func TestRaces(t *testing.T) {
	t.Parallel()
	for _, x := range slices.Concat(races, inputRaces) {
		t.Run(x.name, func(t *testing.T) {
			t.Parallel()
			x.run(t)
		})
	}
}
