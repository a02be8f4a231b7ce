package e2e

import (
	"context"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sfn"
	sfntypes "github.com/aws/aws-sdk-go-v2/service/sfn/types"
	"github.com/google/uuid"

	"adcp-orchestrator/pkg/circuit"
	"adcp-orchestrator/pkg/operation"
)

const (
	// bulkheadQuota is the account's concurrency: what a silent agent may hold, and 20 for all others.
	bulkheadQuota = 70
	// submitters is how many clients submit at a time.
	submitters = 8
	// besideFactor bounds how much slower orders may be beside those of a silent agent than alone.
	besideFactor = 1.5
)

// Orders at an agent that accepts connections and never answers do not delay those of a healthy
// agent of the same tenant, nor webhooks, although the account has little concurrency. When the
// agent answers again, each of its orders is bought once. BULKHEADS=full makes two hundred orders
// beside fifty, which takes minutes, and fails if the healthy ones take much longer than alone.
//
// It runs alone, because it limits the account's concurrency and measures time.
func TestBulkheads(t *testing.T) {
	healthy, stuck, full := 16, 70, os.Getenv("BULKHEADS") == "full"
	if full {
		healthy, stuck = 50, 200
	}
	h := newHarness(t, 120)
	agent := h.fickle(t, "fickle", 120)
	for _, known := range []*orders{h.order(t, "fickle", submitters), h.order(t, "seller", submitters)} {
		known.await(t) // from now on functions run
	}
	began, before := time.Now(), len(throttled(t))
	step := func(name string) {
		calls, held, most := agent.counts()
		t.Logf("%5.1f s: %s; %d calls, %d held, %d at most, %d throttled", time.Since(began).Seconds(), name,
			calls, held, most, len(throttled(t))-before)
	}
	limitConcurrency(t, bulkheadQuota)
	alone := h.order(t, "seller", healthy)
	alone.await(t)
	step("healthy orders alone")

	agent.turn(silent)
	waiting := h.order(t, "fickle", stuck)
	step("submitted to the silent agent")
	agent.awaitHeld(t, min(stuck, circuit.Default.InFlight))
	h.order(t, "seller", submitters).await(t) // warm functions, as before: the held ones have to be replaced
	step("as many calls as may be under way")
	var beside *orders
	h.checkWebhookRoute(t, func() {
		beside = h.order(t, "seller", healthy)
		beside.await(t)
	})
	step("healthy orders beside")
	for _, id := range waiting.ids {
		if op, err := h.store.Get(t.Context(), h.tenant, id); err != nil || op.State.Terminal() {
			t.Errorf("%s at the silent agent is %s, %v", id, op.State, err)
		}
	}
	if _, _, most := agent.counts(); most > circuit.Default.InFlight {
		t.Errorf("the silent agent held %d calls", most)
	}

	agent.turn(answers)
	waiting.await(t)
	step("the agent answers, all orders ended")
	checkAll(t, alone, beside, waiting)
	if beside.slower(alone) { // the emulator is slower with more function processes: it has as many now
		t.Logf("alone at first: median %.2f s, all %.2f s", alone.median().Seconds(), alone.span().Seconds())
		alone = h.order(t, "seller", healthy)
		alone.await(t)
		step("healthy orders alone again")
	}
	t.Logf("%d orders at a healthy agent, alone and beside %d at a silent one: "+
		"median %.2f and %.2f s, all %.2f and %.2f s", healthy, stuck,
		alone.median().Seconds(), beside.median().Seconds(), alone.span().Seconds(), beside.span().Seconds())
	if full && beside.slower(alone) { // a machine that does other things as well has no say
		t.Errorf("beside a silent agent, orders take more than %.1f times as long", besideFactor)
	}
}

// orders are operations that were submitted together.
type orders struct {
	*harness
	ids   []string
	ended []operation.Record
}

// order submits n buys, as many clients do at once.
func (h *harness) order(t *testing.T, agent string, n int) *orders {
	t.Helper()
	o := &orders{harness: h, ids: make([]string, n)}
	next := make(chan int)
	var clients sync.WaitGroup
	for range submitters {
		clients.Go(func() {
			for i := range next {
				op, err := h.submitUntilAnswered(t.Context(), agent, uuid.NewString(), newBuy(map[string]any{"delay_ms": 300}))
				if err != nil {
					t.Error(err)
				}
				o.ids[i] = op.ID
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	clients.Wait()
	return o
}

// await waits until the orders have ended and their ends are published. It reads the table: the
// stack has enough to do.
func (o *orders) await(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for _, id := range o.ids {
		var r operation.Record
		for {
			got, err := o.store.Load(ctx, o.tenant, id)
			if err == nil {
				r = got
			}
			if err == nil && !r.Op.PublishedAt.IsZero() {
				o.ended = append(o.ended, r)
				break
			}
			select {
			case <-tick.C:
			case <-ctx.Done():
				t.Fatalf("after %d of %d: %s is %s, waits %+v, %v: %+v", len(o.ended), len(o.ids), id, r.Op.State,
					r.Op.Admission, err, r.Events)
			}
		}
	}
}

// endOf returns the index of the event that ended an operation.
func endOf(r operation.Record) int {
	return slices.IndexFunc(r.Events, func(e operation.Event) bool { return e.To.Terminal() })
}

// median returns how long an order took from its submission to its end.
func (o *orders) median() time.Duration {
	var all []time.Duration
	for _, r := range o.ended {
		all = append(all, r.Events[endOf(r)].At.Sub(r.Op.CreatedAt))
	}
	slices.Sort(all)
	return all[len(all)/2]
}

// span returns how long it took from the first submission to the last end.
func (o *orders) span() time.Duration {
	first, last := o.ended[0].Op.CreatedAt, time.Time{}
	for _, r := range o.ended {
		if r.Op.CreatedAt.Before(first) {
			first = r.Op.CreatedAt
		}
		if at := r.Events[endOf(r)].At; at.After(last) {
			last = at
		}
	}
	return last.Sub(first)
}

// slower reports whether the orders took much longer than others that were made alone.
func (o *orders) slower(alone *orders) bool {
	return o.median().Seconds() > besideFactor*alone.median().Seconds() ||
		o.span().Seconds() > besideFactor*alone.span().Seconds()
}

// checkAll checks that each order has completed by its webhook, that the seller sold it once, and
// that none of the executions died.
func checkAll(t *testing.T, all ...*orders) {
	t.Helper()
	ledger, machine, ids := readLedger(t), env(t, "STATE_MACHINE_ARN"), map[string]bool{}
	for _, r := range slices.Concat(all[0].ended, all[1].ended, all[2].ended) {
		ids[r.Op.ID] = true
		last := r.Events[endOf(r)]
		if _, buys := ledger.count(r.Op.PONumber); r.Op.State != operation.Completed || buys != 1 ||
			last.Channel != operation.ByWebhook || r.Op.Generation != 1 {
			t.Errorf("%s is %s by %s in its execution %d, with %d buys: %+v", r.Op.ID, r.Op.State, last.Channel,
				r.Op.Generation, buys, r.Events)
		}
	}
	for _, status := range []sfntypes.ExecutionStatus{sfntypes.ExecutionStatusFailed, sfntypes.ExecutionStatusTimedOut,
		sfntypes.ExecutionStatusAborted} {
		pages := sfn.NewListExecutionsPaginator(all[0].sfn, &sfn.ListExecutionsInput{StateMachineArn: &machine,
			StatusFilter: status})
		for pages.HasMorePages() {
			page, err := pages.NextPage(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range page.Executions {
				if id, _, _ := strings.Cut(*e.Name, "-"); ids[id] {
					t.Errorf("execution %s is %s", *e.Name, status)
				}
			}
		}
	}
}

// awaitHeld waits until the agent holds n calls.
func (a *fickleAgent) awaitHeld(t *testing.T, n int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		_, held, _ := a.counts()
		if held >= n {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("the agent holds %d calls, want %d", held, n)
		}
	}
}

// checkWebhookRoute sends a webhook that nobody awaits every second while f runs. Each must be
// refused at once: honest ones are answered by the same function.
func (h *harness) checkWebhookRoute(t *testing.T, f func()) {
	t.Helper()
	done, checked := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(checked)
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for {
			began := time.Now()
			resp, _, err := h.Do(t.Context(), http.MethodPost, "/v1/webhooks/"+strings.Repeat("x", 43), nil, "junk")
			if err != nil || resp.StatusCode != http.StatusNotFound || time.Since(began) > 3*time.Second {
				t.Errorf("a junk webhook was answered after %s: %+v, %v", time.Since(began), resp, err)
			}
			select {
			case <-tick.C:
			case <-done:
				return
			}
		}
	}()
	f()
	close(done)
	<-checked
}
