package sim

import (
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

// A year of polls stays below the 25,000 events of a Step Functions execution, for every legal
// policy and deadline, and with every function failing as often as its retries allow.
func TestAYearStaysBelowTheHistoryLimit(t *testing.T) {
	t.Parallel()
	def := definition(t)
	events := func(states ...string) (n int) {
		for _, name := range states {
			n += worstEvents(t, def, name)
		}
		return n
	}
	perPoll := events("AwaitUpdate", "Poll", "ChooseNext")
	if wait := events("WaitThenPoll"); wait > events("AwaitUpdate") {
		t.Errorf("a wait costs %d events", wait)
	}
	// A delivery that comes just before the token is stored makes AwaitUpdate fail, and a poll
	// follows. An early poll wakes the execution, and a poll follows.
	const early = operation.MaxDeliveries + operation.MaxEarlyPolls
	// Before the first poll an operation may have been called again and again. After two days a retry
	// is no more frequent than a poll, and costs less: the events counted for polls cover it.
	retries := 0
	for age := time.Duration(0); age < 48*time.Hour; retries++ {
		age += operation.RetryDelay(retries+1, 0)
	}
	perRetry := events("WaitThenRetry", "Dispatch", "ChooseNext")
	if perRetry > perPoll {
		t.Errorf("a retry costs %d events, a poll %d", perRetry, perPoll)
	}
	polls := mostPollsInAYear()
	byPolls := (polls+early)*perPoll + 40
	byRetries := retries*perRetry + 40
	t.Logf("%d polls of %d events: %d; %d retries of %d events: %d",
		polls, perPoll, byPolls, retries, perRetry, byRetries)
	if byPolls+byRetries >= maxEvents {
		t.Errorf("%d events in a year", byPolls+byRetries)
	}
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

// worstEvents is how many history events one visit of a state can make.
func worstEvents(t *testing.T, d Definition, name string) int {
	t.Helper()
	s, ok := d.States[name]
	if !ok {
		t.Fatalf("no state %s", name)
	}
	n := 2 // entered, exited
	if s.Type == "Task" {
		attempts := 1
		for _, r := range s.Retry {
			attempts += r.MaxAttempts
		}
		n += 3 * attempts // scheduled, started, ended
		if s.TimeoutSeconds != nil && len(s.Catch) > 0 {
			n++ // submitted
		}
	}
	return n
}
