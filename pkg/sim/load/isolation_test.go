package load

import (
	"slices"
	"testing"
	"time"
)

// A silent agent, and another one with a flood of orders, both of the same tenant: the silent one
// holds as many functions as it may, and a healthy agent gets its orders as if it were alone.
func TestAHealthyAgentIsNotSlowedByOthers(t *testing.T) {
	t.Parallel()
	median := func(beside bool) (time.Duration, int) {
		w := newWorld(t, Options{})
		healthy := w.Register("acme", "healthy", &Agent{})
		silent := w.Register("acme", "silent", &Agent{Silent: true})
		flooded := w.Register("acme", "flooded", &Agent{})
		var took []time.Duration
		at := map[string]time.Time{}
		w.Ordered = func(a *Agent, id string, now time.Time) {
			if a == healthy {
				op, err := w.Operation("acme", id)
				if err != nil {
					t.Error(err)
				}
				took = append(took, now.Sub(op.CreatedAt))
				at[id] = now
			}
		}
		if beside {
			w.SubmitEvery(time.Second/4, 240, true, silent)
			w.SubmitEvery(time.Second/200, 10_000, true, flooded)
		}
		w.SubmitEvery(time.Second/2, 100, true, healthy)
		w.Run(time.Minute)
		slices.Sort(took)
		if len(took) != 100 {
			t.Fatalf("%d of 100 orders", len(took))
		}
		t.Logf("beside others %v: median %v, 95 %% %v, last %v; silent %d in flight, flooded %d orders, functions %d, met %v",
			beside, took[50], took[95], took[99], silent.Most, flooded.Orders, w.lambda.peak, w.QuotasMet())
		return took[95], silent.Most
	}
	alone, _ := median(false)
	beside, held := median(true)
	if beside > alone*3/2 {
		t.Errorf("95 %% of the orders take %v alone, and %v beside others", alone, beside)
	}
	if held > 50 || held < 5 {
		t.Errorf("the silent agent holds %d functions", held)
	}
}
