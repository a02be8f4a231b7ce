package sim

import (
	"context"
	"errors"
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

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/breaker"
	"adcp-orchestrator/pkg/circuit"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/validation"

	"github.com/google/uuid"
)

// simulation is one seed's world.
type simulation struct {
	*faults
	operations map[string]purchase // by id
}

// buysWith reports whether a tool makes a media buy.
func buysWith(tool string) bool { return adcp.Task(tool).MakesBuy() }

// purchase is a tenant's purchase order for an account.
type purchase struct{ tenant, account, po string }

// newSimulation makes a seed's world and runs it to its end. The seed decides everything: the
// order of the draws must not change, or each seed becomes another world.
func newSimulation(t *testing.T, def Definition, seed uint64) *simulation {
	t.Helper()
	rng := rand.New(rand.NewPCG(seed, 0xadc9))
	seller := &Seller{
		NoIdempotency: rng.IntN(5) == 0,
		NoPolling:     rng.IntN(6) == 0,
		Webhook:       rng.IntN(5) > 0,
		TTL:           pick(rng, time.Hour, 24*time.Hour, 24*time.Hour),
		ListsBuys:     seed%3 == 0,
	}
	crash := &Crash{}
	w := New(def, seller, crash)
	f := newFaults(rng, w)
	f.traits = drawTraits(seed)
	f.traits.applyTo(seller)
	f.traits.count(f.counts, seller)
	// No draw: a world whose clients buy with create_media_buy stays the world that it was.
	w.Tool = []adcp.Task{adcp.CreateMediaBuy, adcp.CreateMediaBuy, adcp.BuyProducts, adcp.AcceptProposal}[seed%4]
	f.counts["worlds that buy with "+string(w.Tool)]++
	f.drawRates(seller)
	var source [32]byte
	source[0], source[1], source[2], source[3] = byte(seed), byte(seed>>8), byte(seed>>16), byte(seed>>24)
	w.Random, w.Jitter = rand.NewChaCha8(source), rng.Float64
	w.Caller, w.Gateway, w.Watch = f, f.gateway, f.checkStored
	crash.Faults = f.effect
	f.newsRNG = rand.New(rand.NewPCG(seed, 0x9e35))
	f.tableRNG = rand.New(rand.NewPCG(seed, 0x7ab1e))
	w.Store.Conflict, w.Store.IndexLag = f.conflict, pick(f.tableRNG, 0, time.Second, 30*time.Second)
	tenants := []string{Tenant}
	if rng.IntN(3) == 0 {
		second := &Seller{
			NoIdempotency: seller.NoIdempotency, NoPolling: seller.NoPolling, Webhook: seller.Webhook, TTL: seller.TTL,
			ListsBuys: seller.ListsBuys,
		}
		f.traits.applyTo(second)
		w.AddTenant(second)
		tenants = append(tenants, SecondTenant)
		f.counts["worlds with two tenants"]++
	}
	f.drawBehavior()
	f.drawWebhookModes(t, tenants)
	f.drawInfrastructure()
	s := &simulation{faults: f, operations: map[string]purchase{}}
	s.drawSubmissions(t.Context(), tenants)
	if err := w.Run(t.Context(), 200*24*time.Hour); err != nil {
		f.violated("the state machine: %v", err)
	}
	return s
}

// drawRates draws how much goes wrong, until when, and how the sellers behave.
func (f *faults) drawRates(s *Seller) {
	f.callRate, f.webhookRate = pick(f.rng, 0, .05, .2, .5, .8), pick(f.rng, 0, .1, .3, .7)
	f.writeRate, f.deathRate = pick(f.rng, 0, .02, .1, .3), pick(f.rng, 0, 0, .02, .1)
	f.until = epoch.Add(pick(f.rng, 5*time.Minute, time.Hour, 6*time.Hour, 48*time.Hour))
	f.sellers.hideIdempotency = s.NoIdempotency && pick(f.rng, true, false)
	f.sellers.flap, f.sellers.renameRejected = f.rng.IntN(4) == 0, f.rng.IntN(2) == 0
	if f.rng.IntN(5) == 0 {
		f.sellers.forgetAt = epoch.Add(f.upTo(3 * time.Hour))
		f.sellers.rememberAt = f.sellers.forgetAt.Add(pick(f.rng, time.Hour, 1000*24*time.Hour))
	}
}

// drawBehavior draws whether the sellers request input.
func (f *faults) drawBehavior() {
	for _, s := range f.w.sellers() {
		s.shapeTask = func(t *task) { f.shapeTask(s, t) }
		s.webhooksOf = func(t *task, o outgoing) []outgoing { return f.webhooksOf(s, t, o) }
	}
	if f.sellers.requestInput = f.rng.IntN(3) == 0; f.sellers.requestInput {
		f.counts["worlds with sellers that request input"]++
	}
}

// drawWebhookModes registers some agents without webhooks.
func (f *faults) drawWebhookModes(t *testing.T, tenants []string) {
	t.Helper()
	for _, tenant := range tenants {
		if f.rng.IntN(7) != 0 {
			continue
		}
		a, err := f.w.Store.Agent(t.Context(), tenant, Agent)
		a.WebhookMode, a.Version = operation.WebhookNone, a.Version+1
		if err != nil || f.w.Store.PutAgent(t.Context(), a) != nil {
			t.Fatal("the agent can't be registered")
		}
	}
}

// drawInfrastructure draws clocks that are apart, a circuit breaker and aborted executions.
func (f *faults) drawInfrastructure() {
	w := f.w
	w.InvokedTwice, w.ClockSkew, f.clocksDiffer = f.invokedTwice, f.skew, f.rng.IntN(3) == 0
	if f.clocksDiffer {
		f.counts["worlds with clocks apart"]++
	}
	if f.rng.IntN(2) == 0 {
		w.Breaker = breaker.New(w.Store, breaker.Options{Policy: circuit.Default, Bounds: breaker.DefaultBounds,
			Lease: 330 * time.Second, Now: w.Now, Jitter: f.rng.Float64, NewID: uuid.NewString})
		f.counts["worlds with a circuit breaker"]++
	}
	if f.rng.IntN(3) == 0 {
		for range 1 + f.rng.IntN(4) {
			at := epoch.Add(f.upTo(pick(f.rng, time.Hour, 24*time.Hour, 10*24*time.Hour)))
			w.Plan(at, f.abortExecution)
		}
	}
}

// drawSubmissions plans the clients' requests. All tenants use the same idempotency keys and
// purchase order numbers. A tenant with several accounts uses one number for all of them.
func (s *simulation) drawSubmissions(ctx context.Context, tenants []string) {
	for i := range 1 + s.rng.IntN(3) {
		tenant, n := pick(s.rng, tenants...), i/len(tenants)
		key, p := fmt.Sprintf("key-%d", n), purchase{tenant, Account, fmt.Sprintf("po-%d", n)}
		if accounts := s.traits.accounts; len(accounts) > 1 {
			key, p = fmt.Sprintf("key-%d", i), purchase{tenant, accounts[i], "po-0"}
		}
		s.submit(ctx, epoch.Add(s.upTo(10*time.Minute)), key, p)
		for range s.rng.IntN(3) {
			at := epoch.Add(s.upTo(pick(s.rng, time.Minute, time.Hour, 48*time.Hour)))
			s.submit(ctx, at, pick(s.rng, key, key+"-again"), p)
		}
	}
}

// submit plans that a client submits at a time, and again until it gets an answer.
func (s *simulation) submit(ctx context.Context, at time.Time, key string, p purchase) {
	s.w.Plan(at, func() {
		op, err := s.w.submitFor(ctx, p.tenant, p.account, key, p.po)
		if invalid := (*validation.Error)(nil); errors.As(err, &invalid) {
			s.violated("the simulation's own submission is refused: %v", err) // again and again
			return
		}
		if err != nil {
			s.submit(ctx, s.w.now.Add(time.Second+s.upTo(30*time.Second)), key, p)
			return
		}
		if other, known := s.operations[op.ID]; known && other != p {
			s.violated("%s of %s is the answer to a submission of %s", op.ID, other, p)
		}
		s.operations[op.ID] = p
	})
}

// totals are the figures of all worlds of a test.
type totals struct {
	mu             sync.Mutex
	operations     int
	counts, states map[string]int
}

func (x *totals) add(ctx context.Context, s *simulation) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.operations += len(s.operations)
	for k, n := range s.counts {
		x.counts[k] += n
	}
	for id, p := range s.operations {
		op, _ := s.w.Store.Get(ctx, p.tenant, id)
		x.states[string(op.State)]++
	}
}

// envNumber reads a number from the environment; ok is false if there is none.
func envNumber(name string) (n uint64, ok bool) {
	n, err := strconv.ParseUint(os.Getenv(name), 10, 64)
	return n, err == nil
}

// TestTransportFaults runs whole worlds in which anything between the orchestrator, the seller and
// the orchestrator's own store goes wrong. The environment's SEEDS says how many, SEED which one.
func TestTransportFaults(t *testing.T) {
	t.Parallel()
	def := definition(t)
	first, n := uint64(1), uint64(defaultSeeds)
	if testing.Short() {
		n /= 5
	}
	if v, ok := envNumber("SEEDS"); ok {
		n = v
	}
	if v, ok := envNumber("SEED"); ok {
		first, n = v, 1
	}
	sums := totals{counts: map[string]int{}, states: map[string]int{}}
	next := atomic.Uint64{}
	next.Store(first)
	t.Run("seeds", func(t *testing.T) {
		for part := range min(4, n) {
			t.Run(fmt.Sprint(part+1), func(t *testing.T) {
				t.Parallel()
				for seed := next.Add(1) - 1; seed < first+n; seed = next.Add(1) - 1 {
					s := newSimulation(t, def, seed)
					if s.check(t); len(s.violations) > 0 {
						s.report(t, seed)
						return
					}
					sums.add(t.Context(), s)
				}
			})
		}
	})
	total := 0
	for _, k := range slices.Sorted(maps.Keys(sums.counts)) {
		t.Logf("%7d %s", sums.counts[k], k)
		if !strings.HasPrefix(k, "worlds") {
			total += sums.counts[k]
		}
	}
	t.Logf("%d seeds, %d operations (%v), %d faults", n, sums.operations, sums.states, total)
}
