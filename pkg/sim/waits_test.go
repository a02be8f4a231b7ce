package sim

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/breaker"
	"adcp-orchestrator/pkg/circuit"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/orchestrator"
	"adcp-orchestrator/pkg/registry"
)

// withBreaker gives a world a breaker.
func (w *World) withBreaker(p circuit.Policy) *World {
	w.Breaker = breaker.New(w.Store, breaker.Options{Policy: p, Bounds: breaker.DefaultBounds,
		Lease: 330 * time.Second, Now: w.Now, Jitter: w.Jitter, NewID: uuid.NewString})
	return w
}

func (w *World) redrive(t *testing.T, id string) {
	t.Helper()
	r := orchestrator.Redrive{Store: w.store(), Workflow: workflow{w}, Breaker: w.Breaker, Deps: w.deps()}
	if _, _, err := r.Run(t.Context(), Tenant, id, orchestrator.Act{}); err != nil {
		t.Fatal(err)
	}
}

func (w *World) op(t *testing.T, id string) operation.Operation {
	t.Helper()
	op, err := w.Store.Get(t.Context(), Tenant, id)
	if err != nil {
		t.Fatal(err)
	}
	return op
}

func mustSubmit(t *testing.T, w *World, n int) string {
	t.Helper()
	op, err := w.Submit(t.Context(), Tenant, fmt.Sprint("key-", n), fmt.Sprint("po-", n))
	if err != nil {
		t.Fatal(err)
	}
	return op.ID
}

func mustRun(t *testing.T, w *World, d time.Duration) {
	t.Helper()
	at := w.now.Add(d)
	w.Plan(at, func() {}) // the clock gets there
	if err := w.Run(t.Context(), d); err != nil {
		t.Fatal(err)
	}
}

// soon is how long a person's word may take.
const soon = 5 * time.Second

// A redrive acts at once, whatever the operation waits for.
func TestRedriveActsAtOnceInEveryWait(t *testing.T) {
	t.Parallel()
	down := true
	failing := func(string, int) (error, error) {
		if down {
			return Unsent, nil
		}
		return nil, nil
	}
	refusing := func(tool string, _ int) (error, error) {
		if down && tool == "create_media_buy" {
			return &adcp.CallError{Outcome: adcp.Refused, Status: 401}, nil
		}
		return nil, nil
	}
	for name, tc := range map[string]struct {
		fail   func(string, int) (error, error)
		policy *circuit.Policy
		wait   time.Duration
		polls  bool // what the redrive causes is a poll
	}{
		"a call's back-off of hours":             {fail: failing, wait: 40 * time.Hour},
		"a credential that was refused for days": {fail: refusing, wait: 60 * time.Hour},
		"an open circuit":                        {fail: failing, policy: &circuit.Default, wait: 20 * time.Hour},
		"between two polls":                      {wait: 3 * time.Hour, polls: true},
	} {
		t.Run(name, func(t *testing.T) {
			seller := &Seller{Duration: 30 * 24 * time.Hour, Fail: tc.fail}
			w := New(definition(t), seller, &Crash{})
			if tc.policy != nil {
				w.withBreaker(*tc.policy)
			}
			down = true
			id := mustSubmit(t, w, 1)
			mustRun(t, w, tc.wait)
			down = false
			polls := seller.Calls["get_task_status"]
			w.redrive(t, id)
			mustRun(t, w, soon)
			op := w.op(t, id)
			notPolled := tc.polls && seller.Calls["get_task_status"] == polls
			if notPolled || op.State != operation.Submitted && op.State != operation.Working {
				t.Errorf("%s after the redrive, %d attempts, %+v", op.State, op.Call.Attempts, op.Admission)
			}
		})
	}
}

// A webhook that ends an operation is published at once although the operation waits for a call's
// back-off: the answer to its call was lost.
func TestWebhookEndsAnOperationInItsBackOff(t *testing.T) {
	t.Parallel()
	seller := &Seller{Duration: 26 * time.Hour, Webhook: true,
		Fail: func(tool string, n int) (error, error) {
			switch {
			case tool == "create_media_buy" && n == 1:
				return nil, Lost
			case tool == "tools/list":
				return nil, nil
			}
			return Unsent, nil
		}}
	w := New(definition(t), seller, &Crash{})
	id := mustSubmit(t, w, 1)
	mustRun(t, w, 26*time.Hour+soon)
	if op := w.op(t, id); op.State != operation.Completed || op.PublishedAt.Sub(op.Terminal.At) > soon {
		t.Errorf("%s at %v, published %v", op.State, op.Terminal, op.PublishedAt)
	}
}

// orderedSeller notes when each order arrived.
type orderedSeller struct {
	*Seller
	orders []string
	at     []time.Time
	w      *World
}

func (s *orderedSeller) Call(ctx context.Context, a registry.Agent, tool string, arguments json.RawMessage) (
	adcp.Response, error) {
	r, err := s.Seller.Call(ctx, a, tool, arguments)
	if tool == "create_media_buy" && err == nil {
		s.orders = append(s.orders, s.w.running)
		s.at = append(s.at, s.w.now)
	}
	return r, err
}

// After an outage, all that wait are called soon, at the agent's rate and the oldest first; orders
// that come then are called after them. An open circuit costs an operation few rounds.
func TestAfterAnOutageTheOldestAreCalledFirst(t *testing.T) {
	t.Parallel()
	down := true
	seller := &Seller{Duration: 30 * 24 * time.Hour, NoPolling: true,
		Fail: func(string, int) (error, error) {
			if down {
				return Unsent, nil
			}
			return nil, nil
		}}
	w := New(definition(t), seller, &Crash{}).withBreaker(circuit.Default)
	ordered := &orderedSeller{Seller: seller, w: w}
	w.Caller = ordered
	const orders = 100
	var ids []string
	for n := range orders {
		ids = append(ids, mustSubmit(t, w, n))
		mustRun(t, w, 100*time.Millisecond)
	}
	mustRun(t, w, 6*time.Hour)
	down = false
	back := w.now
	for n := range 20 { // newcomers
		ids = append(ids, mustSubmit(t, w, orders+n))
	}
	mustRun(t, w, 15*time.Minute)
	if len(ordered.orders) != len(ids) {
		t.Fatalf("%d of %d orders", len(ordered.orders), len(ids))
	}
	// The probe may be anybody's.
	early := 0
	for n, id := range ordered.orders[:orders] {
		if slices.Index(ids, id) >= orders && n < orders-30 {
			early++
		}
	}
	if early > 1 {
		t.Errorf("%d newcomers went before those who waited", early)
	}
	last := ordered.at[len(ordered.at)-1]
	t.Logf("%d orders within %v of the agent's return", len(ids), last.Sub(back))
	if last.Sub(back) > 7*time.Minute {
		t.Errorf("the last order came %v after the agent's return", last.Sub(back))
	}
	transitions := 0
	for _, e := range w.Executions() {
		transitions += e.Transitions
	}
	t.Logf("%.1f transitions for each order", float64(transitions)/float64(len(ids)))
	if per := transitions / len(ids); per > 110 {
		t.Errorf("%d transitions for each order", per)
	}
}

// A flood of orders at one agent: each that has to wait comes once more, when its slot has come.
func TestAQueuedCallTakesOneMoreRound(t *testing.T) {
	t.Parallel()
	w := New(definition(t), &Seller{Sync: true}, &Crash{}).withBreaker(circuit.Default)
	const orders = 300
	for n := range orders {
		mustSubmit(t, w, n)
	}
	mustRun(t, w, 5*time.Minute)
	most := 0
	for _, e := range w.Executions() {
		runs := 0
		for _, state := range e.Path {
			if state == "Run" {
				runs++
			}
		}
		most = max(most, runs)
		if done, err := e.Done(); !done || err != nil {
			t.Fatalf("not done: %v %v", err, e.Path)
		}
	}
	t.Logf("at most %d runs, the last order after %v", most, w.now.Sub(epoch))
	if most > 2 || purchases(w.Seller) != orders {
		t.Errorf("%d runs, %d purchases", most, purchases(w.Seller))
	}
}
