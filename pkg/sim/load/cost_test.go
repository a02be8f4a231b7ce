package load

import (
	"testing"
	"time"

	"adcp-orchestrator/pkg/cost"
	"adcp-orchestrator/pkg/metrics"
	"adcp-orchestrator/pkg/operation"
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
	if transitions > 6 || cost > 0.00025 || used.Published < 3*operations || used.Published > 3*(operations+1) {
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

// An answer that a webhook has overtaken is counted after the end by the sweep, without a signal:
// it costs a few writes. An operation that has none pays nothing.
func TestWhatComesAfterTheEndCostsLittle(t *testing.T) {
	t.Parallel()
	const operations = 50
	for _, lags := range []time.Duration{0, 3 * time.Second} {
		w := newWorld(t, Options{})
		agent := w.Register("acme", "seller", &Agent{Works: time.Second, Webhooks: true, Lags: lags})
		w.SubmitEvery(time.Second, operations, true, agent)
		w.Run(2 * time.Minute)
		before := w.Usage()
		w.SweepNotices()
		w.Run(30 * time.Second)
		used, rests := w.Usage().Since(before), 0
		t.Logf("with answers on their way for %v: the sweep costs $%.6f for each operation, %+v", lags,
			used.Cost()/operations, used)
		if lags > 0 {
			rests = operations
		}
		if n := used.Requests["DynamoDB TransactWriteItems (rest)"]; n != rests || used.Cost()/operations > 0.00001 ||
			rests == 0 && used.WriteUnits > 0 {
			t.Errorf("%d rests, $%.6f for each operation, %v write units", n, used.Cost()/operations, used.WriteUnits)
		}
		sums, err := w.memory.Sums(t.Context(), "acme", metrics.All, w.Now().Add(-24*time.Hour), w.Now())
		answers := int64(0)
		for _, s := range sums {
			answers += s.Add[metrics.Answers]
		}
		if err != nil || answers != operations {
			t.Errorf("%d answers are counted, %v", answers, err)
		}
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

// What an operation says that it has cost is what the model says, within a twentieth.
func TestOperationsKnowWhatTheyCost(t *testing.T) {
	t.Parallel()
	for name, agent := range map[string]*Agent{
		"by webhook": {Works: time.Minute, Webhooks: true},
		"by polls":   {Works: time.Hour},
	} {
		const operations = 50
		w := newWorld(t, Options{})
		seller := w.Register("acme", "seller", agent)
		w.Run(time.Second)
		before := w.Usage()
		w.SubmitEvery(time.Second, operations, true, seller)
		w.Run(3 * time.Hour)
		used := w.Usage().Since(before)
		var sum float64
		var all cost.Usage
		found, err := w.memory.List(t.Context(), "acme", operation.ListQuery{Limit: 200})
		if err != nil || len(found.Items) != operations {
			t.Fatal(len(found.Items), err)
		}
		for _, op := range found.Items {
			u := cost.Of(op)
			sum += cost.Current().Amount(u, op.Tally.Milliseconds)
			all.Transitions += u.Transitions
			all.WriteUnits += u.WriteUnits
			all.ReadUnits += u.ReadUnits
			all.Invocations += u.Invocations
			all.Milliseconds += u.Milliseconds
			all.Requests += u.Requests
			all.BusEvents += u.BusEvents
		}
		t.Logf("%s: $%.6f by the operations, $%.6f by the model; %+v; %+v", name, sum/operations,
			used.Cost()/operations, all, used)
		if ratio := sum / used.Cost(); ratio < 0.95 || ratio > 1.05 {
			t.Errorf("%s: the operations say %.3f times what the model says", name, ratio)
		}
	}
}
