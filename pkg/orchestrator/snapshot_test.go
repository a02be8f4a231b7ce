package orchestrator_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/digest"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/orchestrator"
	"adcp-orchestrator/pkg/registry"
)

// buySeller sells one buy at once, and shows it as buy says: a JSON object, or "" for none. fails
// makes questions fail. empty lists show nothing else either.
type buySeller struct {
	noTool bool
	buy    string
	fails  error
	code   string // of an AdCP error that answers a question by id
	asked  []string
	during func()
	sold   int
}

func (s *buySeller) Discover(context.Context, registry.Agent) (registry.Profile, error) {
	p := buyProfile()
	if !s.noTool {
		p.Tasks = append(p.Tasks, "get_media_buys")
	}
	return p, nil
}

func (s *buySeller) Call(_ context.Context, _ registry.Agent, tool string, arguments json.RawMessage) (
	adcp.Response, error) {
	if tool == "create_media_buy" {
		s.sold++
		return answerWith(`{"status":"completed","media_buy_id":"mb_1","packages":[]}`), nil
	}
	s.asked = append(s.asked, string(arguments))
	shown := s.buy
	if s.during != nil { // the answer is older than what happens meanwhile
		s.during()
	}
	if s.fails != nil {
		return adcp.Response{}, s.fails
	}
	byID := strings.Contains(string(arguments), "media_buy_ids")
	if byID && s.code != "" {
		return errorWith(s.code, ""), nil
	}
	const other = `{"media_buy_id":"mb_other","status":"active","confirmed_at":"2026-11-01T00:00:00Z"}`
	list := other
	if shown != "" {
		list += "," + shown
	}
	return answerWith(`{"status":"completed","media_buys":[` + list + `],"pagination":{"has_more":false}}`), nil
}

// soldHarness is a buy that was sold and settled: nothing is left to do.
func soldHarness(t *testing.T, s *buySeller) *harness {
	t.Helper()
	h := newHarnessWith(t, s, buySubmission)
	h.dispatch()
	h.runSettle(h.keeping(h.store))
	if op := h.op(); op.State != operation.Completed || !op.LooksAt().IsZero() {
		t.Fatalf("%s, due %v", op.State, op.LooksAt())
	}
	h.workflow.status[execution(h.id, 1)] = orchestrator.ExecutionOver
	return h
}

// tell delivers news of the buy.
func (h *harness) tell(key, result string) orchestrator.ReceiveResult {
	h.t.Helper()
	op := h.op()
	op.Webhook.TokenHash = digest.Hex("push")
	r := orchestrator.Receive{Store: h.store, Workflow: h.workflow, Deps: h.deps}
	got, err := r.Run(h.t.Context(), op, adcp.Webhook{OperationID: op.ID, Token: "push", IdempotencyKey: key,
		TaskID: "news_" + key, TaskType: string(op.Type), Status: adcp.StatusWorking, Result: []byte(result)}, key)
	if err != nil || got.Verdict != operation.News {
		h.t.Fatalf("%s, %v", got.Verdict, err)
	}
	return got
}

// sweepAndRun does what the reconciler and the execution that it starts do, until the execution
// ends. It returns how many executions ran.
func (h *harness) sweepAndRun() (ran int) {
	h.t.Helper()
	before := h.op().Generation
	h.at = h.at.Add(time.Second)
	h.reconcile()
	if h.op().Generation == before {
		return 0
	}
	next := h.dispatch().Next
	for n := 0; next == operation.NextPoll; n++ {
		if n == 5 {
			h.t.Fatal("the execution does not end")
		}
		next = h.poll().Next
	}
	if next != operation.NextSettle {
		h.t.Fatalf("the execution goes on to %s", next)
	}
	h.runSettle(h.keeping(h.store))
	h.workflow.status[execution(h.id, h.op().Generation)] = orchestrator.ExecutionOver
	return 1
}

const (
	impairmentOfBuy = `{"notification_type":"impairment","media_buy_id":"mb_1","health":"impaired"}`
	impairedBuy     = `{"media_buy_id":"mb_1","status":"active","health":"impaired","revision":3,` +
		`"confirmed_at":"2026-11-23T12:00:00Z","impairments":[{"impairment_id":"imp_1"},{"impairment_id":"a sentence!"}]}`
)

// What is true of a buy is what get_media_buys shows (contract G13): news leads to one read.
func TestNewsOfASettledBuyHasTheBuyReadOnce(t *testing.T) {
	t.Parallel()
	s := &buySeller{buy: impairedBuy}
	h := soldHarness(t, s)
	ended := h.op()
	for n := range 7 {
		h.tell(fmt.Sprint("k", n), impairmentOfBuy)
	}
	if ran := h.sweepAndRun(); ran != 1 || len(s.asked) != 1 ||
		!strings.Contains(s.asked[0], `"media_buy_ids":["mb_1"]`) ||
		!strings.Contains(s.asked[0], `"account":{"account_id":"a"}`) {
		t.Fatalf("%d executions, asked %v", ran, s.asked)
	}
	r, err := h.store.Load(t.Context(), "acme", h.id)
	op := r.Op
	if err != nil || op.State != operation.Completed || op.Attention != nil || !op.LooksAt().IsZero() || s.sold != 1 ||
		!op.PublishedAt.Equal(ended.PublishedAt) || op.Publication != ended.Publication {
		t.Errorf("%s, attention %+v, due %v, published %v, sold %d",
			op.State, op.Attention, op.LooksAt(), op.PublishedAt, s.sold)
	}
	facts := op.News.Snapshot.Facts
	if facts.Status != "active" || facts.Health != "impaired" || facts.Revision != 3 || facts.Impaired != 2 ||
		len(facts.Impairments) != 1 || facts.Impairments[0] != "imp_1" {
		t.Errorf("the buy is %+v", facts)
	}
	kinds := map[operation.EventKind]int{}
	for _, e := range r.Events {
		kinds[e.Kind]++
	}
	if kinds[operation.EventNews] != 1 || kinds[operation.EventSnapshot] != 1 || kinds[operation.EventRestarted] != 0 {
		t.Errorf("the timeline has %v", kinds)
	}
	h.at = h.at.Add(48 * time.Hour)
	if ran := h.sweepAndRun(); ran != 0 || len(s.asked) != 1 {
		t.Errorf("without news: %d executions, asked %d times", ran, len(s.asked))
	}
}

// An hour of news every minute costs a read every five minutes, and the same answer no event.
func TestReadsOfAChattyBuyAreCoalesced(t *testing.T) {
	t.Parallel()
	s := &buySeller{buy: impairedBuy}
	h := soldHarness(t, s)
	end := h.at.Add(time.Hour)
	for n := 0; h.at.Before(end); n++ {
		h.tell(fmt.Sprint("k", n), strings.Replace(impairmentOfBuy, `"health"`, fmt.Sprintf(`"n":%d,"health"`, n), 1))
		h.at = h.at.Add(time.Minute)
		h.sweepAndRun()
	}
	r, err := h.store.Load(t.Context(), "acme", h.id)
	if err != nil || len(s.asked) > 13 || len(s.asked) < 8 || len(r.Events) > 10 {
		t.Errorf("asked %d times, %d events, %v", len(s.asked), len(r.Events), err)
	}
}

// A read that fails is tried again, later each time, and not for ever. The news stands alone then.
func TestAReadOfTheBuyThatFailsIsTriedAgainAndThenGivenUp(t *testing.T) {
	t.Parallel()
	down := &adcp.CallError{Outcome: adcp.Ambiguous}
	for failures, want := range map[int]string{3: "active", 100: ""} {
		s := &buySeller{buy: impairedBuy, fails: down}
		h := soldHarness(t, s)
		h.tell("k", impairmentOfBuy)
		ran := 0
		for range 4 * 24 * 60 {
			if len(s.asked) == failures {
				s.fails = nil
			}
			ran += h.sweepAndRun()
			h.at = h.at.Add(time.Minute)
		}
		op, got := h.op(), ""
		if op.News.Snapshot != nil {
			got = op.News.Snapshot.Facts.Status
		}
		if got != want || ran > 12 || len(s.asked) > 12 || op.Attention != nil || !op.LooksAt().IsZero() {
			t.Errorf("%d failures: %q after %d executions and %d questions, attention %+v, due %v",
				failures, got, ran, len(s.asked), op.Attention, op.LooksAt())
		}
		if want == "" { // news asks again
			h.tell("k2", impairmentOfBuy)
			if h.sweepAndRun(); h.op().News.Read.Failures != 1 {
				t.Errorf("after more news: %+v", h.op().News.Read)
			}
		}
	}
}

// An agent without the tool is not asked: the event stands alone, and nothing is left to do.
func TestABuyThatCantBeReadCostsNothingMore(t *testing.T) {
	t.Parallel()
	s := &buySeller{noTool: true}
	h := soldHarness(t, s)
	h.tell("k", impairmentOfBuy)
	h.sweepAndRun()
	if op := h.op(); len(s.asked) != 0 || !op.LooksAt().IsZero() || op.News.Read.Due || op.Attention != nil {
		t.Errorf("asked %v, due %v, %+v", s.asked, op.LooksAt(), op.News.Read)
	}
}

// News that comes while the buy is read may be newer than the answer.
func TestNewsDuringAReadHasTheBuyReadAgain(t *testing.T) {
	t.Parallel()
	s := &buySeller{buy: impairedBuy}
	h := soldHarness(t, s)
	h.tell("k", impairmentOfBuy)
	s.during = func() {
		s.during = nil
		h.tell("k2", `{"media_buy_id":"mb_1","media_buy_status":"canceled"}`)
		s.buy = strings.Replace(impairedBuy, "active", "canceled", 1)
	}
	h.sweepAndRun()
	h.at = h.at.Add(10 * time.Minute)
	h.sweepAndRun()
	if op := h.op(); op.News.Snapshot.Facts.Status != "canceled" || !op.LooksAt().IsZero() || op.Attention != nil {
		t.Errorf("the buy is %+v, due %v, attention %+v", op.News.Snapshot, op.LooksAt(), op.Attention)
	}
}

// Of two reads at once one decides, and both count: in what the operation shows and in its tally.
func TestTwoReadsOfABuyAtOnceBothCount(t *testing.T) {
	t.Parallel()
	for name, fails := range map[string]error{"answered": nil, "one failed": &adcp.CallError{Outcome: adcp.Ambiguous}} {
		s := &buySeller{buy: impairedBuy}
		h := soldHarness(t, s)
		before := h.op().Tally
		h.tell("k", impairmentOfBuy)
		s.during = func() { // the second is faster; the first gets its answer then
			s.during = nil
			h.poll()
			s.fails = fails
		}
		h.sweepAndRun()
		op := h.op()
		used, failed := op.Tally.Since(before), int64(0)
		if fails != nil {
			failed = 1
		}
		if used.Answers != 2-failed || used.Errors != failed || used.Polls != 2 || op.Attempts.BuyReads != 2 ||
			op.Attempts.BuyReadErrors != int(failed) || op.News.Read.Done != 1 || op.News.Read.Due {
			t.Errorf("%s: %+v, %+v, %+v", name, used, op.Attempts, op.News.Read)
		}
	}
}

// A read that waits for room asks the agent nothing: it counts as no call.
func TestAReadThatIsNotMadeDoesNotCount(t *testing.T) {
	t.Parallel()
	h := soldHarness(t, &buySeller{buy: impairedBuy})
	before := h.op().Tally
	h.tell("k", impairmentOfBuy)
	h.brake(true)
	h.sweepAndRun()
	op := h.op()
	if used := op.Tally.Since(before); used.UsedSince(operation.Tally{}) || op.Attempts.BuyReads != 0 ||
		op.News.Read.Failures != 1 {
		t.Errorf("%+v, %+v, %+v", used, op.Attempts, op.News.Read)
	}
}

// contract F91: a buy that was canceled later, or is over and not listed any more, lives its life.
// An agent contradicts itself if it shows that the buy never was.
func TestOnlyASnapshotThatDeniesTheBuyIsAClash(t *testing.T) {
	t.Parallel()
	const confirmed = `"confirmed_at":"2026-11-23T12:00:00Z"`
	buy := func(status, confirmed string) string {
		return fmt.Sprintf(`{"media_buy_id":"mb_1","status":%q,%s}`, status, confirmed)
	}
	for name, tc := range map[string]struct {
		seller *buySeller
		news   string
		want   operation.Reason
	}{
		"active":                       {&buySeller{buy: buy("active", confirmed)}, impairmentOfBuy, ""},
		"canceled, as told":            {&buySeller{buy: buy("canceled", confirmed)}, `{"media_buy_status":"canceled"}`, ""},
		"canceled, silently":           {&buySeller{buy: buy("canceled", confirmed)}, impairmentOfBuy, ""},
		"rejected after it was agreed": {&buySeller{buy: buy("rejected", confirmed)}, impairmentOfBuy, ""},
		"rejected, as told": {
			&buySeller{buy: buy("rejected", `"confirmed_at":null`)}, `{"media_buy_status":"rejected"}`, "",
		},
		"rejected from the start": {
			&buySeller{buy: buy("rejected", `"confirmed_at":null`)}, impairmentOfBuy, operation.ProtocolClash,
		},
		"not there":                {&buySeller{}, impairmentOfBuy, operation.ProtocolClash},
		"not there, says an error": {&buySeller{code: "MEDIA_BUY_NOT_FOUND"}, impairmentOfBuy, operation.ProtocolClash},
		"over, and not there":      {&buySeller{}, `{"media_buy_status":"canceled"}`, ""},
		"shown only among all others": {
			&buySeller{code: "MEDIA_BUY_NOT_FOUND", buy: buy("paused", confirmed)}, impairmentOfBuy, "",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := soldHarness(t, tc.seller)
			h.tell("k", tc.news)
			h.sweepAndRun()
			if op := h.op(); h.attention() != tc.want || op.State != operation.Completed || op.News.Read.Due {
				t.Errorf("attention %+v, %s, %+v", op.Attention, op.State, op.News.Read)
			}
		})
	}
}

// The end of a task and news of its buy may cross: the buy is read when the end is published.
func TestNewsBeforeTheEndHasTheBuyReadAfterIt(t *testing.T) {
	t.Parallel()
	s := &buySeller{buy: impairedBuy}
	h := newHarnessWith(t, s, buySubmission)
	h.tell("k", impairmentOfBuy)
	if op := h.op(); op.State != operation.Requested || op.News.Kept != 1 {
		t.Fatalf("%s, %+v", op.State, op.News)
	}
	h.dispatch()
	h.runSettle(h.keeping(h.store))
	h.workflow.status[execution(h.id, 1)] = orchestrator.ExecutionOver
	if ran := h.sweepAndRun(); ran != 1 || h.op().News.Snapshot == nil || !looksAt(h).IsZero() {
		t.Errorf("%d executions, %+v, due %v", ran, h.op().News, looksAt(h))
	}
}

// A person's redrive reads the buy at once, while its read waits for the next try.
func TestRedriveReadsABuyWhoseReadWaits(t *testing.T) {
	t.Parallel()
	s := &buySeller{buy: impairedBuy, fails: &adcp.CallError{Outcome: adcp.Ambiguous}}
	h := soldHarness(t, s)
	h.tell("k", impairmentOfBuy)
	for range 4 {
		h.at = h.at.Add(time.Hour)
		h.sweepAndRun()
	}
	s.fails = nil
	redrive := orchestrator.Redrive{Store: h.store, Workflow: h.workflow, Breaker: h.breaker, Deps: h.deps}
	_, got, err := redrive.Run(t.Context(), "acme", h.id, orchestrator.Act{})
	if err != nil || got != orchestrator.ExecutionRestarted {
		t.Fatalf("%s, %v", got, err)
	}
	if h.dispatch().Next != operation.NextPoll || h.poll().Next != operation.NextSettle || h.op().News.Snapshot == nil {
		t.Errorf("not read: %+v", h.op().News)
	}
	if _, got, err = redrive.Run(t.Context(), "acme", h.id, orchestrator.Act{}); err != nil ||
		got != orchestrator.ExecutionSettled {
		t.Errorf("once more: %s, %v", got, err)
	}
}

func looksAt(h *harness) time.Time {
	op := h.op()
	return op.LooksAt()
}
