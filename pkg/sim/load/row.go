package load

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/sim"
)

// Row is a load to measure.
type Row struct {
	Name string
	// Open operations that are never done, or Rate submissions in a second whose webhook ends them
	// after a minute.
	Open int
	Rate float64
	// Agents of each of Tenants, whose calls take Takes.
	Agents, Tenants int
	Takes           time.Duration
	// Divide is by how much the load is smaller.
	Divide float64
	// Lifted lifts the stage's own throttles.
	Lifted bool
	Region Quotas
}

// Rows are what make load measures.
func Rows() []Row {
	return []Row{
		{Name: "1,000 open, 50 agents", Open: 1000, Agents: 10, Tenants: 5, Divide: 5},
		{Name: "1,000 open, one agent", Open: 1000, Agents: 1, Tenants: 1, Divide: 5},
		{Name: "100,000 open, 500 agents", Open: 100_000, Agents: 50, Tenants: 10, Divide: 100},
		{Name: "100,000 open, one agent", Open: 100_000, Agents: 1, Tenants: 1, Divide: 20},
		{Name: "1,000,000 open, 5,000 agents", Open: 1_000_000, Agents: 50, Tenants: 100, Divide: 250},
		{Name: "1,000,000 open, one agent", Open: 1_000_000, Agents: 1, Tenants: 1, Divide: 200},
		{Name: "10/s, 50 agents", Rate: 10, Agents: 10, Tenants: 5, Divide: 1},
		{Name: "300/s, 500 agents", Rate: 300, Agents: 50, Tenants: 10, Divide: 10},
		{Name: "100/s, one tenant", Rate: 100, Agents: 500, Tenants: 1, Divide: 1, Lifted: true},
		{Name: "300/s, one tenant", Rate: 300, Agents: 500, Tenants: 1, Divide: 1, Lifted: true},
		{Name: "1,000/s, 500 agents", Rate: 1000, Agents: 50, Tenants: 10, Divide: 20, Lifted: true},
		{Name: "1,000/s, smaller region", Rate: 1000, Agents: 50, Tenants: 10, Divide: 20, Lifted: true,
			Region: SmallRegion},
	}
}

// Measured is what a row was measured to do, as the whole load would: what was divided is
// multiplied again.
type Measured struct {
	Row     Row
	Seconds float64 // that were measured
	Usage   Usage   // in that time
	Done    float64 // polls, or operations ended
	Met     []Met
	Refused float64 // answered 429
	// Oldest is how long the oldest operation waits for its first call at the end; Waiting how many
	// do.
	Oldest  time.Duration
	Waiting float64
	// Functions is how many ran at one time at most.
	Functions float64
}

// Measure measures a row.
func (r Row) Measure(d sim.Definition) Measured {
	q := r.Region
	if q == (Quotas{}) {
		q = Default
	}
	if r.Lifted || r.Open > 0 {
		q.Submit, q.Webhook = unlimited, unlimited
	}
	all := r.Agents * r.Tenants
	n := min(all, max(2, int(float64(all)/r.Divide))) // of agents
	w := New(Options{Definition: d, Quotas: q, Divide: r.Divide, DivideAgent: r.Divide * float64(n) / float64(all),
		DivideTenant: r.Divide * float64(min(n, r.Tenants)) / float64(r.Tenants)})
	agents := w.registerAll(r, n)
	if r.Open > 0 {
		return r.measureOpen(w, agents)
	}
	return r.measureRate(w, agents)
}

// registerAll registers a row's agents, fewer if the load is divided.
func (w *World) registerAll(r Row, n int) (agents []*Agent) {
	for i := range n {
		a := &Agent{Takes: r.Takes}
		if r.Rate > 0 {
			a.Works, a.Webhooks = time.Minute, true
		}
		agents = append(agents, w.Register(fmt.Sprint("tenant", i%min(r.Tenants, n)), fmt.Sprint("agent", i), a))
	}
	return agents
}

// measureOpen submits operations as slowly as one agent takes them beside polls, lets the delays of
// polls grow, and measures a few hours.
func (r Row) measureOpen(w *World, agents []*Agent) Measured {
	n := int(float64(r.Open) / r.Divide)
	fill := max(30*time.Minute, time.Duration(float64(n)/w.o.Policy.Rate/0.18)*time.Second)
	if len(agents) > 1 {
		fill = max(30*time.Minute, time.Duration(r.Open/200)*time.Second) // within the quota of starts
	}
	submitted := w.SubmitEvery(fill/time.Duration(n), n, true, agents...)
	w.Run(fill + time.Hour)
	before, polls := w.Usage(), pollsOf(agents)
	const hours = 1
	w.Run(hours * time.Hour)
	return r.measured(w, submitted, before, hours*3600, float64(pollsOf(agents)-polls))
}

func pollsOf(agents []*Agent) (n int) {
	for _, a := range agents {
		n += a.Polls
	}
	return n
}

// measureRate submits for four minutes, and measures the last two of them.
func (r Row) measureRate(w *World, agents []*Agent) Measured {
	rate := r.Rate / r.Divide
	const warm, measure = 120, 120
	interval := time.Duration(float64(time.Second) / rate)
	submitted := w.SubmitEvery(interval, int(rate*(warm+measure)), false, agents...)
	w.Run(warm * time.Second)
	before := w.Usage()
	w.Run(measure * time.Second)
	return r.measured(w, submitted, before, measure, w.Usage().Published-before.Published)
}

func (r Row) measured(w *World, s *Submitted, before Usage, seconds, done float64) Measured {
	m := Measured{Row: r, Seconds: seconds, Usage: w.Usage().Since(before), Done: done * r.Divide, Met: w.QuotasMet(),
		Refused: float64(s.Refused) * r.Divide, Functions: float64(w.lambda.peak) * r.Divide}
	for _, o := range s.Accepted {
		if op, err := w.Operation(o.Agent.Tenant, o.ID); err == nil && op.State == operation.Requested {
			m.Waiting += r.Divide
			m.Oldest = max(m.Oldest, w.now.Sub(op.CreatedAt))
		}
	}
	return m
}

// Print returns what a row measured, as text of a few lines.
func (m Measured) Print(said string, took time.Duration) string {
	var b strings.Builder
	perSecond := m.Row.Divide / m.Seconds
	day := m.Usage.Cost() * m.Row.Divide * 86_400 / m.Seconds
	each, what := m.Usage.Cost()*m.Row.Divide/max(1, m.Done), "operation that ended"
	if m.Row.Open > 0 {
		what = "poll"
	}
	fmt.Fprintf(&b, "%s (divided by %v, measured in %v)\n", m.Row.Name, m.Row.Divide, took.Round(100*time.Millisecond))
	fmt.Fprintf(&b, "  %.1f transitions/s, %.1f %ss/s; $%.2f a day, $%.6f for each %s", m.Usage.Transitions*perSecond,
		m.Done/m.Seconds, strings.Fields(what)[0], day, each, what)
	if m.Row.Open > 0 {
		fmt.Fprintf(&b, ", $%.5f a day for each open one", day/float64(m.Row.Open))
	}
	fmt.Fprintf(&b, "\n  requests/s: %s\n", m.requests(perSecond))
	fmt.Fprintf(&b, "  quotas met: %s; functions at one time: at most %.0f\n", metText(m.Met), m.Functions)
	fmt.Fprintf(&b, "  answered 429 or 5xx: %.0f; waiting for their first call: %.0f, the oldest for %v\n", m.Refused,
		m.Waiting, m.Oldest.Round(time.Second))
	if said != "" {
		fmt.Fprintf(&b, "  it said: %s\n", said)
	}
	return b.String()
}

func (m Measured) requests(perSecond float64) string {
	names := slices.Collect(maps.Keys(m.Usage.Requests))
	slices.SortFunc(names, func(a, b string) int {
		return cmp.Or(cmp.Compare(m.Usage.Requests[b], m.Usage.Requests[a]), strings.Compare(a, b))
	})
	for n, name := range names {
		names[n] = fmt.Sprintf("%s %.3g", name, float64(m.Usage.Requests[name])*perSecond)
	}
	return strings.Join(names, ", ")
}

func metText(met []Met) string {
	if len(met) == 0 {
		return "none"
	}
	var texts []string
	for _, m := range met {
		texts = append(texts, fmt.Sprintf("%s (after %v, %d times)", m.Quota, m.First.Round(time.Second), m.Times))
	}
	return strings.Join(texts, ", ")
}
