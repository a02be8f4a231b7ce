package load

import (
	"time"

	"adcp-orchestrator/pkg/sim"
)

// AfterOutage is what happened after an agent's return.
type AfterOutage struct {
	Waiting, Called int
	// Last is how long after the agent's return the last of them was called.
	Last time.Duration
	// Late counts those that were called after one that is more than a minute's calls younger.
	Late int
	// MostInAMinute is how many calls the agent got in a minute.
	MostInAMinute int
	// Transitions, Dollars and Functions are what waiting cost each operation.
	Transitions, Dollars, Functions float64
	Met                             []Met
}

// Outage lets operations wait for an agent that is away for six hours. The polls of those that are
// called share the agent's rate with the calls of those that wait, if it is polled.
func Outage(d sim.Definition, waiting int, polled bool) AfterOutage {
	q := Default
	q.Submit = unlimited
	w := New(Options{Definition: d, Quotas: q, Divide: 1})
	agent := w.Register("acme", "seller", &Agent{Down: true, Unpolled: !polled})
	submitted := w.SubmitEvery(100*time.Millisecond, waiting, true, agent)
	const away = 6 * time.Hour
	w.Run(away)
	used, back := w.Usage(), w.now
	agent.Down = false
	age := map[string]int{}
	for n, s := range submitted.Accepted {
		age[s.ID] = n
	}
	o := AfterOutage{Waiting: waiting, Transitions: used.Transitions / float64(waiting),
		Dollars: used.Cost() / float64(waiting), Functions: used.Invocations / float64(waiting)}
	var times []time.Time
	youngest, aMinute := 0, int(w.o.Policy.Rate*60)
	w.Ordered = func(_ *Agent, id string, at time.Time) {
		o.Called++
		o.Last = at.Sub(back)
		if age[id] < youngest-aMinute {
			o.Late++
		}
		youngest = max(youngest, age[id])
		times = append(times, at)
		from := len(times)
		for from > 0 && at.Sub(times[from-1]) < time.Minute {
			from--
		}
		o.MostInAMinute = max(o.MostInAMinute, len(times)-from)
	}
	w.Run(time.Hour)
	o.Met = w.QuotasMet()
	return o
}
