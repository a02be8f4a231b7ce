package load

import (
	"testing"
	"time"
)

// A flood of orders at one agent, all at once: each that has to wait comes once more, when its slot
// has come. No more calls are under way than may be, although the gate's partition is used up.
func TestAQueuedCallTakesTwoRounds(t *testing.T) {
	t.Parallel()
	for name, orders := range map[string]int{"1,000 orders at once": 1000, "10,000 orders at once": 10_000} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if testing.Short() && orders > 1000 {
				t.Skip("takes 10 s")
			}
			w := newWorld(t, Options{})
			agent := w.Register("acme", "seller", &Agent{Works: 1000 * time.Hour})
			submitted := w.SubmitEvery(0, orders, true, agent)
			most, last, rounds := 0, time.Time{}, map[int]int{}
			w.Ordered = func(_ *Agent, id string, at time.Time) {
				n := runs(w.executions[nameOf(id, 1)])
				most, last = max(most, n), at
				rounds[n]++
			}
			w.Run(time.Duration(orders)*time.Second/12 + 10*time.Second) // polls have their share of the rate
			t.Logf("rounds %v, the last order after %v, %d in flight, %d accepted", rounds, last.Sub(epoch), agent.Most,
				len(submitted.Accepted))
			if agent.Orders != orders || most > 2 || agent.Most > w.o.Policy.InFlight {
				t.Errorf("%d of %d orders, at most %d rounds, at most %d in flight", agent.Orders, orders, most, agent.Most)
			}
		})
	}
}
