package load

import (
	"testing"
	"time"
)

// What an operation costs that its webhook ends, and what a poll costs. The bus gets two notices of
// each such operation, and one signal.
func TestAnOperationCostsLittle(t *testing.T) {
	t.Parallel()
	const operations = 50
	w := newWorld(t, Options{})
	agent := w.Register("acme", "seller", &Agent{Works: time.Minute, Webhooks: true})
	w.Run(time.Second)
	w.SubmitEvery(time.Second, operations+1, true, agent)
	w.Run(500 * time.Millisecond) // the first discovers the agent
	before := w.Usage()
	w.Run(3 * time.Minute)
	used := w.Usage().Since(before)
	transitions, cost := used.Transitions/operations, used.Cost()/operations
	t.Logf("ended by webhook: %.2f transitions, %.1f write units, $%.6f: %+v", transitions,
		used.WriteUnits/operations, cost, used)
	if transitions > 6 || cost > 0.0002 || used.Published < 3*operations || used.Published > 3*(operations+1) {
		t.Errorf("%.2f transitions, $%.6f for an operation, %v events", transitions, cost, used.Published)
	}

	w = newWorld(t, Options{})
	agent = w.Register("acme", "seller", &Agent{})
	w.SubmitEvery(time.Second, operations, true, agent)
	w.Run(time.Hour)
	before, polls := w.Usage(), agent.Polls
	w.Run(10 * time.Hour)
	used = w.Usage().Since(before)
	n := float64(agent.Polls - polls)
	t.Logf("%v polls: %.2f transitions, %.1f write units, $%.6f each: %+v", n, used.Transitions/n, used.WriteUnits/n,
		used.Cost()/n, used)
	if n < operations*30 || used.Transitions/n > 3 {
		t.Errorf("%.2f transitions for each of %v polls", used.Transitions/n, n)
	}
}

// Many open operations at one agent cost what they cost at many agents: its rate makes them wait,
// but not ask in vain.
func TestOneAgentCostsWhatManyDo(t *testing.T) {
	t.Parallel()
	const operations, divide = 30_000, 100
	day := func(agents int) float64 {
		w := newWorld(t, Options{Divide: divide, DivideAgent: map[bool]float64{true: divide}[agents == 1]})
		var all []*Agent
		for n := range agents {
			all = append(all, w.Register("acme", "seller"+string(rune('a'+n)), &Agent{}))
		}
		w.SubmitEvery(10*time.Second, operations/divide, true, all...)
		w.Run(4 * time.Hour)
		before := w.Usage()
		polls := 0
		for _, a := range all {
			polls -= a.Polls
		}
		const hours = 4
		w.Run(hours * time.Hour)
		for _, a := range all {
			polls += a.Polls
		}
		used := w.Usage().Since(before)
		t.Logf("%d agents: $%.2f a day, %d polls in %d h, %.2f transitions each, %v", agents*divide,
			used.Cost()*divide*24/hours, polls, hours, used.Transitions/float64(polls), w.QuotasMet())
		return used.Cost() * divide * 24 / hours
	}
	one, many := day(1), day(4)
	if one > 1.2*many || one < 0.2*many {
		t.Errorf("$%.2f a day at one agent, $%.2f at many", one, many)
	}
}
