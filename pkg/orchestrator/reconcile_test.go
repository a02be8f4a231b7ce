package orchestrator_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/orchestrator"
	"adcp-orchestrator/pkg/store"
	"adcp-orchestrator/pkg/store/memory"
)

// sweep is a reconciler over many operations, at a time of its own. It records which operations it
// looked at, in order.
type sweep struct {
	*memory.Store
	t      *testing.T
	at     time.Time
	looked []operation.Ref
	// refuses says which operations can't be read, unwritten which can't be written.
	refuses, unwritten func(operation.Ref) error
}

func newSweep(t *testing.T) *sweep {
	t.Helper()
	s := &sweep{t: t, at: now}
	s.Store = memory.New(func() time.Time { return s.at })
	return s
}

func (s *sweep) Get(ctx context.Context, tenant, id string) (operation.Operation, error) {
	ref := operation.Ref{Tenant: tenant, OperationID: id}
	s.looked = append(s.looked, ref)
	if s.refuses != nil && s.refuses(ref) != nil {
		return operation.Operation{}, s.refuses(ref)
	}
	return s.Store.Get(ctx, tenant, id)
}

func (s *sweep) Commit(ctx context.Context, c operation.Change) error {
	if s.unwritten != nil {
		return s.unwritten(operation.Ref{Tenant: c.Op.Tenant, OperationID: c.Op.ID})
	}
	return s.Store.Commit(ctx, c)
}

// due stores an operation that is due since a time.
func (s *sweep) due(tenant, id string, since time.Time) operation.Ref {
	s.t.Helper()
	storeDue(s.t, s.Store, tenant, id, since)
	return operation.Ref{Tenant: tenant, OperationID: id}
}

func storeDue(t *testing.T, s *memory.Store, tenant, id string, since time.Time) {
	t.Helper()
	op := operation.Operation{Tenant: tenant, ID: id, State: operation.Submitted, Version: 1, Generation: 1, DueAt: since}
	err := s.Create(t.Context(), orchestrator.NewOperation{Op: op, Request: []byte("{}"), KeyHash: id})
	if err != nil {
		t.Fatal(err)
	}
}

// run lets the reconciler run with a workflow, and returns what it looked at.
func (s *sweep) run(w orchestrator.Executions) ([]operation.Ref, orchestrator.ReconcileSummary, error) {
	s.looked = nil
	r := orchestrator.Reconcile{Store: s, Workflow: w, Deps: orchestrator.Deps{Now: func() time.Time { return s.at }}}
	summary, err := r.Run(s.t.Context())
	return s.looked, summary, err
}

// executions are executions that are all in one state. Starting takes no time.
type executions orchestrator.Execution

func (executions) Start(context.Context, string, string, int) error        { return nil }
func (executions) Wake(context.Context, string, orchestrator.Wakeup) error { return nil }
func (e executions) Ensure(context.Context, string, string, int) (orchestrator.Execution, error) {
	return orchestrator.Execution(e), nil
}

const (
	running = executions(orchestrator.ExecutionRunning)
	over    = executions(orchestrator.ExecutionOver)
)

// One shard that is full of due operations hid those of all others.
func TestAShardDoesNotHideWhatIsDueInAnother(t *testing.T) {
	t.Parallel()
	s := newSweep(t)
	const each, shards = 1000, 4
	s.WithDueShards(shards)
	count := map[string]int{}
	for i := 0; len(count) < shards || slices.Min(slices.Collect(maps.Values(count))) < each; i++ {
		id := fmt.Sprint("op_", i)
		ref := s.due("acme", id, s.at.Add(-time.Hour+time.Duration(i)*time.Millisecond))
		shard, _ := s.Attribute(t.Context(), ref.Tenant, ref.OperationID, "due_pk")
		count[shard]++
	}
	total := 0
	for _, n := range count {
		total += n
	}
	looked, summary, err := s.run(over)
	if err != nil || summary.Restarted != total || summary.Backlog != 0 {
		t.Fatalf("%+v of %d, %v", summary, total, err)
	}
	for i, ref := range looked[:total] {
		if ref.OperationID != fmt.Sprint("op_", i) {
			t.Fatalf("look %d was at %v: not the one that was due longest", i, ref)
		}
	}
}

// A tenant with a large backlog kept the operations of all others waiting.
func TestATenantsFloodDoesNotDelayTheOthers(t *testing.T) {
	t.Parallel()
	s := newSweep(t)
	const flood = 5000
	for i := range flood {
		s.due("flood", fmt.Sprint("op_", i), s.at.Add(-24*time.Hour))
	}
	single := s.due("acme", "op_single", s.at.Add(-time.Second))
	list, err := s.Due(t.Context(), s.at, 200)
	if err != nil || len(list.Refs) != 200 || list.Total != flood+1 || !slices.Contains(list.Refs, single) {
		t.Fatalf("%d of %d, with the single one: %v, %v",
			len(list.Refs), list.Total, slices.Contains(list.Refs, single), err)
	}
	if i := slices.Index(list.Refs, single); i > 1 {
		t.Errorf("the single one is looked at as number %d", i)
	}
}

// An operation whose look fails came first again each minute.
func TestAFailedLookIsPutOffWithGrowth(t *testing.T) {
	t.Parallel()
	for name, fails := range map[string]func(*sweep, error){
		"can't be read":    func(s *sweep, err error) { s.refuses = func(operation.Ref) error { return err } },
		"can't be written": func(s *sweep, err error) { s.unwritten = func(operation.Ref) error { return err } },
		"is of newer code": func(s *sweep, _ error) {
			s.unwritten = func(operation.Ref) error { return store.ErrNewerSchema }
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSweep(t)
			s.due("acme", "op_1", s.at.Add(-time.Second))
			fails(s, errors.New("no"))
			var waits []int
			last := s.at
			for range 61 {
				looked, _, err := s.run(over)
				if len(looked) > 0 {
					waits = append(waits, int(s.at.Sub(last)/time.Minute))
					last = s.at
					if err == nil {
						t.Error("nothing succeeded, and nobody is told")
					}
				}
				s.at = s.at.Add(time.Minute + time.Second) // the entry is due before now, not at now
			}
			if want := []int{0, 1, 2, 4, 8, 15, 15, 15}; !slices.Equal(waits, want) {
				t.Errorf("waits %v, want %v", waits, want)
			}
		})
	}
}

// What failed once must not be counted for ever, and one that fails must not keep others waiting.
func TestAFailureIsForgottenAfterAWhile(t *testing.T) {
	t.Parallel()
	s := newSweep(t)
	bad := s.due("acme", "op_bad", s.at.Add(-time.Hour))
	s.due("acme", "op_good", s.at.Add(-time.Second))
	s.refuses = func(r operation.Ref) error {
		if r == bad {
			return errors.New("no")
		}
		return nil
	}
	for range 3 {
		if _, summary, err := s.run(running); err == nil && summary.Looked != 0 && summary.Alive+summary.Failed == 0 {
			t.Errorf("%+v, %v", summary, err)
		}
		s.at = s.at.Add(10 * time.Minute)
	}
	s.at = s.at.Add(operation.FailuresForgotten + time.Minute)
	if _, summary, _ := s.run(running); summary.Failed != 1 {
		t.Fatalf("%+v", summary)
	}
	s.at = s.at.Add(time.Minute + time.Second)
	if looked, _, _ := s.run(running); !slices.Contains(looked, bad) {
		t.Error("it is still put off as after many failures")
	}
}

// The reconciler reported success when it could reconcile nothing.
func TestReconcileFailsAloudWhenNothingSucceeds(t *testing.T) {
	t.Parallel()
	s := newSweep(t)
	for i := range 3 {
		s.due("acme", fmt.Sprint("op_", i), s.at.Add(-time.Duration(i+11)*time.Minute))
	}
	var recorded orchestrator.ReconcileSummary
	r := orchestrator.Reconcile{Store: s, Workflow: denied{},
		Deps:   orchestrator.Deps{Now: func() time.Time { return s.at }},
		Record: func(x orchestrator.ReconcileSummary) { recorded = x }}
	summary, err := r.Run(t.Context())
	want := orchestrator.ReconcileSummary{Looked: 3, Failed: 3, OldestDueSeconds: 13 * 60}
	if err == nil || summary != want || recorded != want {
		t.Errorf("%+v, recorded %+v, %v", summary, recorded, err)
	}
	if _, summary, err := s.run(running); err != nil || summary.Looked != 0 {
		t.Errorf("put off, but %+v, %v", summary, err)
	}
}

// denied refuses every call.
type denied struct{ executions }

func (denied) Ensure(context.Context, string, string, int) (orchestrator.Execution, error) {
	return "", errors.New("AccessDenied")
}

// An operation that stands early in the index is no reason for a call: the operation itself says
// when the reconciler has to look.
func TestAnEarlyEntryOfTheIndexIsMoved(t *testing.T) {
	t.Parallel()
	h := newHarness(t, &fakeAgent{profile: buyProfile(), answers: []adcp.Response{submitted}})
	h.dispatch()
	due := h.op().DueAt
	h.at = now.Add(2 * time.Minute) // due in the index since its first minute
	if indexed := h.op().IndexedAt; !indexed.Before(h.at) || !h.at.Before(due) {
		t.Fatalf("indexed at %v, due at %v", indexed, due)
	}
	summary := h.reconcile()
	if summary.Looked != 1 || summary.Alive+summary.Started+summary.Restarted+summary.Failed != 0 ||
		len(h.workflow.log) != 0 || !h.op().IndexedAt.Equal(due) {
		t.Errorf("%+v, did %v, indexed at %v, due at %v", summary, h.workflow.log, h.op().IndexedAt, due)
	}
	if again := h.reconcile(); again.Looked != 0 {
		t.Errorf("then %+v", again)
	}
}

// A process that sees many operations at once looks at each of them once, whatever the index shows.
func TestParallelLooksAreAtDifferentOperations(t *testing.T) {
	t.Parallel()
	s := memory.New(func() time.Time { return now })
	s.IndexLag = time.Hour
	const n = 500
	for i := range n {
		storeDue(t, s, "acme", fmt.Sprint("op_", i), now.Add(-time.Minute))
	}
	s.IndexLag = 0
	w := &countingExecutions{started: map[string]int{}}
	r := orchestrator.Reconcile{Store: s, Workflow: w,
		Deps: orchestrator.Deps{Now: func() time.Time { return now }}, Parallel: 16}
	summary, err := r.Run(t.Context())
	if err != nil || summary.Looked != n || summary.Restarted != n || len(w.started) != n {
		t.Errorf("%+v, %d started, %v", summary, len(w.started), err)
	}
	for name, times := range w.started {
		if times != 1 {
			t.Errorf("%s was started %d times", name, times)
		}
	}
}

// countingExecutions are over, and count the starts of the next ones.
type countingExecutions struct {
	executions
	mu      sync.Mutex
	started map[string]int
}

func (c *countingExecutions) Ensure(context.Context, string, string, int) (orchestrator.Execution, error) {
	return orchestrator.ExecutionOver, nil
}

func (c *countingExecutions) Start(_ context.Context, _, id string, generation int) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.started[execution(id, generation)]++
	return nil
}
