package sim

import (
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/operation"
)

// The state machine's cost, counted on the definition itself: at most six transitions without
// polls, and at most three for each poll.
func TestTransitionsStayFew(t *testing.T) {
	t.Parallel()
	limits := map[string]int{"ended by webhook": 6, "webhook before answer": 6, "answered at once": 6}
	for name, limit := range limits {
		w, _ := scenarios[name].play(t, &Crash{})
		for _, e := range w.Executions() {
			if e.Transitions > limit {
				t.Errorf("%s: %d transitions: %v", name, e.Transitions, e.Path)
			}
			t.Logf("%s: %d transitions: %v", name, e.Transitions, e.Path)
		}
	}
	few, _ := play(t, &Seller{Duration: 10 * time.Minute}, &Crash{})
	many, _ := play(t, &Seller{Duration: 10 * time.Hour}, &Crash{})
	count := func(w *World) (transitions, polls int) {
		for _, e := range w.Executions() {
			transitions += e.Transitions
		}
		return transitions, w.Seller.Calls[poll]
	}
	t1, p1 := count(few)
	t2, p2 := count(many)
	if per := float64(t2-t1) / float64(p2-p1); per > 3 {
		t.Errorf("%.2f transitions for each poll", per)
	}
	t.Logf("%d polls in 10 hours, %d transitions", p2, t2)
}

// An execution stays below the 25,000 events of Step Functions whatever an operation meets: it
// waits a limited number of times, with every function failing as often as its own retries allow.
// What is left is for Lambda's own faults. The reconciler starts the next execution then, which
// happens seldom: a year of polls takes few of them for every legal policy and deadline, even with
// the agent's rate used up all the time, so that each poll needs two rounds.
func TestNoExecutionReachesTheHistoryLimit(t *testing.T) {
	t.Parallel()
	def := definition(t)
	perRound := worstEvents(t, def, "AwaitUpdate") + worstEvents(t, def, "Run") + worstEvents(t, def, "ChooseNext")
	limit := roundsLimit(t, def)
	worst := limit*perRound + 40
	t.Logf("%d rounds of at most %d events: %d", limit, perRound, worst)
	if worst > maxEvents*4/5 {
		t.Errorf("%d events in an execution", worst)
	}
	polls, lines := mostPollsInAYear(), mostRoundsInLine()
	executions := (2*polls + operation.MaxDeliveries + operation.MaxEarlyPolls) / limit
	t.Logf("a year has at most %d polls, %d rounds in line, and %d more executions", polls, lines, executions)
	if executions > 3 || lines > polls {
		t.Errorf("%d executions, %d rounds in line", executions, lines)
	}
}

// roundsLimit is how often an execution waits, as ChooseNext says.
func roundsLimit(t *testing.T, d Definition) int {
	t.Helper()
	for _, c := range d.States["ChooseNext"].Choices {
		if _, after, ok := strings.Cut(c.Condition, "rounds < "); ok {
			n, err := strconv.Atoi(strings.TrimSuffix(after, " %}"))
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
	}
	t.Fatal("ChooseNext does not limit the rounds")
	return 0
}

// An execution whose rounds are used up ends, and the reconciler starts the next one, which goes
// on.
func TestNextExecutionGoesOnWhenTheHistoryIsFull(t *testing.T) {
	t.Parallel()
	def := definition(t)
	few := slices.Clone(def.States["ChooseNext"].Choices)
	for n := range few {
		few[n].Condition = strings.Replace(few[n].Condition, "rounds < 1000", "rounds < 3", 1)
	}
	choose := def.States["ChooseNext"]
	choose.Choices = few
	def.States["ChooseNext"] = choose
	w := New(def, &Seller{Duration: 10 * time.Hour}, &Crash{})
	op, err := w.Submit(t.Context(), Tenant, "key", "po-1")
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Run(t.Context(), horizon); err != nil {
		t.Fatal(err)
	}
	r, err := w.Store.Load(t.Context(), Tenant, op.ID)
	if err != nil {
		t.Fatal(err)
	}
	checkEnded(t, w, r, operation.Completed)
	if n := len(w.Executions()); n < 3 {
		t.Errorf("%d executions", n)
	}
}

// mostRoundsInLine is how often an operation asks in a year that nobody gives a slot.
func mostRoundsInLine() (rounds int) {
	op := operation.Operation{State: operation.Submitted, FollowUntil: epoch.Add(1000 * 24 * time.Hour)}
	for at := epoch; at.Before(epoch.Add(365 * 24 * time.Hour)); rounds++ {
		op.AwaitRoom(at, "agent", time.Time{}, false, "")
		d := op.Plan(at, 0, operation.AgentSupport{Pollable: true})
		at = at.Add(time.Duration(d.Delay) * time.Second)
	}
	return rounds
}

// mostPollsInAYear is the number of polls with the worst legal policy and deadline.
func mostPollsInAYear() int {
	const year = 365 * 24 * time.Hour
	worst := 0
	for _, task := range adcp.Tasks() {
		traits, _ := adcp.TraitsOf(task)
		for _, p := range extremePolicies() {
			polls := 0
			for age := time.Duration(0); age < year; polls++ {
				age += p.Delay(polls, age, traits.Deadline, 0)
			}
			worst = max(worst, polls)
		}
	}
	return worst
}

// extremePolicies are the legal policies with every combination of extreme values.
func extremePolicies() []operation.PollPolicy {
	var all []operation.PollPolicy
	for _, interval := range []int{operation.MinInterval, operation.MaxInterval} {
		for _, rate := range []float64{operation.MinBackoffRate, operation.MaxBackoffRate} {
			for _, limit := range []int{operation.MinMaxDelay, operation.MaxMaxDelay} {
				all = append(all, operation.PollPolicy{IntervalSeconds: interval, BackoffRate: rate, MaxDelaySeconds: limit})
			}
		}
	}
	return all
}

// worstEvents is how many history events one visit of a state can make when its function fails as
// often as its own retries allow, and quietEvents when it does not fail.
func worstEvents(t *testing.T, d Definition, name string) int {
	t.Helper()
	attempts := 0
	for _, r := range stateOf(t, d, name).Retry {
		if slices.Contains(r.ErrorEquals, errAll) {
			attempts += r.MaxAttempts
		}
	}
	return quietEvents(t, d, name) + 3*attempts
}

func quietEvents(t *testing.T, d Definition, name string) int {
	t.Helper()
	s := stateOf(t, d, name)
	n := 2 // entered, exited
	if s.Type == "Task" {
		n += 3 // scheduled, started, ended
		if strings.HasSuffix(s.Resource, ".waitForTaskToken") {
			n++ // submitted
		}
	}
	return n
}

func stateOf(t *testing.T, d Definition, name string) State {
	t.Helper()
	s, ok := d.States[name]
	if !ok {
		t.Fatalf("no state %s", name)
	}
	return s
}
