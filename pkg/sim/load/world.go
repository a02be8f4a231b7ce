package load

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/breaker"
	"adcp-orchestrator/pkg/circuit"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/orchestrator"
	"adcp-orchestrator/pkg/registry"
	"adcp-orchestrator/pkg/sim"
	"adcp-orchestrator/pkg/store/memory"
)

// Options are what a world is made of.
type Options struct {
	Definition sim.Definition
	Quotas     Quotas
	// Divide is by how much the load is smaller than the one that it stands for: all quotas are
	// divided by it. 0 is 1.
	Divide float64
	// DivideAgent is by how much the load of one agent is smaller, DivideTenant that of one tenant:
	// a load may have fewer of them, but not fewer than one. What bounds one is divided by it. 0 is
	// 1 for an agent, Divide for a tenant.
	DivideAgent, DivideTenant float64
	// Policy is how agents are called, by default circuit.Default, and Bounds are those of tenants and
	// origins.
	Policy circuit.Policy
	Bounds breaker.Bounds
	// Sweep is the time between two runs of the reconciler, a minute by default.
	Sweep time.Duration
	Seed  uint64
}

// withDefaults divides what is to be divided.
func (o Options) withDefaults() Options {
	if o.Divide == 0 {
		o.Divide = 1
	}
	if o.Policy == (circuit.Policy{}) {
		o.Policy = circuit.Default
	}
	if o.Bounds == (breaker.Bounds{}) {
		o.Bounds = breaker.DefaultBounds
	}
	if o.Sweep == 0 {
		o.Sweep = time.Minute
	}
	o.DivideAgent, o.DivideTenant = cmp.Or(o.DivideAgent, 1), cmp.Or(o.DivideTenant, o.Divide)
	o.Policy.Rate /= o.DivideAgent
	if o.DivideAgent > 1 { // one call at a time would be another load
		o.Policy.Burst = max(fewCalls-1, o.Policy.Burst/o.DivideAgent)
		o.Policy.InFlight = max(fewCalls, divided(o.Policy.InFlight, o.DivideAgent))
	}
	o.Bounds.Tenant = divided(o.Bounds.Tenant, o.DivideTenant)
	o.Bounds.Origin = divided(o.Bounds.Origin, o.DivideAgent)
	return o
}

const fewCalls = 5

func divided(n int, by float64) int { return max(1, int(float64(n)/by+0.5)) }

// World is the orchestrator under a load.
type World struct {
	clock
	Usage func() Usage
	// Latencies, if set, gets how long each operation took from its submission to the agent's order.
	Ordered func(a *Agent, operationID string, at time.Time)

	o          Options
	quotas     Quotas
	random     *rand.Rand
	memory     *memory.Store
	table      *table
	agents     map[string]*Agent // by URL
	executions map[string]*execution
	results    map[string]any
	signer     *sim.Signer
	usage      Usage
	quotasMet  map[string]*meeting

	start, wake, transition *bucket
	submit, webhook         *bucket
	open                    int // executions
	lambda                  lambda
	newest                  int // number of the last id
	swept                   int
	queues                  map[*breaker.Breaker]*orchestrator.StartQueue // of the processes of submit
}

// epoch is when a world begins.
var epoch = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

const (
	host = "api.example"
	base = "https://" + host + "/live"
)

// New returns a world.
func New(o Options) *World {
	o = o.withDefaults()
	q := o.Quotas.over(o.Divide)
	w := &World{
		clock: clock{now: epoch}, o: o, quotas: q, random: rand.New(rand.NewPCG(o.Seed, 1)),
		agents: map[string]*Agent{}, executions: map[string]*execution{}, results: map[string]any{},
		signer: sim.NewSigner(), usage: Usage{Requests: map[string]int{}}, quotasMet: map[string]*meeting{},
		queues: map[*breaker.Breaker]*orchestrator.StartQueue{},
		start:  newBucket(q.StartExecution, epoch), wake: newBucket(q.SendTaskSuccess, epoch),
		transition: newBucket(q.StateTransition, epoch),
		submit:     newBucket(q.Submit, epoch), webhook: newBucket(q.Webhook, epoch),
		lambda: lambda{free: map[string][]*breaker.Breaker{}, most: map[string]int{}, running: map[string]int{}},
	}
	w.memory = memory.New(w.Now)
	w.table = newTable(w, w.memory)
	w.Usage = func() Usage { return w.usage.copied() }
	w.after(o.Sweep, w.sweep)
	return w
}

// Load reads the state machine's definition for a world.
func Load(path string) (sim.Definition, error) {
	return sim.Load(path, map[string]string{
		"DispatchFunction": dispatch, "PollFunction": poll, "SettleFunction": settle, "TableName": "T",
	})
}

// Now returns the virtual time.
func (w *World) Now() time.Time { return w.now }

// Jitter returns values in [0,1).
func (w *World) Jitter() float64 { return w.random.Float64() }

// Read implements io.Reader for ids and keys.
func (w *World) Read(p []byte) (int, error) {
	for n := range p {
		p[n] = byte(w.random.Uint32())
	}
	return len(p), nil
}

func (w *World) newID() string {
	w.newest++
	return strconv.Itoa(w.newest)
}

func (w *World) deps() orchestrator.Deps { return orchestrator.Deps{Now: w.Now, Jitter: w.Jitter} }

// Run lets a duration go by.
func (w *World) Run(d time.Duration) { w.advance(w.now.Add(d)) }

// At lets something happen at a time, in a process of its own.
func (w *World) At(t time.Time, do func()) { w.at(t, func() { w.process(do) }) }

// newBreaker is the breaker of one process: each has a memory of its own.
func (w *World) newBreaker() *breaker.Breaker {
	return breaker.New(w.table, breaker.Options{Policy: w.o.Policy, Bounds: w.o.Bounds, Lease: 330 * time.Second,
		Now: w.Now, Jitter: w.Jitter, NewID: w.newID})
}

// Register adds an agent of a tenant.
func (w *World) Register(tenant, id string, a *Agent) *Agent {
	a.Tenant, a.ID, a.w = tenant, id, w
	a.url = fmt.Sprintf("https://%s.%s.example/mcp", id, tenant)
	a.due = map[string]time.Time{}
	w.agents[a.url] = a
	mode := operation.WebhookNone
	if a.Webhooks {
		mode = operation.WebhookRFC9421
	}
	// An empty store accepts a first version.
	_ = w.memory.PutAgent(context.Background(), registry.Agent{Tenant: tenant, ID: id, URL: a.url,
		Transport: adcp.MCP, WebhookMode: mode, Poll: operation.PollPolicy{}.WithDefaults(), Version: 1})
	return a
}

// Operation returns an operation as it is stored.
func (w *World) Operation(tenant, id string) (operation.Operation, error) {
	return w.memory.Get(context.Background(), tenant, id)
}
