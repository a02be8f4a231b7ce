package e2e

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/google/uuid"

	"adcp-orchestrator/infra/local/client"
	"adcp-orchestrator/pkg/operation"
)

// The limits of what the local stack can take on two cores: it drops what exceeds them.
const (
	soakAgents     = 8
	soakSubmitters = 12
	maxOpen        = 80
	// redriveAfter is when an operation is redriven, as a person would do who does not wait for the
	// reconciler.
	redriveAfter = 30 * time.Second
	soakTimeout  = 5 * time.Minute
)

// soakOperation is one operation of a soak, and the outcome that the seller was given for it.
type soakOperation struct {
	outcome string
	since   time.Time // when it was accepted, or last redriven
	settled bool      // it is not in the reconciler's index any more
}

// soak submits operations and records their state.
type soak struct {
	*harness
	*faults
	mu         sync.Mutex
	operations map[string]*soakOperation
}

// TestSoak buys from a real seller over unreliable connections, while function processes are killed
// and executions are stopped. At the end the seller's ledger and ours must agree on each operation.
// SOAK is the number of operations, SEED chooses the faults.
//
// It runs alone, because it kills the stack's function processes.
func TestSoak(t *testing.T) {
	seller, n, seed := env(t, "SELLER_URL"), 12, uint64(1)
	if v, err := strconv.Atoi(os.Getenv("SOAK")); err == nil {
		n = v
	}
	if v, err := strconv.ParseUint(os.Getenv("SEED"), 10, 64); err == nil {
		seed = v
	}
	began := time.Now()
	s := &soak{harness: newHarness(t, 2), faults: newFaults(seed), operations: map[string]*soakOperation{}}
	for i := range soakAgents { // each has a circuit of its own, so that one that opens does not stop all
		// HMAC: the address of the connection is in no brand.json, so a signature could not be checked.
		err := s.PutAgent(t.Context(), soakAgent(i), map[string]any{
			"url":            s.faultyConnection(t, seller, env(t, "API_URL")),
			"credential_ref": s.secretName("seller"),
			"webhook_mode":   operation.WebhookHMAC,
			"poll":           map[string]any{"interval_seconds": 2},
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), soakTimeout)
	defer cancel()
	faultsCtx, stopFaults := context.WithCancel(ctx)
	var injector, submitters sync.WaitGroup
	injector.Go(func() { s.injectFaults(faultsCtx, env(t, "AWS_ENDPOINT_URL")) })
	var left atomic.Int64
	left.Store(int64(n))
	for range soakSubmitters {
		submitters.Go(func() {
			for left.Add(-1) >= 0 {
				if err := s.submitOne(ctx); err != nil {
					t.Error(err)
				}
			}
		})
	}
	s.followAll(ctx, t, n, began)
	submitters.Wait()
	stopFaults()
	injector.Wait()
	s.compareLedgers(t, n)
	s.compareMetrics(t, began)
	s.checkFaults(t, n, seed, time.Since(began))
}

func soakAgent(i int) string { return fmt.Sprint("seller-", i) }

// open lists the operations that are not settled.
func (s *soak) open() (ids []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, o := range s.operations {
		if !o.settled {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

// injectFaults kills a function process every two seconds, and stops an execution half as often,
// until the context ends.
func (s *soak) injectFaults(ctx context.Context, endpoint string) {
	tick := time.NewTicker(2 * time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		pids := functionProcesses(endpoint)
		if len(pids) > 0 && syscall.Kill(pids[s.intN(len(pids))], syscall.SIGKILL) == nil {
			s.count("function processes killed")
		}
		open := s.open()
		if len(open) > 0 && s.intN(2) == 0 && s.stopExecution(ctx, open[s.intN(len(open))]) {
			s.count("executions stopped")
		}
	}
}

// stopExecution stops an operation's first execution. It returns false if that does not run.
func (s *soak) stopExecution(ctx context.Context, id string) bool {
	arn := firstExecution(os.Getenv("STATE_MACHINE_ARN"), id)
	out, err := s.sfn.DescribeExecution(ctx, &sfn.DescribeExecutionInput{ExecutionArn: &arn})
	if err != nil || out.Status != "RUNNING" {
		return false
	}
	_, err = s.sfn.StopExecution(ctx, &sfn.StopExecutionInput{ExecutionArn: &arn})
	return err == nil
}

// submitOne submits one buy as soon as fewer than maxOpen operations are open.
func (s *soak) submitOne(ctx context.Context) error {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for len(s.open()) >= maxOpen {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	behavior, outcome := s.sellerBehavior()
	op, err := s.submitUntilAnswered(ctx, soakAgent(s.intN(soakAgents)), uuid.NewString(),
		client.Buy(s.poPrefix()+uuid.NewString(), behavior))
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.operations[op.ID] = &soakOperation{outcome: outcome, since: time.Now()}
	return nil
}

// poPrefix begins the purchase orders of this soak.
func (s *soak) poPrefix() string { return "SOAK-" + s.tenant + "-" }

// followAll waits until n operations are settled, and redrives those that are open for long.
func (s *soak) followAll(ctx context.Context, t *testing.T, n int, began time.Time) {
	t.Helper()
	tick := time.NewTicker(2 * time.Second)
	defer tick.Stop()
	for logged, done := 0, 0; done < n; {
		s.followOnce(ctx, n)
		s.mu.Lock()
		known := len(s.operations)
		s.mu.Unlock()
		if done = known - len(s.open()); done/50 > logged {
			logged = done / 50
			t.Logf("%4d of %d after %.0f s", done, n, time.Since(began).Seconds())
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Errorf("%d of %d are settled after %s", done, n, soakTimeout)
			return
		}
	}
}

// followOnce updates what is settled. It reads the reconciler's index and not the API, which has
// enough load on two cores.
func (s *soak) followOnce(ctx context.Context, n int) {
	open := s.open()
	due, err := s.store.Due(ctx, time.Now().Add(1000*time.Hour), 10*n+1000)
	if err != nil {
		return
	}
	for _, id := range open {
		indexed := slices.ContainsFunc(due.Refs, func(r operation.Ref) bool { return r.OperationID == id })
		s.mu.Lock()
		o := s.operations[id]
		o.settled = !indexed
		late := indexed && time.Since(o.since) > redriveAfter
		s.mu.Unlock()
		if !late {
			continue
		}
		resp, _, err := s.Do(ctx, http.MethodPost, "/v1/operations/"+id+"/redrive", nil, nil)
		if err == nil && resp.StatusCode/100 == 2 {
			s.count("redriven")
		}
		s.mu.Lock()
		o.since = time.Now()
		s.mu.Unlock()
	}
}

// checkFaults prints what went wrong how often. In a long soak every kind of fault must have
// occurred.
func (s *soak) checkFaults(t *testing.T, n int, seed uint64, took time.Duration) {
	t.Helper()
	lines := []string{fmt.Sprintf("%7d operations, seed %d, %.0f s", len(s.operations), seed, took.Seconds())}
	counts := s.snapshot()
	for kind, count := range counts {
		lines = append(lines, fmt.Sprintf("%7d %s", count, kind))
	}
	slices.Sort(lines[1:])
	t.Log("\n" + strings.Join(lines, "\n"))
	for _, kind := range []string{
		"function processes killed", "executions stopped", "calls lost", "answers lost", "calls made twice",
		"webhooks interrupted before they arrived", "webhooks interrupted after they arrived",
		"webhooks delivered twice at once", "webhooks overtaken",
	} {
		if counts[kind] == 0 && n >= 100 {
			t.Errorf("no %s in %d operations", kind, n)
		}
	}
}
