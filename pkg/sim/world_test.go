package sim

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/orchestrator"
)

func TestMain(m *testing.M) {
	slog.SetDefault(slog.New(slog.DiscardHandler)) // thousands of deaths are not worth a line each
	m.Run()
}

func definition(t *testing.T) Definition {
	t.Helper()
	d, err := Load("../../template/operation.asl.json", map[string]string{"DispatchFunction": "Dispatch", "PollFunction": "Poll", "SettleFunction": "Settle", "TableName": "T"})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// play submits once and runs to the end.
func play(t *testing.T, s *Seller, c *Crash) (*World, operation.Record) {
	t.Helper()
	w := New(definition(t), s, c)
	op, err := w.Submit(t.Context(), Tenant, "key", "po-1")
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Run(t.Context(), 200*24*time.Hour); err != nil {
		t.Fatal(err)
	}
	r, err := w.Store.Load(t.Context(), Tenant, op.ID)
	if err != nil {
		t.Fatal(err)
	}
	return w, r
}

func purchases(s *Seller) int {
	n := 0
	for _, k := range s.Purchases {
		n += k
	}
	return n
}

// checkEnd holds what must be true of every ended operation.
func checkEnd(t *testing.T, w *World, r operation.Record, state operation.State) {
	t.Helper()
	if r.Op.State != state || r.Op.PublishedAt.IsZero() || !r.Op.DueAt.IsZero() {
		t.Errorf("state %s, settled %v, due %v; want a settled %s", r.Op.State, r.Op.PublishedAt, r.Op.DueAt, state)
	}
	if state == operation.Completed && len(r.Result) == 0 {
		t.Error("the result is missing")
	}
	if n := purchases(w.Seller); n != 1 {
		t.Errorf("%d purchases", n)
	}
	from := operation.Requested
	for _, e := range r.Events {
		if e.From != from || e.From != e.To && !e.From.CanBecome(e.To) {
			t.Errorf("the timeline breaks at %+v after %s", e, from)
		}
		from = e.To
	}
	if from != r.Op.State {
		t.Errorf("the timeline ends in %s, the operation in %s", from, r.Op.State)
	}
}

// webhookRoutes are the ways in which an operation can go; each ends well.
func scenarios() map[string]func() (*Seller, operation.State) {
	return map[string]func() (*Seller, operation.State){
		"answered at once": func() (*Seller, operation.State) { return &Seller{Sync: true}, operation.Completed },
		"ended by webhook": func() (*Seller, operation.State) {
			return &Seller{Webhook: true, Takes: 10 * time.Second}, operation.Completed
		},
		"ended by poll":         func() (*Seller, operation.State) { return &Seller{Takes: 10 * time.Minute}, operation.Completed },
		"webhook before answer": func() (*Seller, operation.State) { return &Seller{Webhook: true, Early: true}, operation.Completed },
		"rejected by webhook": func() (*Seller, operation.State) {
			return &Seller{Webhook: true, Outcome: adcp.StatusRejected}, operation.Rejected
		},
		"failed by poll": func() (*Seller, operation.State) { return &Seller{Outcome: adcp.StatusFailed}, operation.Failed },
		"webhook without its id": func() (*Seller, operation.State) {
			return &Seller{Webhook: true, Mute: true, Takes: 5 * time.Second}, operation.Completed
		},
		"webhook only": func() (*Seller, operation.State) {
			return &Seller{Webhook: true, NoPolling: true, Takes: time.Hour}, operation.Completed
		},
	}
}

func TestScenarios(t *testing.T) {
	t.Parallel()
	for name, make := range scenarios() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, state := make()
			w, r := play(t, s, &Crash{})
			checkEnd(t, w, r, state)
			if s.Calls["create_media_buy"] != 1 {
				t.Errorf("the agent was called %d times", s.Calls["create_media_buy"])
			}
		})
	}
}

// A process killed just before or just after any of its effects loses nothing: the client, the agent or the state machine comes again, or the sweeper
// does, and the operation ends with one purchase.
func TestKilledAtEveryEffect(t *testing.T) {
	t.Parallel()
	for name, make := range scenarios() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			points := 0
			for _, before := range []bool{true, false} {
				for at := 1; ; at++ {
					c := &Crash{At: at, Before: before}
					s, state := make()
					w, r := play(t, s, c)
					if c.Fired == "" {
						break
					}
					points++
					checkEnd(t, w, r, state)
					if t.Failed() {
						t.Fatalf("killed %s (effect %d): %+v", c.Fired, at, r.Events)
					}
				}
			}
			t.Logf("killed at %d points", points)
			if points < 10 {
				t.Errorf("only %d points to be killed at", points)
			}
		})
	}
}

// An agent that does not deduplicate is called once, whatever happens: when the outcome is unclear a human is asked instead.
func TestForgetfulAgentIsNeverCalledTwice(t *testing.T) {
	t.Parallel()
	for _, before := range []bool{true, false} {
		for at := 1; ; at++ {
			c := &Crash{At: at, Before: before}
			s := &Seller{Forgetful: true}
			_, r := play(t, s, c)
			if c.Fired == "" {
				break
			}
			if n := purchases(s); n > 1 {
				t.Fatalf("killed %s: bought %d times", c.Fired, n)
			}
			if !r.Op.State.Terminal() && r.Op.Attention == nil {
				t.Fatalf("killed %s: open in %s, and nobody is told", c.Fired, r.Op.State)
			}
		}
	}
}

func TestLostAnswers(t *testing.T) {
	t.Parallel()
	first := func(tool string, before, after error) func(string, int) (error, error) {
		return func(t string, call int) (error, error) {
			if t == tool && call == 1 {
				return before, after
			}
			return nil, nil
		}
	}
	for name, tc := range map[string]struct {
		seller *Seller
		state  operation.State
		reason operation.Reason
	}{
		"the agent can't be reached at first":          {&Seller{Fail: first("create_media_buy", Unsent, nil)}, operation.Completed, ""},
		"the tools can't be listed at first":           {&Seller{Fail: first("tools/list", Unsent, nil)}, operation.Completed, ""},
		"the answer is lost, the key is replayed":      {&Seller{Fail: first("create_media_buy", nil, Lost)}, operation.Completed, ""},
		"the request is lost, the key is replayed":     {&Seller{Fail: first("create_media_buy", Lost, nil)}, operation.Completed, ""},
		"a poll is lost":                               {&Seller{Fail: first("get_task_status", Lost, nil)}, operation.Completed, ""},
		"the answer is lost, no replay":                {&Seller{Forgetful: true, Fail: first("create_media_buy", nil, Lost)}, operation.CallingAdCP, operation.GaveUp},
		"the answer is lost, no replay, but a webhook": {&Seller{Forgetful: true, Webhook: true, Fail: first("create_media_buy", nil, Lost)}, operation.Completed, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, r := play(t, tc.seller, &Crash{})
			if tc.reason == "" {
				if tc.seller.Calls["tools/list"] > 0 && purchases(tc.seller) == 1 {
					checkEnd(t, w, r, tc.state)
					return
				}
				t.Fatalf("state %s, %d purchases", r.Op.State, purchases(tc.seller))
			}
			if r.Op.State != tc.state || r.Op.Attention == nil || r.Op.Attention.Reason != tc.reason || purchases(tc.seller) > 1 {
				t.Errorf("state %s, attention %+v, %d purchases", r.Op.State, r.Op.Attention, purchases(tc.seller))
			}
		})
	}
}

// What an agent answers with an error ends the operation only where the error proves that nothing was bought.
func TestErrorsEndOnlyWhatWasNotBought(t *testing.T) {
	t.Parallel()
	answer := func(tool string, call int, code string, r adcp.Recovery) func(string, int) *adcp.Error {
		return func(t string, n int) *adcp.Error {
			if t == tool && n == call {
				return &adcp.Error{Code: code, Recovery: r, RetryAfter: time.Minute}
			}
			return nil
		}
	}
	lost := func(tool string, call int) (error, error) {
		if tool == "create_media_buy" && call == 1 {
			return nil, Lost
		}
		return nil, nil
	}
	const buy, poll = "create_media_buy", "get_task_status"
	for name, tc := range map[string]struct {
		seller *Seller
		state  operation.State
		calls  int
	}{
		"a wrong request fails":                        {&Seller{Refuse: answer(buy, 1, "INVALID_REQUEST", adcp.Correctable)}, operation.Failed, 1},
		"a wrong credential is no failure (E12)":       {&Seller{Refuse: answer(buy, 1, "AUTH_INVALID", adcp.Terminal)}, operation.Completed, 2},
		"a busy agent is called again":                 {&Seller{Refuse: answer(buy, 1, "RATE_LIMITED", adcp.Transient)}, operation.Completed, 2},
		"a key in flight is asked for again (C14)":     {&Seller{Fail: lost, Refuse: answer(buy, 2, "IDEMPOTENCY_IN_FLIGHT", adcp.Transient)}, operation.Completed, 3},
		"refused at the door after a lost answer":      {&Seller{Fail: lost, Refuse: answer(buy, 2, "AUTH_INVALID", adcp.Terminal)}, operation.Completed, 3},
		"a conflicting key is no failure (C15)":        {&Seller{Refuse: answer(buy, 1, "IDEMPOTENCY_CONFLICT", adcp.Correctable)}, operation.Completed, 2},
		"an unknown task on a poll is no failure (E7)": {&Seller{Refuse: answer(poll, 1, "REFERENCE_NOT_FOUND", adcp.Correctable)}, operation.Completed, 1},
		"an error on a poll is no failure (A28)":       {&Seller{Refuse: answer(poll, 1, "VERSION_UNSUPPORTED", adcp.Correctable)}, operation.Completed, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, r := play(t, tc.seller, &Crash{})
			if tc.state == operation.Completed {
				checkEnd(t, w, r, tc.state)
			}
			if r.Op.State != tc.state || tc.seller.Calls[buy] != tc.calls {
				t.Errorf("%s after %d calls: %+v", r.Op.State, tc.seller.Calls[buy], r.Events)
			}
			if tc.state == operation.Failed && (purchases(tc.seller) != 0 || r.Op.Error == nil) {
				t.Errorf("%d purchases, error %+v", purchases(tc.seller), r.Op.Error)
			}
		})
	}
}

// contract A28: an agent that never answers again leaves the operation open. A human is told; nothing is invented.
func TestSilentAgentIsNeverFailed(t *testing.T) {
	t.Parallel()
	s := &Seller{Takes: 365 * 24 * time.Hour}
	w, r := play(t, s, &Crash{})
	if r.Op.State != operation.Working || r.Op.Attention == nil || r.Op.Attention.Reason != operation.GaveUp {
		t.Fatalf("state %s, attention %+v", r.Op.State, r.Op.Attention)
	}
	flagged := map[string]bool{}
	for _, e := range r.Events {
		if e.Kind == operation.EventAttention {
			flagged[e.Detail] = true
		}
	}
	if !flagged[string(operation.DeadlinePassed)] || !flagged[string(operation.GaveUp)] {
		t.Errorf("flagged: %v", flagged)
	}
	// A webhook ends it all the same, months later.
	url := ""
	for _, task := range s.tasks {
		url = task.url
		w.now = task.done
		s.push(task)
	}
	reply, _ := w.Deliver(t.Context(), url, s.outbox[0].body)
	got, err := w.Store.Get(t.Context(), Tenant, r.Op.ID)
	if err != nil || reply.Status != 200 || got.State != operation.Completed {
		t.Errorf("reply %+v, state %s, %v", reply, got.State, err)
	}
	if err := w.Run(t.Context(), time.Hour); err != nil {
		t.Fatal(err)
	}
	if got, _ = w.Store.Get(t.Context(), Tenant, r.Op.ID); got.PublishedAt.IsZero() {
		t.Error("ended after its execution was over, and never settled")
	}
}

// contract C5: every poll has a key of its own.
func TestPollsHaveFreshKeys(t *testing.T) {
	t.Parallel()
	s := &Seller{Takes: time.Hour}
	play(t, s, &Crash{})
	seen := map[string]bool{}
	for _, k := range s.Keys {
		if seen[k] || k == "" {
			t.Fatalf("key %q was used twice", k)
		}
		seen[k] = true
	}
	if len(seen) < 3 {
		t.Errorf("only %d polls", len(seen))
	}
}

func TestSubmitFindsTheFirst(t *testing.T) {
	t.Parallel()
	w := New(definition(t), &Seller{Takes: time.Hour}, &Crash{})
	submit := func(key, po string) string {
		op, err := w.Submit(t.Context(), Tenant, key, po)
		if err != nil {
			t.Fatal(err)
		}
		return op.ID
	}
	a := submit("key-1", "po-1")
	if b := submit("key-1", "po-1"); b != a {
		t.Error("the same key made another operation")
	}
	if _, err := w.Submit(context.Background(), Tenant, "key-1", "po-2"); !errors.Is(err, orchestrator.ErrPayloadDiffers) {
		t.Errorf("another payload: %v", err)
	}
	if b := submit("key-2", "po-1"); b != a {
		t.Error("a second open buy for one purchase order")
	}
	other := submit("key-3", "po-2")
	if other == a {
		t.Error("another purchase order found the first")
	}
	if err := w.Run(t.Context(), 2*time.Hour); err != nil {
		t.Fatal(err)
	}
	if b := submit("key-2", "po-1"); b != a {
		t.Error("a late retry of the second key bought again after the end")
	}
	if b := submit("key-4", "po-1"); b == a {
		t.Error("a new order found an ended operation")
	}
	if n := purchases(w.Seller); n != 2 {
		t.Errorf("%d purchases before the last order ran", n)
	}
}

// What the design promises of the state machine's cost, counted on the definition itself.
func TestTransitions(t *testing.T) {
	t.Parallel()
	for name, most := range map[string]int{"ended by webhook": 6, "webhook before answer": 6, "answered at once": 6} {
		s, _ := scenarios()[name]()
		w, _ := play(t, s, &Crash{})
		for _, e := range w.Executions() {
			if e.Transitions > most {
				t.Errorf("%s: %d transitions: %v", name, e.Transitions, e.Path)
			}
			t.Logf("%s: %d transitions: %v", name, e.Transitions, e.Path)
		}
	}
	few, _ := play(t, &Seller{Takes: 10 * time.Minute}, &Crash{})
	many, _ := play(t, &Seller{Takes: 10 * time.Hour}, &Crash{})
	count := func(w *World) (transitions, polls int) {
		for _, e := range w.Executions() {
			transitions += e.Transitions
		}
		return transitions, w.Seller.Calls["get_task_status"]
	}
	t1, p1 := count(few)
	t2, p2 := count(many)
	if per := float64(t2-t1) / float64(p2-p1); per > 3 {
		t.Errorf("%.2f transitions for each poll", per)
	}
	t.Logf("%d polls in 10 hours, %d transitions", p2, t2)
}

// A year of polls stays below the 25,000 events of a Step Functions execution, for every legal policy and deadline, with every function failing as often
// as its retries allow.
func TestAYearStaysBelowTheHistoryLimit(t *testing.T) {
	t.Parallel()
	def := definition(t)
	perPoll := 0
	for _, name := range []string{"AwaitUpdate", "Poll", "Route"} {
		perPoll += worstEvents(t, def, name)
	}
	if pause := worstEvents(t, def, "Pause"); pause > worstEvents(t, def, "AwaitUpdate") {
		t.Errorf("a pause costs %d events", pause)
	}
	const year = 365 * 24 * time.Hour
	worst := 0
	for _, task := range adcp.Tasks() {
		traits, _ := adcp.TraitsOf(task)
		for _, first := range []int{operation.MinInterval, operation.MaxInterval} {
			for _, factor := range []float64{operation.MinBackoffRate, operation.MaxBackoffRate} {
				for _, limit := range []int{operation.MinMaxDelay, operation.MaxMaxDelay} {
					p := operation.PollPolicy{IntervalSeconds: first, BackoffRate: factor, MaxDelaySeconds: limit}
					polls := 0
					for age := time.Duration(0); age < year; polls++ {
						age += p.Delay(polls, age, traits.Deadline, 0)
					}
					worst = max(worst, polls)
				}
			}
		}
	}
	// A delivery that comes just before the token is armed makes the arming fail, and a poll follows. Doorbells wake, and a poll follows.
	const forward = operation.MaxDeliveries + operation.MaxEarlyPolls
	// Before it is polled an operation may have been called again and again. Later than two days a redial is no more frequent than a poll, and
	// costs less: what is counted as polls covers it.
	redials := 0
	for age := time.Duration(0); age < 48*time.Hour; redials++ {
		age += operation.RetryDelay(redials+1, 0)
	}
	perRedial := worstEvents(t, def, "Redial") + worstEvents(t, def, "Dispatch") + worstEvents(t, def, "Route")
	if perRedial > perPoll {
		t.Errorf("a redial costs %d events, a poll %d", perRedial, perPoll)
	}
	byPolls := (worst+forward)*perPoll + 40
	byRedials := redials*perRedial + 40
	t.Logf("%d polls of %d events: %d; %d redials of %d events: %d", worst, perPoll, byPolls, redials, perRedial, byRedials)
	if byPolls+byRedials >= 25000 {
		t.Errorf("%d events in a year", byPolls+byRedials)
	}
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

func ExampleExecution() {
	d := Definition{StartAt: "A", States: map[string]State{"A": {Type: "Wait", Seconds: "{% $states.input.n * 2 %}", Next: "B"}, "B": {Type: "Succeed"}}}
	now := epoch
	e := Start(d, Ports{Now: func() time.Time { return now }}, "x", map[string]int{"n": 5})
	_ = e.Run(context.Background())
	fmt.Println(e.Waiting().Sub(now))
	_ = e.Expire()
	_ = e.Run(context.Background())
	fmt.Println(e.Path, e.Transitions)
	// Output:
	// 10s
	// [A B] 2
}
