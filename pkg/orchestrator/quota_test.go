package orchestrator_test

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"adcp-orchestrator/pkg/orchestrator"
	"adcp-orchestrator/pkg/store/memory"
)

// quotaExecutions are executions whose starts have a quota, as a token bucket. Each name in over
// belongs to an execution that has ended; any other one can be started once.
type quotaExecutions struct {
	executions
	rate, bucket float64

	mu       sync.Mutex
	tokens   float64
	filledAt time.Time
	calls    int
	refused  int
	started  map[string]bool
}

func newQuota(rate, bucket float64) *quotaExecutions {
	return &quotaExecutions{rate: rate, bucket: bucket, tokens: bucket, filledAt: time.Now(), started: map[string]bool{}}
}

// take is one call of StartExecution.
func (q *quotaExecutions) take() error {
	now := time.Now()
	q.tokens = min(q.bucket, q.tokens+now.Sub(q.filledAt).Seconds()*q.rate)
	q.filledAt = now
	q.calls++
	if q.tokens < 1 {
		q.refused++
		return orchestrator.ErrThrottled
	}
	q.tokens--
	return nil
}

func (q *quotaExecutions) Start(_ context.Context, _, id string, generation int) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if err := q.take(); err != nil {
		return err
	}
	q.started[execution(id, generation)] = true
	return nil
}

// Ensure: the executions of the first generation are over.
func (q *quotaExecutions) Ensure(_ context.Context, _, id string, generation int) (orchestrator.Execution, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if err := q.take(); err != nil {
		return "", err
	}
	if name := execution(id, generation); generation > 1 {
		if q.started[name] {
			return orchestrator.ExecutionRunning, nil
		}
		q.started[name] = true
		return orchestrator.ExecutionMissing, nil
	}
	return orchestrator.ExecutionOver, nil
}

// 100,000 lost executions are restarted in less than half an hour, within the quotas of each
// region. The test has a tenth of them, and with -short a fiftieth, in the same part of the time;
// LOST_EXECUTIONS=100000 runs it in full, which takes minutes.
func TestLostExecutionsAreRestartedWithinTheQuota(t *testing.T) {
	t.Parallel()
	for name, quota := range map[string][2]float64{
		"large region": {300, 1300},
		"other region": {150, 800},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				lost := 10_000
				if testing.Short() {
					lost = 2_000
				}
				if n, err := strconv.Atoi(os.Getenv("LOST_EXECUTIONS")); err == nil {
					lost = n
				}
				limit := 30 * time.Minute * time.Duration(lost) / 100_000
				s := memory.New(time.Now)
				for i := range lost {
					storeDue(t, s, "acme", fmt.Sprint("op_", i), time.Now().Add(-time.Hour))
				}
				began, w := time.Now(), newQuota(quota[0], quota[1])
				r := orchestrator.Reconcile{Store: s, Workflow: w, Deps: orchestrator.Deps{Now: time.Now},
					Pace: orchestrator.NewPace(time.Now), Parallel: 16}
				took := restartAll(t, r, w, lost)
				t.Logf("%d restarted in %s, %d calls, %d of them throttled", lost, took.Sub(began), w.calls, w.refused)
				if took.Sub(began) > limit {
					t.Errorf("%s for %d operations", took.Sub(began), lost)
				}
				if w.refused > w.calls/20 {
					t.Errorf("%d of %d calls were throttled", w.refused, w.calls)
				}
			})
		})
	}
}

// restartAll runs the reconciler each minute, as the schedule does, until so many executions have
// been started. It returns when.
func restartAll(t *testing.T, r orchestrator.Reconcile, w *quotaExecutions, lost int) time.Time {
	t.Helper()
	const timeout = 60 * time.Second // of the function
	for range 100 {
		began := time.Now()
		ctx, cancel := context.WithDeadline(t.Context(), began.Add(timeout))
		summary, err := r.Run(ctx)
		if err != nil || summary.Failed > 0 || ctx.Err() != nil {
			t.Fatalf("%+v, %v, %v", summary, err, ctx.Err())
		}
		cancel()
		if len(w.started) >= lost {
			return time.Now()
		}
		<-time.After(time.Until(began.Add(time.Minute)))
	}
	t.Fatalf("%d of %d started", len(w.started), lost)
	return time.Time{}
}
