package load

import (
	"testing"
	"time"

	"adcp-orchestrator/pkg/operation"
)

// An operation that is kept from its call for a whole year, with everybody else's in line before
// and behind it, stays below the 25,000 events of an execution. It is no longer followed after 90
// days: a redrive goes on.
func TestAYearInLineStaysBelowTheHistoryLimit(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		agent Agent
	}{
		"the circuit is open all year": {agent: Agent{Down: true}},
		"the gate is full all year":    {agent: Agent{Takes: 239 * time.Second}},
		"the agent is silent all year": {agent: Agent{Silent: true}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := Options{Sweep: 5 * time.Minute}
			o.Policy.InFlight, o.Policy.Rate, o.Policy.Burst = 1, 20, 1
			o.Policy.Failures, o.Policy.MinOpen, o.Policy.MaxOpen = 5, 5*time.Second, 5*time.Minute
			o.Policy.SilentAfter = 30 * time.Second
			w := newWorld(t, o)
			agent := w.Register("acme", "seller", &tc.agent)
			submitted := w.SubmitEvery(time.Second, 5, true, agent)
			const days = 365
			for day := 91; day < days; day += 91 {
				w.At(epoch.Add(time.Duration(day)*24*time.Hour), func() {
					for _, s := range submitted.Accepted {
						_ = w.Redrive("acme", s.ID)
					}
				})
			}
			w.Run(days * 24 * time.Hour)
			most, executions, total := 0, 0, 0
			for _, e := range w.executions {
				executions++
				total += e.Events
				most = max(most, e.Events)
			}
			op, err := w.Operation("acme", submitted.Accepted[4].ID)
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("%d executions of %d operations, at most %d events in one, %d for each operation; the last: %s, %d attempts",
				executions, len(submitted.Accepted), most, total/5, op.State, op.Call.Attempts)
			if most > 25_000 || total/5 > 25_000 {
				t.Errorf("%d events in an execution, %d for each operation", most, total/5)
			}
			if op.State == operation.Requested && executions == 5 && total/5 < 500 {
				t.Errorf("%d events: nothing happens", total)
			}
		})
	}
}
