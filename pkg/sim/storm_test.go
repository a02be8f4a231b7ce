package sim

import (
	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/breaker"
	"adcp-orchestrator/pkg/circuit"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/registry"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// shape is how a task goes.
func (x *weather) shape(s *Seller, t *task) {
	t.outcome = pick(x.rng, adcp.StatusCompleted, adcp.StatusCompleted, adcp.StatusCompleted, adcp.StatusRejected, adcp.StatusFailed, adcp.StatusCanceled)
	t.done = s.now().Add(time.Second + x.upTo(pick(x.rng, time.Second, time.Minute, 10*time.Minute, time.Hour, 24*time.Hour, 10*24*time.Hour)))
	if t.sync = pick(x.rng, true, false, false, false, false); t.sync {
		t.outcome, t.done = adcp.StatusCompleted, s.now()
	}
	if x.pauses && pick(x.rng, true, true, false) {
		t.asks, t.named = 1+x.rng.IntN(3), pick(x.rng, true, false)
		if x.rng.IntN(4) == 0 { // somebody there approves it without us
			x.w.Plan(s.now().Add(x.upTo(pick(x.rng, time.Minute, 24*time.Hour))), func() {
				if !t.approved && !t.dead {
					x.note(t.id, "approved elsewhere")
					s.approve(t)
				}
			})
		}
	}
}

// post is what is sent of a task: its end, and whatever sellers were seen to send beside it, or instead.
func (x *weather) post(s *Seller, t *task, o outgoing) []outgoing {
	named := fmt.Sprintf(`"operation_id":%q,`, t.operation)
	all := []outgoing{o}
	more := func(kind string, o outgoing) {
		x.note("webhooks of "+t.id, kind)
		all = append(all, o)
	}
	if x.happens(x.hooks) { // the end itself
		switch kind := x.note("webhooks of "+t.id, pick(x.rng, "lost", "late", "early", "mute", "without result", "by another's route")); kind {
		case "lost":
			all = nil
		case "late":
			all[0].at = o.at.Add(x.upTo(40 * 24 * time.Hour))
		case "early":
			t.done, all[0].at, all[0].now = x.w.now, x.w.now, true
		case "mute":
			all[0].body = bytes.Replace(o.body, []byte(named), nil, 1)
		case "without result":
			all[0] = t.webhook(o.at, "whk_noresult_"+t.id, named, string(t.outcome), "")
		case "by another's route":
			for _, other := range x.w.sellers() {
				for _, id := range slices.Sorted(maps.Keys(other.tasks)) {
					all[0].url = other.tasks[id].url
				}
			}
		}
	}
	for range 3 {
		if !x.happens(x.hooks / 2) {
			continue
		}
		after := o
		after.at = o.at.Add(x.upTo(pick(x.rng, time.Second, time.Hour, 35*24*time.Hour)))
		switch kind := pick(x.rng, "duplicated", "another key", "progress", "progress after the end", "delivery report", "sync id"); kind {
		case "duplicated":
			more(kind, after)
		case "another key":
			more(kind, t.webhook(after.at, "whk_another_key_"+t.id, named, string(t.outcome), `,"result":`+s.result(t)))
		case "progress":
			at := x.w.now.Add(x.upTo(max(t.done.Sub(x.w.now), time.Second)))
			more(kind, t.webhook(at, fmt.Sprintf("whk_progress_%d_%s", len(all), t.id), named, "working", ""))
		case "progress after the end":
			more(kind, t.webhook(after.at, fmt.Sprintf("whk_progress_%d_%s", len(all), t.id), named, pick(x.rng, "working", "submitted"), ""))
		case "delivery report":
			report := t.webhook(after.at, "whk_the_report_"+t.id, named, "completed", `,"result":{"media_buy_deliveries":[]}`)
			report.body = bytes.Replace(report.body, []byte("create_media_buy"), []byte(pick(x.rng, "update_media_buy", "media_buy_delivery")), 1)
			more(kind, report)
		case "sync id":
			if t.sync {
				o.body = bytes.Replace(o.body, []byte(t.id), []byte("sync-"+t.id), 2)
				more(kind, o)
			}
		}
	}
	return all
}

// storm is one seed's world, run to its end.
type storm struct {
	*weather
	ids map[string]purchase // of the operations
}

// purchase is a tenant's purchase order.
type purchase struct{ tenant, po string }

func brew(t *testing.T, def Definition, seed uint64) *storm {
	t.Helper()
	rng := rand.New(rand.NewPCG(seed, 0xadc9))
	c := &Crash{}
	s := &Seller{Forgetful: rng.IntN(5) == 0, NoPolling: rng.IntN(6) == 0, Webhook: rng.IntN(5) > 0, TTL: pick(rng, time.Hour, 24*time.Hour, 24*time.Hour)}
	w := New(def, s, c)
	x := newWeather(rng, w)
	x.calls, x.hooks = pick(rng, 0, .05, .2, .5, .8), pick(rng, 0, .1, .3, .7)
	x.writes, x.deaths = pick(rng, 0, .02, .1, .3), pick(rng, 0, 0, .02, .1)
	x.until = epoch.Add(pick(rng, 5*time.Minute, time.Hour, 6*time.Hour, 48*time.Hour))
	x.silent, x.flaps, x.renames = s.Forgetful && pick(rng, true, false), rng.IntN(4) == 0, rng.IntN(2) == 0
	if rng.IntN(5) == 0 {
		x.forgets = epoch.Add(x.upTo(3 * time.Hour))
		x.remembers = x.forgets.Add(pick(rng, time.Hour, 1000*24*time.Hour))
	}
	var source [32]byte
	source[0], source[1], source[2], source[3] = byte(seed), byte(seed>>8), byte(seed>>16), byte(seed>>24)
	w.Random, w.Jitter, w.Line, w.Gateway, w.Watch = rand.NewChaCha8(source), rng.Float64, x, x.gateway, x.stored
	c.Faults = x.fault
	tenants := []string{Tenant}
	if rng.IntN(3) == 0 {
		w.Invite(&Seller{Forgetful: s.Forgetful, NoPolling: s.NoPolling, Webhook: s.Webhook, TTL: s.TTL})
		tenants = append(tenants, Stranger)
		x.kinds["worlds with two tenants"]++
	}
	for _, s := range w.sellers() {
		s.shape, s.post = func(t *task) { x.shape(s, t) }, func(t *task, o outgoing) []outgoing { return x.post(s, t, o) }
	}
	if x.pauses = rng.IntN(3) == 0; x.pauses {
		x.kinds["worlds with sellers that ask"]++
	}
	for _, tenant := range tenants {
		if rng.IntN(7) == 0 {
			a, err := w.Store.Agent(t.Context(), tenant, Agent)
			if a.WebhookMode, a.Version = operation.WebhookNone, a.Version+1; err != nil || w.Store.PutAgent(t.Context(), a) != nil {
				t.Fatal("the agent can't be registered")
			}
		}
	}
	w.Twice, w.Skew, x.skewed = x.twice, x.skew, rng.IntN(3) == 0
	if x.skewed {
		x.kinds["worlds with clocks apart"]++
	}
	if rng.IntN(2) == 0 {
		w.Gate = breaker.New(w.Store, circuit.Default, 330*time.Second, w.Now, rng.Float64)
		x.kinds["worlds with a circuit breaker"]++
	}
	if rng.IntN(3) == 0 {
		for range 1 + rng.IntN(4) {
			w.Plan(epoch.Add(x.upTo(pick(rng, time.Hour, 24*time.Hour, 10*24*time.Hour))), x.stop)
		}
	}
	b := &storm{weather: x, ids: map[string]purchase{}}
	for i := range 1 + rng.IntN(3) { // the tenants' keys and purchase orders are called the same
		tenant := pick(rng, tenants...)
		key, p := fmt.Sprintf("key-%d", i/len(tenants)), purchase{tenant, fmt.Sprintf("po-%d", i/len(tenants))}
		b.submit(t.Context(), epoch.Add(x.upTo(10*time.Minute)), key, p)
		for range rng.IntN(3) {
			b.submit(t.Context(), epoch.Add(x.upTo(pick(rng, time.Minute, time.Hour, 48*time.Hour))), pick(rng, key, key+"-again"), p)
		}
	}
	if err := w.Run(t.Context(), 200*24*time.Hour); err != nil {
		x.broken("the state machine: %v", err)
	}
	return b
}

// submit lets a client submit at a time, and again until it is answered.
func (b *storm) submit(ctx context.Context, at time.Time, key string, p purchase) {
	b.w.Plan(at, func() {
		op, err := b.w.Submit(ctx, p.tenant, key, p.po)
		if err != nil {
			b.submit(ctx, b.w.now.Add(time.Second+b.upTo(30*time.Second)), key, p)
			return
		}
		b.ids[op.ID] = p
	})
}

// What one operation may cost at most: calls of a day and a half's back-off and a few faults of ours each, and polls of weeks.
const (
	mostCalls = 60
	mostPolls = 600
)

// judge holds what has to be true of every world at its end.
func (b *storm) judge(t *testing.T) {
	t.Helper()
	bought, ordered := map[purchase]int{}, map[purchase]int{}
	for tenant, s := range map[string]*Seller{Tenant: b.w.Seller, Stranger: b.w.Guest} {
		if s == nil {
			continue
		}
		for _, task := range s.tasks {
			if task.approved {
				bought[purchase{tenant, task.po}]++
			}
		}
		for key, n := range s.Purchases {
			if n > 1 {
				b.broken("key %.8s: bought %d times", key, n)
			}
		}
	}
	for id, p := range b.ids {
		ordered[p]++
		r, err := b.w.Store.Load(t.Context(), p.tenant, id)
		if err != nil {
			t.Fatal(err)
		}
		b.judgeOne(r)
		for tool, most := range map[string]int{"create_media_buy": mostCalls, "get_task_status": mostPolls, "tools/list": mostPolls} {
			if n := b.count[tool+" "+id]; n > most {
				b.broken("%s: %d calls of %s", id, n, tool)
			}
		}
	}
	for p, n := range bought {
		if n > ordered[p] {
			b.broken("%s: ordered %d times, bought %d times", p, ordered[p], n)
		}
	}
	for name, e := range b.w.executions {
		if e.Events >= 25000 {
			b.broken("%s: %d events", name, e.Events)
		}
	}
}

func (b *storm) judgeOne(r operation.Record) {
	op, s := r.Op, b.w.seller(r.Op.Tenant)
	if told := b.w.Notices[op.Tenant+"/"+op.ID+"/ended"]; (told > 0) != op.State.Terminal() || told > 1 && b.deaths+b.writes == 0 {
		b.broken("%s: %s, told %d times", op.ID, op.State, told)
	}
	if op.State.Terminal() && op.PublishedAt.IsZero() {
		b.broken("%s: %s and not settled", op.ID, op.State)
	}
	bought := s.byKey[keyOf(r.Request)]
	from := operation.Requested
	for _, e := range r.Events {
		if e.From != from || e.From != e.To && !e.From.CanBecome(e.To) {
			b.broken("%s: the timeline breaks at %+v after %s", op.ID, e, from)
		}
		from = e.To
	}
	if from != op.State {
		b.broken("%s: the timeline ends in %s, the operation in %s", op.ID, from, op.State)
	}
	if other := s.tasks[strings.TrimPrefix(op.TaskID, "sync-")]; op.TaskID != "" && other != bought {
		b.broken("%s: bound to %s, which is not its own", op.ID, op.TaskID)
	}
	refusal := func(s operation.State) bool { return s == operation.Failed || s == operation.Rejected }
	switch {
	case op.State.Terminal() && (op.PublishedAt.IsZero() || !op.DueAt.IsZero()):
		b.broken("%s: %s, and not settled", op.ID, op.State)
	case op.State == operation.Completed:
		var result struct {
			ID string `json:"media_buy_id"`
		}
		if bought == nil || bought.outcome != adcp.StatusCompleted || json.Unmarshal(r.Result, &result) != nil || result.ID != "mb_"+s.name+bought.id || !bought.approved {
			b.broken("%s: completed with %s, the seller has %+v", op.ID, r.Result, bought)
		}
	case op.State.Terminal():
		if bought != nil && bought.approved && string(bought.outcome) != string(op.State) && !(refusal(operation.State(bought.outcome)) && refusal(op.State)) {
			b.broken("%s: %s, and at the seller it is %s", op.ID, op.State, bought.outcome)
		}
	case op.Attention == nil:
		b.broken("%s: open in %s, and nobody is told", op.ID, op.State)
	case !b.mayStayOpen(op):
		b.broken("%s: open in %s though the seller would tell, attention %+v", op.ID, op.State, *op.Attention)
	}
}

// mayStayOpen: what a human has to see to is an attempt of unknown outcome that can't be repeated safely, and a task that nobody tells of.
func (b *storm) mayStayOpen(op operation.Operation) bool {
	s, r := b.w.seller(op.Tenant), op.InputRequest.Input
	switch {
	case op.NeedsInput() && r.State == operation.InputUnclear: // it was sent, and the way back is gone
		return true
	case op.PendingInput() != 0:
		return (r.Call.Unclear || r.Call.InFlight) && (s.Forgetful || s.TTL < b.until.Sub(epoch)+12*time.Hour)
	case op.NeedsInput() && op.InputRequest.Continuation == (adcp.Continuation{}):
		return true
	}
	if op.State == operation.CallingAdCP {
		return (op.Call.Unclear || op.Call.InFlight) && (s.Forgetful || s.TTL < b.until.Sub(epoch)+12*time.Hour)
	}
	return s.NoPolling || b.remembers.Sub(b.forgets) > 1000*time.Hour
}

// tell prints all that there is to a failing seed.
func (b *storm) tell(t *testing.T, seed uint64) {
	t.Helper()
	var s strings.Builder
	for _, line := range b.bad {
		fmt.Fprintln(&s, "   ", line)
	}
	fmt.Fprintf(&s, "seller: forgetful %v, silent %v, TTL %v, no polling %v, webhooks %v, flaps %v, renames %v, forgets %v to %v\nfaults until %v:\n", b.w.Seller.Forgetful,
		b.silent, b.w.Seller.TTL, b.w.Seller.NoPolling, b.w.Seller.Webhook, b.flaps, b.renames, b.forgets.Sub(epoch), b.remembers.Sub(epoch), b.until.Sub(epoch))
	for _, line := range b.drawn[:min(len(b.drawn), 300)] {
		fmt.Fprintln(&s, line)
	}
	for _, id := range slices.Sorted(maps.Keys(b.ids)) {
		r, _ := b.w.Store.Load(t.Context(), b.ids[id].tenant, id)
		fmt.Fprintf(&s, "%s, %s, task %q:\n", id, b.ids[id], r.Op.TaskID)
		for _, e := range r.Events[:min(len(r.Events), 80)] {
			fmt.Fprintf(&s, "%14s  %3d %s by %s: %s to %s, %s\n", e.At.Sub(epoch), e.Seq, e.Kind, e.Channel, e.From, e.To, e.Detail)
		}
	}
	t.Errorf("seed %d; replay with: SEED=%d go test -run TestTransportFaults ./pkg/sim\n%s", seed, seed, s.String())
}

// TestTransportFaults runs whole worlds in which anything between us, the seller and our own store goes wrong, by seeds: SEEDS says how many, SEED which one.
func TestTransportFaults(t *testing.T) {
	t.Parallel()
	def := definition(t)
	first, n := uint64(1), uint64(seeds)
	if v, err := strconv.ParseUint(os.Getenv("SEEDS"), 10, 64); err == nil {
		n = v
	}
	if v, err := strconv.ParseUint(os.Getenv("SEED"), 10, 64); err == nil {
		first, n = v, 1
	}
	var mu sync.Mutex
	operations, kinds, states := 0, map[string]int{}, map[string]int{}
	next := atomic.Uint64{}
	next.Store(first)
	t.Run("seeds", func(t *testing.T) {
		for part := range min(4, n) {
			t.Run(fmt.Sprint(part+1), func(t *testing.T) {
				t.Parallel()
				for seed := next.Add(1) - 1; seed < first+n; seed = next.Add(1) - 1 {
					b := brew(t, def, seed)
					if b.judge(t); len(b.bad) > 0 {
						b.tell(t, seed)
						return
					}
					mu.Lock()
					operations += len(b.ids)
					for k, n := range b.kinds {
						kinds[k] += n
					}
					for id, p := range b.ids {
						op, _ := b.w.Store.Get(t.Context(), p.tenant, id)
						states[string(op.State)]++
					}
					mu.Unlock()
				}
			})
		}
	})
	total := 0
	for _, k := range slices.Sorted(maps.Keys(kinds)) {
		t.Logf("%7d %s", kinds[k], k)
		if !strings.HasPrefix(k, "worlds") {
			total += kinds[k]
		}
	}
	t.Logf("%d seeds, %d operations (%v), %d faults", n, operations, states, total)
}

var _ registry.Caller = (*weather)(nil)
