package sim

import (
	"fmt"
	"testing"
	"time"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/operation"
)

// sells is a seller whose buy is done after ten seconds.
func sells() *Seller { return &Seller{Webhook: true, ListsBuys: true, Duration: 10 * time.Second} }

// playNews lets a seller tell of its buy a while after the purchase: first an impairment, then that
// it has canceled the buy.
func playNews(t *testing.T, s *Seller, c *Crash, impaired, canceled time.Duration) (*World, operation.Record) {
	t.Helper()
	w := New(definition(t), s, c)
	op, err := w.Submit(t.Context(), Tenant, "key", "po-1")
	if err != nil {
		t.Fatal(err)
	}
	tell := func(after time.Duration, key, status, result string, do func(*task)) {
		w.Plan(epoch.Add(after), func() {
			for _, bought := range s.tasks {
				do(bought)
				s.tell(bought, key, "news-"+key, status, fmt.Sprintf(result, "mb_"+bought.id))
			}
		})
	}
	tell(impaired, "whk_the_impairment", "working",
		`{"notification_type":"impairment","media_buy_id":%q,"health":"impaired"}`, func(*task) {})
	tell(canceled, "whk_the_cancellation", "canceled", `{"media_buy_id":%q}`,
		func(b *task) { b.buyStatus, b.buyAt = "canceled", w.now })
	if err := w.Run(t.Context(), 48*time.Hour); err != nil {
		t.Fatal(err)
	}
	r, err := w.Store.Load(t.Context(), Tenant, op.ID)
	if err != nil {
		t.Fatal(err)
	}
	return w, r
}

// checkTold checks that the news was kept and read, and left the operation as it was.
func checkTold(t *testing.T, w *World, r operation.Record) {
	t.Helper()
	checkEnded(t, w, r, operation.Completed)
	n := r.Op.News
	if n.Kept != 2 || n.Snapshot == nil || n.Snapshot.Facts.Status != "canceled" || n.Read.Due || r.Op.Attention != nil {
		t.Errorf("news %+v, shown as %+v, attention %+v", n, n.Snapshot, r.Op.Attention)
	}
	for name, e := range w.executions {
		if done, err := e.Done(); !done || err != nil {
			t.Errorf("the execution %s is not over: %v", name, err)
		}
	}
}

// News that comes as the operation ends, before it is settled, or a day later, and whatever process
// dies just before or just after any of its effects: it is kept once, and the buy is read.
func TestNewsOfABuyIsKeptAndReadWhateverIsKilled(t *testing.T) {
	t.Parallel()
	for name, at := range map[string][2]time.Duration{
		"a day later":      {24 * time.Hour, 26 * time.Hour},
		"at the end":       {10 * time.Second, 10*time.Second + time.Millisecond},
		"before and after": {5 * time.Second, time.Minute},
		"at once":          {24 * time.Hour, 24 * time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			points := 0
			for _, before := range []bool{true, false} {
				for n := 0; ; n++ { // 0 kills nothing
					c := &Crash{At: n, Before: before}
					w, r := playNews(t, sells(), c, at[0], at[1])
					if n > 0 && c.KilledAt == "" {
						break
					}
					points++
					checkTold(t, w, r)
					if len(w.executions) > 6 {
						t.Errorf("%d executions", len(w.executions))
					}
					if t.Failed() {
						t.Fatalf("killed %s (effect %d): %+v", c.KilledAt, n, r.Events)
					}
				}
			}
			if points < 20 {
				t.Errorf("only %d points to be killed at", points)
			}
		})
	}
}

// An agent that is away when there is news of its buy is asked again, less and less often.
func TestABuyOfAnAgentThatIsAwayIsReadWhenItIsBack(t *testing.T) {
	t.Parallel()
	s := sells()
	s.Fail = func(tool string, call int) (before, after error) {
		if tool == "get_media_buys" && call <= 4 {
			return &adcp.CallError{Outcome: adcp.Unsent}, nil
		}
		return nil, nil
	}
	w, r := playNews(t, s, &Crash{}, time.Hour, 2*time.Hour)
	checkTold(t, w, r)
	if n := s.Calls["get_media_buys"]; n < 5 || n > 8 {
		t.Errorf("asked %d times", n)
	}
}
