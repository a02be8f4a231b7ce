package sim

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/notice"
	"adcp-orchestrator/pkg/operation"
)

// What one operation may cost at most: the calls of a day and a half's back-off with a few of our
// own faults each, and the polls of weeks.
const (
	maxCalls = 60
	maxPolls = 600
)

// maxEvents is Step Functions' limit of an execution's history.
const maxEvents = 25000

// check checks what has to be true of every world at its end.
func (s *simulation) check(t *testing.T) {
	t.Helper()
	ordered, limits := map[purchase]int{}, map[string]int{
		"create_media_buy": maxCalls, "buy_products": maxCalls, "accept_proposal": maxCalls, "tools/list": maxPolls,
		// A question is repeated without what the seller refuses, and tasks are searched for twice.
		"get_task_status": 2 * maxPolls, "get_media_buys": 2 * maxPolls, "list_tasks": 4 * maxPolls,
	}
	records := map[string][]operation.Record{}
	for id, p := range s.operations {
		ordered[p]++
		r, err := s.w.Store.Load(t.Context(), p.tenant, id)
		if err != nil {
			t.Fatal(err)
		}
		records[p.tenant] = append(records[p.tenant], r)
		s.checkOperation(r)
		for tool, limit := range limits {
			if n := s.calls[tool+" "+id]; n > limit {
				s.violated("%s: %d calls of %s", id, n, tool)
			}
		}
	}
	for tenant, all := range records {
		for _, problem := range metricsProblems(t, s.w, tenant, all...) {
			s.violated("%s: %s", tenant, problem)
		}
	}
	for p, n := range s.bought() {
		if n > ordered[p] {
			s.violated("%s: ordered %d times, bought %d times", p, ordered[p], n)
		}
	}
	for name, e := range s.w.executions {
		if e.Events >= maxEvents {
			s.violated("%s: %d events", name, e.Events)
		}
	}
}

// bought counts what the sellers have bought, and checks that no key has bought twice.
func (s *simulation) bought() map[purchase]int {
	bought := map[purchase]int{}
	for tenant, seller := range map[string]*Seller{Tenant: s.w.Seller, SecondTenant: s.w.SecondSeller} {
		if seller == nil {
			continue
		}
		for _, task := range seller.tasks {
			if task.approved {
				bought[purchase{tenant, task.account, task.po}]++
			}
		}
		for key, n := range seller.Purchases {
			if n > 1 {
				s.violated("key %.8s: bought %d times", key, n)
			}
		}
	}
	return bought
}

// checkOperation checks one operation at the end of its world.
func (s *simulation) checkOperation(r operation.Record) {
	op, seller := r.Op, s.w.seller(r.Op.Tenant)
	for _, problem := range noticeProblems(s.w, r) {
		s.violated("%s: %s", op.ID, problem)
	}
	published := s.w.Published[notice.EndID(op.ID)]
	if (published > 0) != op.State.Terminal() || published > 1 && s.deathRate+s.writeRate == 0 {
		s.violated("%s: %s, published %d times", op.ID, op.State, published)
	}
	if a := op.Attention; op.State.Terminal() && a != nil && !slices.Contains(endReasons, a.Reason) {
		s.violated("%s: %s, with attention %s, for which nothing can be done", op.ID, op.State, a.Reason)
	}
	if op.State.Terminal() && op.PublishedAt.IsZero() {
		s.violated("%s: %s and not published", op.ID, op.State)
	}
	if problem := expiryProblem(s.w, op); problem != "" {
		s.violated("%s: %s", op.ID, problem)
	}
	for _, problem := range timelineProblems(r) {
		s.violated("%s: %s", op.ID, problem)
	}
	live := 0
	for _, t := range s.tasksOf(op) {
		if t.approved && t.outcome == adcp.StatusCompleted {
			live++
		}
	}
	if live > 1 {
		s.violated("%s: %d live buys", op.ID, live)
	}
	bought := seller.byKey[keyOf(r.Request)]
	if bound := seller.tasks[strings.ReplaceAll(op.TaskID, "sync-", "")]; op.TaskID != "" && bound != bought {
		s.violated("%s: bound to %s, which is not its own", op.ID, op.TaskID)
	}
	switch {
	case op.State.Terminal() && (op.PublishedAt.IsZero() || !op.LooksAt().IsZero()):
		s.violated("%s: %s, and not settled", op.ID, op.State)
	case op.State == operation.Completed:
		s.checkCompleted(r, bought)
	case op.State.Terminal():
		if bought != nil && bought.approved && !sameEnd(op.State, operation.State(bought.outcome)) {
			s.violated("%s: %s, and at the seller it is %s", op.ID, op.State, bought.outcome)
		}
	case op.Attention == nil:
		s.violated("%s: open in %s without attention", op.ID, op.State)
	case bought != nil && bought.approved && op.TaskID == "" && seller.shows(bought, op):
		s.violated("%s: open in %s though the seller shows the buy, attention %+v", op.ID, op.State, *op.Attention)
	case bought != nil && bought.approved && op.TaskID == "" && seller.hidesAll() && !op.NeedsInput() &&
		!s.of(op.ID).saidBlind():
		s.violated("%s: open in %s, and nobody knows that the lists can't show the buy: %+v",
			op.ID, op.State, s.of(op.ID).raised)
	case !s.mayStayOpen(op):
		s.violated("%s: open in %s though the seller knows the end, attention %+v", op.ID, op.State, *op.Attention)
	}
}

// checkCompleted checks that a completed operation has the result of its own purchase.
func (s *simulation) checkCompleted(r operation.Record, bought *task) {
	var result struct {
		ID string `json:"media_buy_id"`
	}
	ok := bought != nil && bought.approved && bought.outcome == adcp.StatusCompleted &&
		bought.account == s.operations[r.Op.ID].account &&
		json.Unmarshal(r.Result, &result) == nil && result.ID == "mb_"+s.w.seller(r.Op.Tenant).prefix+bought.id
	if !ok {
		s.violated("%s: completed with %s, the seller has %+v", r.Op.ID, r.Result, bought)
		return
	}
	s.checkNews(r, bought)
	if r.Op.Terminal.At.Add(maxSkew).Before(bought.done) {
		s.violated("%s: completed at %s, before the seller confirmed the buy", r.Op.ID, r.Op.Terminal.At.Sub(epoch))
	}
}

// shows reports whether a seller's lists show an operation's purchase in a way that proves it.
func (s *Seller) shows(t *task, op operation.Operation) bool {
	buys := s.ListsBuys && (!s.Lists.BuysHideContext || op.MediaBuyID != "")
	tasks := s.Lists.Tasks && t.isListed() && (!s.Lists.TasksHideContext || !s.Lists.IgnoresSearch)
	return buys || tasks
}

// hidesAll reports whether nothing can be found in a seller's lists.
func (s *Seller) hidesAll() bool { return s.ListsBuys && s.Lists.BuysHideContext && !s.Lists.Tasks }

// endReasons are the reasons for which a person should look at an operation that has ended.
var endReasons = []operation.Reason{operation.ProtocolClash, operation.InputCrossed, operation.ResultMissing}

// sameEnd reports whether two ends are the same. A seller may call one refusal failed or rejected.
func sameEnd(a, b operation.State) bool {
	refusal := func(s operation.State) bool { return s == operation.Failed || s == operation.Rejected }
	return a == b || refusal(a) && refusal(b)
}

// timelineProblems compares an operation's events with the table of transitions and with its
// state.
func timelineProblems(r operation.Record) []string {
	var problems []string
	from := operation.Requested
	for _, e := range r.Events {
		if e.From != from || e.From != e.To && !e.From.CanBecome(e.To) {
			problems = append(problems, fmt.Sprintf("the timeline breaks at %+v after %s", e, from))
		}
		from = e.To
	}
	if from != r.Op.State {
		problems = append(problems, fmt.Sprintf("the timeline ends in %s, the operation in %s", from, r.Op.State))
	}
	return problems
}

// mayStayOpen reports whether a person has to look at an open operation: its attempt has an
// unknown outcome and can't be repeated safely, or no channel can show the end of its task.
func (s *simulation) mayStayOpen(op operation.Operation) bool {
	seller, input := s.w.seller(op.Tenant), op.InputRequest.Input
	notRepeatable := seller.NoIdempotency || seller.TTL < s.until.Sub(epoch)+12*time.Hour
	switch {
	case op.NeedsInput() && input.State == operation.InputUnclear: // it was sent, and the way back is gone
		return true
	case op.PendingInput() != 0:
		return input.Call.Stopped || (input.Call.Unclear || input.Call.InFlight) && notRepeatable
	case op.NeedsInput() && op.InputRequest.Continuation == (adcp.Continuation{}):
		return true
	case op.State == operation.CallingAdCP && !op.Call.Stopped:
		return (op.Call.Unclear || op.Call.InFlight) && notRepeatable
	}
	unnamed := op.TaskID == "" // and shown nowhere
	return op.Call.Stopped || unnamed || seller.NoPolling || s.sellers.rememberAt.Sub(s.sellers.forgetAt) > 1000*time.Hour
}

// report prints all that is known about a failed seed.
func (s *simulation) report(t *testing.T, seed uint64) {
	t.Helper()
	var b strings.Builder
	for _, line := range s.violations {
		fmt.Fprintln(&b, "   ", line)
	}
	seller := s.w.Seller
	fmt.Fprintf(&b, "seller: forgetful %v, TTL %v, no polling %v, lists buys %v, webhooks %v\n",
		seller.NoIdempotency, seller.TTL, seller.NoPolling, seller.ListsBuys, seller.Webhook)
	fmt.Fprintf(&b, "request input %v, hide idempotency %v, flap %v, rename rejected %v, forget %v to %v\n",
		s.sellers.requestInput, s.sellers.hideIdempotency, s.sellers.flap, s.sellers.renameRejected,
		s.sellers.forgetAt.Sub(epoch), s.sellers.rememberAt.Sub(epoch))
	fmt.Fprintln(&b, s.traits.describe())
	fmt.Fprintf(&b, "faults until %v:\n", s.until.Sub(epoch))
	for _, line := range s.log[:min(len(s.log), 300)] {
		fmt.Fprintln(&b, line)
	}
	for _, id := range slices.Sorted(maps.Keys(s.operations)) {
		r, _ := s.w.Store.Load(t.Context(), s.operations[id].tenant, id)
		fmt.Fprintf(&b, "%s, %s, task %q:\n", id, s.operations[id], r.Op.TaskID)
		for _, e := range r.Events[:min(len(r.Events), 80)] {
			fmt.Fprintf(&b, "%14s  %3d %s by %s: %s to %s, %s\n",
				e.At.Sub(epoch), e.Seq, e.Kind, e.Channel, e.From, e.To, e.Detail)
		}
	}
	t.Errorf("seed %d; replay with: SEED=%d go test -run TestTransportFaults ./pkg/sim\n%s", seed, seed, b.String())
}
