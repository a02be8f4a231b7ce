package orchestrator_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/orchestrator"
	"adcp-orchestrator/pkg/registry"
	"adcp-orchestrator/pkg/store/memory"
)

// startHarness is the submissions of one deployment whose starts have a quota, in virtual time.
type startHarness struct {
	t        *testing.T
	store    *memory.Store
	workflow *startLog
	request  orchestrator.SubmitRequest
	mu       sync.Mutex
	kicks    int
	// drains, if set, runs a drain for every kick.
	drains bool
	wg     sync.WaitGroup
}

// startLog is a quota of starts that records when each execution was first started, in order.
type startLog struct {
	*quotaExecutions
	at    map[string]time.Time
	order []string
}

func (l *startLog) Start(ctx context.Context, tenant, id string, generation int) error {
	if err := l.quotaExecutions.Start(ctx, tenant, id, generation); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.at[id].IsZero() {
		l.at[id] = time.Now()
		l.order = append(l.order, id)
	}
	return nil
}

func newStartHarness(t *testing.T, rate, bucket float64) *startHarness {
	t.Helper()
	h := &startHarness{t: t, store: memory.New(time.Now)}
	h.workflow = &startLog{quotaExecutions: newQuota(rate, bucket), at: map[string]time.Time{}}
	agent := registry.Agent{Tenant: "acme", ID: "seller", URL: "https://seller.example/mcp", Transport: adcp.MCP,
		WebhookMode: operation.WebhookRFC9421, Version: 1}
	if err := h.store.PutAgent(t.Context(), agent); err != nil {
		t.Fatal(err)
	}
	var err error
	if h.request, err = orchestrator.ParseSubmitRequest([]byte(buySubmission)); err != nil {
		t.Fatal(err)
	}
	return h
}

// process is a submit function of its own.
func (h *startHarness) process(s orchestrator.StartQueueStore) orchestrator.Submit {
	queue := &orchestrator.StartQueue{Store: s, Now: time.Now, Kick: h.kick}
	return orchestrator.Submit{Store: h.store, Workflow: h.workflow, Queue: queue,
		Deps: orchestrator.Deps{Now: time.Now}, BaseURL: "https://api.example"}
}

// kick invokes the reconcile function by an event.
func (h *startHarness) kick(context.Context) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.kicks++
	if h.drains {
		h.wg.Go(func() {
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			defer cancel()
			h.drain(ctx)
		})
	}
	return nil
}

// reconciler is a reconcile function of its own.
func (h *startHarness) reconciler() orchestrator.Reconcile {
	return orchestrator.Reconcile{Store: h.store, Workflow: h.workflow, Deps: orchestrator.Deps{Now: time.Now},
		Pace: orchestrator.NewPace(time.Now), Queue: h.store, Kick: h.kick, Parallel: 16,
		NewOwner: func() string { return fmt.Sprint("run-", time.Now().UnixNano()) }}
}

func (h *startHarness) drain(ctx context.Context) orchestrator.ReconcileSummary {
	summary, err := h.reconciler().Drain(ctx)
	if err != nil {
		h.t.Error(err)
	}
	return summary
}

func (h *startHarness) submit(s orchestrator.Submit, key string) (string, error) {
	op, _, err := s.Run(h.t.Context(), "acme", key, h.request)
	return op.ID, err
}

func (h *startHarness) queued() []string {
	h.t.Helper()
	list, err := h.store.Queued(h.t.Context(), 100_000)
	if err != nil {
		h.t.Fatal(err)
	}
	var ids []string
	for _, r := range list.Refs {
		ids = append(ids, r.OperationID)
	}
	return ids
}

// A submission that met the quota of starts waited for the reconciler's next minute.
func TestAThrottledStartIsQueuedAndMadeWithinSecondsInOrder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newStartHarness(t, 1, 2)
		s := h.process(h.store)
		var ids []string
		for i := range 8 {
			id, err := h.submit(s, fmt.Sprint("k", i))
			if err != nil {
				t.Fatal(err)
			}
			ids = append(ids, id)
			<-time.After(10 * time.Millisecond)
		}
		if got := h.queued(); !slices.Equal(got, ids[2:]) || h.kicks != 1 {
			t.Fatalf("%d kicks, queued are %v of %v", h.kicks, got, ids)
		}
		if list, _ := h.store.Due(t.Context(), time.Now().Add(time.Hour), 100); len(list.Refs) != 2 {
			t.Errorf("due are %v", list.Refs)
		}
		h.workflow.rate = 100
		began := time.Now()
		r := h.reconciler()
		r.Parallel = 1
		summary, err := r.Drain(t.Context())
		if err != nil || summary.Drained != 6 || len(h.queued()) != 0 || !slices.Equal(h.workflow.order, ids) {
			t.Errorf("%+v, %v, queued %v, started %v of %v", summary, err, h.queued(), h.workflow.order, ids)
		}
		if last := h.workflow.at[ids[7]].Sub(began); last > 3*time.Second {
			t.Errorf("the last one was started after %s", last)
		}
		if list, _ := h.store.Due(t.Context(), time.Now().Add(time.Hour), 100); len(list.Refs) != 8 {
			t.Errorf("then due are %v", list.Refs)
		}
	})
}

// New operations are refused before the queue is a minute old, and nothing is stored for them. The
// key of an accepted one is never refused.
func TestAnOldQueueRefusesNewOperationsOnly(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newStartHarness(t, 0, 1)
		s := h.process(h.store)
		for i := range 3 {
			if _, err := h.submit(s, fmt.Sprint("k", i)); err != nil {
				t.Fatal(err)
			}
			<-time.After(time.Millisecond) // the order of one instant is arbitrary
		}
		<-time.After(orchestrator.MaxStartDelay)
		var full *orchestrator.QueueFullError
		if _, err := h.submit(s, "new"); !errors.As(err, &full) || full.RetryAfter <= 0 || full.RetryAfter > time.Minute {
			t.Fatalf("got %v", err)
		}
		first, err := h.submit(s, "k1")
		if err != nil || len(h.queued()) != 2 || h.queued()[0] != first {
			t.Errorf("repeated: %v; queued %v", err, h.queued())
		}
		h.workflow.rate = 10
		h.drain(t.Context())
		if _, err := h.submit(s, "new"); err != nil { // the same key: nothing was stored for it
			t.Errorf("after the drain: %v", err)
		}
	})
}

// countingQueue counts reads of the queue, and can fail to be written.
type countingQueue struct {
	*memory.Store
	reads int
	err   error
}

func (c *countingQueue) Queued(ctx context.Context, limit int) (operation.DueList, error) {
	c.reads++
	return c.Store.Queued(ctx, limit)
}

func (c *countingQueue) QueueStart(ctx context.Context, op operation.Operation, since time.Time) error {
	if c.err != nil {
		return c.err
	}
	return c.Store.QueueStart(ctx, op, since)
}

func TestAProcessThatWasNotThrottledDoesNotReadTheQueue(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newStartHarness(t, 1000, 1000)
		queue := &countingQueue{Store: h.store}
		s := h.process(queue)
		submit := func(n int) {
			for range n {
				if _, err := h.submit(s, fmt.Sprint(time.Now().UnixNano())); err != nil {
					t.Error(err)
				}
				<-time.After(10 * time.Millisecond)
			}
		}
		submit(20)
		if queue.reads != 0 || h.kicks != 0 {
			t.Fatalf("%d reads, %d kicks", queue.reads, h.kicks)
		}
		h.workflow.tokens, h.workflow.rate = 0, 0
		submit(101) // a second of them
		if queue.reads > 2 {
			t.Errorf("%d reads in a second", queue.reads)
		}
		h.workflow.rate = 1000
		h.drain(t.Context())
		<-time.After(2 * time.Minute)
		if before := queue.reads; before > 0 {
			submit(20)
			if queue.reads != before {
				t.Errorf("%d reads after the queue was empty", queue.reads-before)
			}
		}
	})
}

// A submission that dies, or fails, before it has queued its start leaves it to the due index.
func TestAStartThatCannotBeQueuedIsLeftToTheReconciler(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newStartHarness(t, 0, 0)
		id, err := h.submit(h.process(&countingQueue{Store: h.store, err: errors.New("no")}), "k")
		if err != nil || len(h.queued()) > 0 {
			t.Fatalf("%v, queued %v", err, h.queued())
		}
		h.workflow.rate, h.workflow.bucket = 10, 10
		<-time.After(2 * time.Minute)
		op, _ := h.store.Get(t.Context(), "acme", id)
		list, _ := h.store.Due(t.Context(), time.Now(), 10)
		if len(list.Refs) != 1 || op.DueAt.After(time.Now()) {
			t.Errorf("due are %v", list.Refs)
		}
	})
}

// The schedule alone drains the queue as well: the call for a drain may be lost.
func TestAScheduledRunDrainsTheQueue(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newStartHarness(t, 0, 0)
		s := h.process(h.store)
		for i := range 450 { // more than two batches
			if _, err := h.submit(s, fmt.Sprint("k", i)); err != nil {
				t.Fatal(err)
			}
		}
		h.workflow.rate, h.workflow.bucket, h.workflow.tokens = 300, 1300, 1300
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		summary, err := h.reconciler().Run(ctx)
		if err != nil || summary.Drained != 450 || len(h.queued()) != 0 || len(h.workflow.at) != 450 {
			t.Errorf("%+v, %v, %d are queued", summary, err, len(h.queued()))
		}
	})
}

// Submissions come three times as fast as Step Functions starts. Each that is accepted starts
// within a minute, whatever process has taken it.
func TestWhatIsAcceptedStartsWithinAMinute(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newStartHarness(t, 30, 130) // a tenth of the larger quota
		h.drains = true
		var processes []orchestrator.Submit
		for range 5 {
			processes = append(processes, h.process(h.store))
		}
		accepted, refused := map[string]time.Time{}, 0
		for i := range 100 * 60 {
			id, err := h.submit(processes[i%len(processes)], fmt.Sprint("k", i))
			var full *orchestrator.QueueFullError
			switch {
			case errors.As(err, &full):
				refused++
			case err != nil:
				t.Fatal(err)
			default:
				accepted[id] = time.Now()
			}
			<-time.After(10 * time.Millisecond)
		}
		h.wg.Wait()
		worst := time.Duration(0)
		for id, at := range accepted {
			started, ok := h.workflow.at[id]
			if !ok {
				t.Fatalf("%s was never started", id)
			}
			worst = max(worst, started.Sub(at))
		}
		t.Logf("%d accepted, %d refused, the slowest started after %s, %d kicks, %d of %d calls throttled",
			len(accepted), refused, worst, h.kicks, h.workflow.refused, h.workflow.calls)
		if worst > time.Minute || refused == 0 || len(h.queued()) > 0 {
			t.Errorf("the slowest started after %s, %d refused, %d left", worst, refused, len(h.queued()))
		}
	})
}
