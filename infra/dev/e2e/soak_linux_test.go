package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
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
	"adcp-orchestrator/pkg/httpapi"
	"adcp-orchestrator/pkg/operation"
)

// manner is how the seller behaves for one order: its webhook comes, comes twice, first, late or never.
func (x *trouble) manner() (map[string]any, string) {
	outcomes, webhooks := []string{"completed", "completed", "completed", "failed", "rejected", "sync"}, []string{"normal", "normal", "none", "duplicate", "early", "late"}
	outcome, webhook := outcomes[x.draw(len(outcomes))], webhooks[x.draw(len(webhooks))]
	if outcome == "sync" {
		webhook = "normal"
	}
	x.count("webhooks "+webhook, 1)
	return map[string]any{"outcome": outcome, "webhook": webhook, "delay_ms": 200 + x.draw(3000), "webhook_delay_ms": 4000}, outcome
}

// soaked is one operation of a soak, with how the seller was told to end it.
type soaked struct {
	outcome string
	// since is when it was taken, or last redriven; settled: the sweeper's index has it no more.
	since   time.Time
	settled bool
}

// soak is what is under way.
type soak struct {
	*world
	*trouble
	mu  sync.Mutex
	all map[string]*soaked
}

// open lists the operations that are not settled.
func (s *soak) open() (ids []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, o := range s.all {
		if !o.settled {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

// What a soak takes the emulator on two cores for: it drops what is more.
const (
	lines      = 8
	submitters = 12
	mostOpen   = 80
	// patience is how long an operation may take before it is redriven, as somebody would do who does not wait for the sweeper.
	patience = 30 * time.Second
	longest  = 5 * time.Minute
)

// TestSoak buys through a bad line from a real seller while function processes are killed and executions are stopped. At the end its ledger and ours agree to the
// last operation. SOAK says how many operations, SEED which troubles.
//
// It runs alone: it takes the stack's function processes down.
func TestSoak(t *testing.T) {
	seller, n, seed := env(t, "SELLER_URL"), 12, uint64(1)
	if v, err := strconv.Atoi(os.Getenv("SOAK")); err == nil {
		n = v
	}
	if v, err := strconv.ParseUint(os.Getenv("SEED"), 10, 64); err == nil {
		seed = v
	}
	began := time.Now()
	s := &soak{world: enter(t, 2), trouble: &trouble{rng: rand.New(rand.NewPCG(seed, 0x50a4)), kinds: map[string]int{}}, all: map[string]*soaked{}}
	for i := range lines { // each has a circuit of its own: one that opens does not stop all
		// A credential of ours: the line's address is in nobody's brand.json, so that no signature could be checked.
		err := s.PutAgent(t.Context(), fmt.Sprint("seller-", i), map[string]any{"url": s.line(t, seller, env(t, "API_URL")), "credential_ref": "adcp/" + s.tenant + "/seller",
			"webhook_mode": operation.WebhookHMAC, "poll": map[string]any{"interval_seconds": 2}})
		if err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), longest)
	defer cancel()
	storm, calm := context.WithCancel(ctx)
	var weather, clients sync.WaitGroup
	weather.Go(func() { s.strike(storm, env(t, "AWS_ENDPOINT_URL")) })
	var left atomic.Int64
	left.Store(int64(n))
	for range submitters {
		clients.Go(func() {
			for left.Add(-1) >= 0 {
				if err := s.order(ctx); err != nil {
					t.Error(err)
				}
			}
		})
	}
	s.follow(ctx, t, n, began)
	clients.Wait()
	calm()
	weather.Wait()
	s.agree(t, n)
	kinds := []string{fmt.Sprintf("%7d operations, seed %d, %.0f s", len(s.all), seed, time.Since(began).Seconds())}
	for k, v := range s.kinds {
		kinds = append(kinds, fmt.Sprintf("%7d %s", v, k))
	}
	slices.Sort(kinds[1:])
	t.Log("\n" + strings.Join(kinds, "\n"))
	for _, k := range []string{"function processes killed", "executions stopped", "calls lost", "answers lost", "calls made twice",
		"webhooks interrupted before they arrived", "webhooks interrupted after they arrived", "webhooks brought twice at once", "webhooks overtaken"} {
		if s.kinds[k] == 0 && n >= 100 { // few operations may be spared
			t.Errorf("no %s: nothing was shown of them", k)
		}
	}
}

// strike kills a process every other second, and stops an execution half as often, until the context ends.
func (s *soak) strike(ctx context.Context, endpoint string) {
	tick := time.NewTicker(2 * time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if pids := functions(endpoint); len(pids) > 0 && syscall.Kill(pids[s.draw(len(pids))], syscall.SIGKILL) == nil {
			s.count("function processes killed", 1)
		}
		if open := s.open(); len(open) > 0 && s.draw(2) == 0 && s.stopped(ctx, open[s.draw(len(open))]) {
			s.count("executions stopped", 1)
		}
	}
}

// order submits one purchase when there is room for it.
func (s *soak) order(ctx context.Context) error {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for len(s.open()) >= mostOpen {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	manner, outcome := s.manner()
	op, err := s.persist(ctx, fmt.Sprint("seller-", s.draw(lines)), uuid.NewString(), client.Buy("SOAK-"+s.tenant+"-"+uuid.NewString(), manner))
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all[op.ID] = &soaked{outcome: outcome, since: time.Now()}
	return nil
}

// follow looks what is open until all are settled, and redrives what has been for long. It asks the sweeper's index and not the API: an emulator on two cores has
// enough to do.
func (s *soak) follow(ctx context.Context, t *testing.T, n int, began time.Time) {
	tick := time.NewTicker(2 * time.Second)
	defer tick.Stop()
	for told, done := 0, 0; done < n; {
		taken := s.open()
		due, err := s.store.Due(ctx, time.Now().Add(1000*time.Hour), 10*n+1000)
		for _, id := range taken {
			if err != nil {
				break
			}
			open := slices.ContainsFunc(due, func(r operation.Ref) bool { return r.OperationID == id })
			s.mu.Lock()
			o := s.all[id]
			o.settled = !open
			still := open && time.Since(o.since) > patience
			s.mu.Unlock()
			if !still {
				continue
			}
			if resp, _, err := s.Do(ctx, http.MethodPost, "/v1/operations/"+id+"/redrive", nil, nil); err == nil && resp.StatusCode/100 == 2 {
				s.count("redriven", 1)
			}
			s.mu.Lock()
			o.since = time.Now()
			s.mu.Unlock()
		}
		s.mu.Lock()
		known := len(s.all)
		s.mu.Unlock()
		if done = known - len(s.open()); done/50 > told {
			told = done / 50
			t.Logf("%4d of %d after %.0f s", done, n, time.Since(began).Seconds())
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Errorf("%d of %d are settled after %s", done, n, longest)
			return
		}
	}
}

// stopped stops an operation's first execution, if it runs.
func (s *soak) stopped(ctx context.Context, id string) bool {
	arn := strings.Replace(os.Getenv("STATE_MACHINE_ARN"), ":stateMachine:", ":execution:", 1) + ":" + id + "-1"
	if out, err := s.sfn.DescribeExecution(ctx, &sfn.DescribeExecutionInput{ExecutionArn: &arn}); err != nil || out.Status != "RUNNING" {
		return false
	}
	_, err := s.sfn.StopExecution(ctx, &sfn.StopExecutionInput{ExecutionArn: &arn})
	return err == nil
}

// agree compares the seller's ledger with ours.
func (s *soak) agree(t *testing.T, n int) {
	t.Helper()
	if len(s.all) != n {
		t.Errorf("%d operations of %d", len(s.all), n)
	}
	sold, ours := map[string][]string{}, map[string]bool{}
	for _, b := range readLedger(t).Buys {
		sold[b.PO] = append(sold[b.PO], b.ID)
	}
	for id, o := range s.all {
		r, err := s.store.Load(t.Context(), s.tenant, id)
		if err != nil {
			t.Error(err)
			continue
		}
		if ours[r.Op.PONumber] = true; r.Op.PublishedAt.IsZero() {
			t.Errorf("%s is not settled", id)
		}
		var result struct {
			ID string `json:"media_buy_id"`
		}
		switch buys := sold[r.Op.PONumber]; {
		case o.outcome == "failed" || o.outcome == "rejected":
			if r.Op.State != operation.Failed && r.Op.State != operation.Rejected || len(buys) != 0 {
				t.Errorf("%s: %s of an order that is %s, sold %v\n%s", id, r.Op.State, o.outcome, buys, timeline(httpapi.ViewRecord(r, "")))
			}
		case r.Op.State != operation.Completed || json.Unmarshal(r.Result, &result) != nil || !slices.Equal(buys, []string{result.ID}):
			t.Errorf("%s: %s with %q, sold %v\n%s", id, r.Op.State, result.ID, buys, timeline(httpapi.ViewRecord(r, "")))
		}
	}
	for po, buys := range sold {
		if strings.HasPrefix(po, "SOAK-"+s.tenant+"-") && !ours[po] {
			t.Errorf("%s: sold %v and not ours", po, buys)
		}
	}
}
