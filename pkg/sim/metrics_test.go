package sim

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/metrics"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/registry"
)

// recount counts operations anew, from what the API shows of each: its timeline and its reads of
// the buy. Of one that is open, what comes after the last notice is not counted yet.
func recount(w *World, records ...operation.Record) map[metrics.Counter]int64 {
	n := map[metrics.Counter]int64{}
	for _, r := range records {
		told := lastTold(w, r.Op)
		if told == "" {
			continue
		}
		n[metrics.Created]++
		n[metrics.Deadlines]++
		for _, e := range r.Events {
			if r.Op.State.Terminal() || fmt.Sprintf("%010d", e.Seq) <= told {
				recountEvent(n, r.Op, e)
			}
		}
		n[metrics.Errors] += int64(r.Op.Attempts.BuyReadErrors)
		n[metrics.Answers] += int64(r.Op.Attempts.BuyReads - r.Op.Attempts.BuyReadErrors)
	}
	maps.DeleteFunc(n, func(_ metrics.Counter, n int64) bool { return n == 0 })
	return n
}

// lastTold is the sequence of the last notice of an operation, "" if it has none.
func lastTold(w *World, op operation.Operation) (sequence string) {
	told, _ := w.Store.Notices(op.Tenant, op.ID)
	for _, n := range told {
		sequence = max(sequence, n.Sequence)
	}
	return sequence
}

func recountEvent(n map[metrics.Counter]int64, op operation.Operation, e operation.Event) {
	if e.Kind == operation.EventConflict {
		n[metrics.Conflicts]++
	}
	switch {
	case e.Channel != operation.ByAnswer && e.Channel != operation.ByPoll:
	case e.Kind == operation.EventNoAnswer:
		n[metrics.Errors]++
	case slices.Contains([]operation.EventKind{operation.EventChanged, operation.EventSeen, operation.EventIgnored,
		operation.EventConflict}, e.Kind):
		n[metrics.Answers]++
	}
	if e.To.Terminal() && !e.From.Terminal() {
		n[metrics.Counter(e.To)]++
		if won := metrics.Counter("won_" + e.Channel); e.Channel != operation.ByOrchestrator {
			n[won]++
		}
		if e.At.Before(op.Deadline) {
			n[metrics.Kept]++
		}
	}
}

// counted are the counters of a tenant, without those of how long approvals took.
func counted(t *testing.T, w *World, tenant, dimension string) map[metrics.Counter]int64 {
	t.Helper()
	sums, err := w.Store.Sums(t.Context(), tenant, dimension, epoch.Add(-24*time.Hour), epoch.Add(400*24*time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	n := map[metrics.Counter]int64{}
	for _, s := range sums {
		for c, more := range s.Add {
			n[c] += more
		}
	}
	maps.DeleteFunc(n, func(c metrics.Counter, _ int64) bool { return strings.HasPrefix(string(c), "approval") })
	return n
}

// metricsProblems are where the counters of a tenant differ from the recount of its operations.
func metricsProblems(t *testing.T, w *World, tenant string, records ...operation.Record) (problems []string) {
	t.Helper()
	want := recount(w, records...)
	for _, dimension := range []string{metrics.All, metrics.ByType, metrics.ByAgent} {
		if got := counted(t, w, tenant, dimension); !maps.Equal(got, want) {
			problems = append(problems, fmt.Sprintf("by %s is counted %v, recounted %v", dimension, got, want))
		}
	}
	return problems
}

// tardy lets time go by before the answers of some tools arrive. Webhooks come meanwhile.
type tardy struct {
	*Seller
	w     *World
	after map[string]time.Duration
}

func (c tardy) Call(ctx context.Context, a registry.Agent, tool string, arguments json.RawMessage) (
	adcp.Response, error) {
	r, err := c.Seller.Call(ctx, a, tool, arguments)
	c.w.elapse(ctx, c.after[tool])
	return r, err
}

// Discover implements registry.Caller.
func (c tardy) Discover(ctx context.Context, a registry.Agent) (registry.Profile, error) {
	p, err := c.Seller.Discover(ctx, a)
	c.w.elapse(ctx, c.after["tools/list"])
	return p, err
}

// fails is a seller whose calls of a tool fail from the nth on, until the last.
func fails(s *Seller, tool string, first, last int) *Seller {
	s.Fail = func(called string, n int) (before, after error) {
		if called == tool && n >= first && n <= last {
			return nil, Lost
		}
		return nil, nil
	}
	return s
}

// afterTheEnd is a seller whose end comes by webhook, and something else after it.
type afterTheEnd struct {
	seller func() *Seller
	after  map[string]time.Duration
	// news is whether its buy is canceled later, so that it is read.
	news bool
	// answers, errors and conflicts are what is to be counted.
	answers, errors, conflicts int64
}

var afterEnds = map[string]afterTheEnd{
	"a call's answer": {func() *Seller { return &Seller{Webhook: true, Duration: 10 * time.Second} },
		map[string]time.Duration{buy: 20 * time.Second}, false, 1, 0, 0},
	"a call without an answer": {
		func() *Seller { return fails(&Seller{Webhook: true, Duration: 10 * time.Second}, buy, 1, 1) },
		map[string]time.Duration{buy: 20 * time.Second}, false, 0, 1, 0},
	"a poll's answer": {func() *Seller { return &Seller{Webhook: true, Duration: 40 * time.Second} },
		map[string]time.Duration{"get_task_status": 20 * time.Second}, false, 2, 0, 0},
	"a poll without an answer": {
		func() *Seller {
			return fails(&Seller{Webhook: true, Duration: 40 * time.Second}, "get_task_status", 1, 1)
		},
		map[string]time.Duration{"get_task_status": 20 * time.Second}, false, 1, 1, 0},
	"a read of the buy":          {sells, nil, true, 2, 0, 0},
	"reads of the buy that fail": {func() *Seller { return fails(sells(), "get_media_buys", 1, 3) }, nil, true, 2, 3, 0},
	"reads that are given up": {
		func() *Seller { return fails(sells(), "get_media_buys", 1, 1000) }, nil, true, 1, 8, 0,
	},
	"an answer, and reads of the buy": {func() *Seller { return fails(sells(), "get_media_buys", 1, 2) },
		map[string]time.Duration{buy: 20 * time.Second}, true, 2, 2, 0},
}

func (a afterTheEnd) play(t *testing.T, c *Crash) (*World, operation.Record) {
	t.Helper()
	s := a.seller()
	w := New(definition(t), s, c)
	w.Caller = tardy{s, w, a.after}
	op, err := w.Submit(t.Context(), Tenant, "key", "po-1")
	if err != nil {
		t.Fatal(err)
	}
	if a.news {
		w.Plan(epoch.Add(time.Hour), func() {
			for _, b := range s.tasks {
				b.buyStatus, b.buyAt = "canceled", w.now
				s.tell(b, "whk_the_cancellation", "news-1", "canceled", fmt.Sprintf(`{"media_buy_id":%q}`, "mb_"+b.id))
			}
		})
	}
	if err := w.Run(t.Context(), 7*24*time.Hour); err != nil {
		t.Fatal(err)
	}
	r, err := w.Store.Load(t.Context(), Tenant, op.ID)
	if err != nil {
		t.Fatal(err)
	}
	return w, r
}

// What comes after the end is counted once: the outcomes of all calls that the seller got.
func TestMetricsEqualARecountOfWhatComesAfterTheEnd(t *testing.T) {
	t.Parallel()
	for name, a := range afterEnds {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, r := a.play(t, &Crash{})
			checkEnded(t, w, r, operation.Completed)
			n := counted(t, w, Tenant, metrics.All)
			if n[metrics.Answers] != a.answers || n[metrics.Errors] != a.errors || n[metrics.Conflicts] != a.conflicts ||
				n[metrics.WonByWebhook] != 1 {
				t.Errorf("counted %v, want %d answers, %d errors, %d conflicts: %+v", n, a.answers, a.errors, a.conflicts,
					r.Events)
			}
			calls := 0
			for _, tool := range []string{buy, "get_task_status", "get_media_buys"} {
				calls += w.Seller.Calls[tool]
			}
			if int64(calls) != a.answers+a.errors {
				t.Errorf("%d calls, and %d outcomes: %v", calls, a.answers+a.errors, w.Seller.Calls)
			}
		})
	}
}

// Whatever process dies just before or just after any of its effects: what is on the timeline is
// counted, and once.
func TestMetricsEqualARecountWhateverIsKilled(t *testing.T) {
	t.Parallel()
	for name, a := range afterEnds {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			points := 0
			for _, before := range []bool{true, false} {
				for at := 1; ; at++ {
					c := &Crash{At: at, Before: before}
					w, r := a.play(t, c)
					if c.KilledAt == "" {
						break
					}
					points++
					checkEnded(t, w, r, operation.Completed)
					if t.Failed() {
						t.Fatalf("killed %s (effect %d): %+v", c.KilledAt, at, r.Events)
					}
				}
			}
			if points < 20 {
				t.Errorf("only %d points to be killed at", points)
			}
		})
	}
}
