package httpapi

import (
	"cmp"
	"context"
	"net/http"
	"time"

	"adcp-orchestrator/pkg/metrics"
	"adcp-orchestrator/pkg/registry"
	"adcp-orchestrator/pkg/validation"
)

// MetricsReader reads what is counted of a tenant's operations.
type MetricsReader interface {
	// Sums returns the counters of the days from one time to another: in all ("all"), or by "type" or
	// "agent". Hours at the edges may be outside of the two.
	Sums(ctx context.Context, tenant, dimension string, from, to time.Time) ([]metrics.Sums, error)
	// OpenByType counts the open operations by their types.
	OpenByType(ctx context.Context, tenant string) (map[string]int64, error)
	// AgentsPage and OpenOperations count them by agent.
	AgentsPage(ctx context.Context, tenant, after string, limit int) (page []registry.Agent, next string, err error)
	OpenOperations(ctx context.Context, tenant, agentID string) (int, error)
}

// openBy counts a tenant's open operations by the groups of a dimension.
func openBy(ctx context.Context, s MetricsReader, tenant, dimension string) (map[string]int64, error) {
	if dimension == metrics.ByAgent {
		return openByAgent(ctx, s, tenant)
	}
	open, err := s.OpenByType(ctx, tenant)
	if err != nil || dimension == metrics.ByType {
		return open, err
	}
	var all int64
	for _, n := range open {
		all += n
	}
	return map[string]int64{"": all}, nil
}

func openByAgent(ctx context.Context, s MetricsReader, tenant string) (map[string]int64, error) {
	open := map[string]int64{}
	for after, more := "", true; more; {
		agents, next, err := s.AgentsPage(ctx, tenant, after, maxLimit)
		if err != nil {
			return nil, err
		}
		for _, agent := range agents {
			n, err := s.OpenOperations(ctx, tenant, agent.ID)
			if err != nil {
				return nil, err
			}
			open[agent.ID] = int64(n)
		}
		after, more = next, next != ""
	}
	return open, nil
}

// maxPoints bounds how many steps one answer shows.
const maxPoints = 24 * 31

// metricsPage is the answer to GET /v1/metrics.
type metricsPage struct {
	From  time.Time        `json:"from"`
	To    time.Time        `json:"to"`
	Step  string           `json:"step"`
	By    string           `json:"by,omitempty"`
	Items []metrics.Series `json:"items"`
}

// ShowMetrics serves GET /v1/metrics: the tenant's own figures over a window, by default the last
// 24 hours in steps of one.
func (a API) ShowMetrics(s MetricsReader, now func() time.Time) Handler {
	return func(ctx context.Context, r Request) (Response, error) {
		q, err := readMetricsQuery(r, now().UTC())
		if err != nil {
			return Response{}, err
		}
		sums, err := s.Sums(ctx, r.Principal.Tenant, q.dimension, q.From, q.To)
		if err != nil {
			return Response{}, err
		}
		open, err := openBy(ctx, s, r.Principal.Tenant, q.dimension)
		if err != nil {
			return Response{}, err
		}
		// What was created and what has ended since the window tells how many were open at its end.
		later := q.Window
		later.From, later.To = q.To, now().UTC().Truncate(time.Hour).Add(time.Hour)
		if later.To.After(later.From) {
			since, err := s.Sums(ctx, r.Principal.Tenant, q.dimension, later.From, later.To)
			if err != nil {
				return Response{}, err
			}
			open = metrics.OpenBefore(open, metrics.Within(since, later.From, later.To))
		}
		page := metricsPage{From: q.From, To: q.To, Step: q.step, By: q.by,
			Items: metrics.Make(q.names, q.Window, metrics.Within(sums, q.From, q.To), open)}
		if page.Items == nil { // a tenant without operations has no groups
			page.Items = []metrics.Series{}
		}
		return Response{Status: http.StatusOK, Body: page}, nil
	}
}

type metricsQuery struct {
	metrics.Window
	names               []metrics.Name
	step, by, dimension string
}

func readMetricsQuery(r Request, now time.Time) (q metricsQuery, err error) {
	p := r.params()
	q.names, q.Now = metrics.Names(), now
	if p.has("names") {
		q.names = nil
		for _, name := range p.some("names", names(metrics.Names())...) {
			q.names = append(q.names, metrics.Name(name))
		}
	}
	q.by = p.oneOf("by", "type", "agent_id")
	q.dimension = map[string]string{"": metrics.All, "type": metrics.ByType, "agent_id": metrics.ByAgent}[q.by]
	q.step = cmp.Or(p.oneOf("step", "1h", "1d"), "1h")
	q.Step = map[string]time.Duration{"1h": time.Hour, "1d": 24 * time.Hour}[q.step]
	q.To = now
	if p.has("to") {
		q.To = p.time("to")
	}
	q.To = ceil(q.To, q.Step)
	q.From = q.To.Add(-24 * q.Step)
	if p.has("from") {
		q.From = p.time("from").Truncate(q.Step)
	}
	if err := p.err(); err != nil {
		return q, err
	}
	switch points := q.To.Sub(q.From) / q.Step; {
	case points <= 0:
		p.checks.Add("from", validation.OutOfRange, "must be before to", "correct one of the two")
	case points > maxPoints:
		p.checks.Add("from", validation.OutOfRange, "must be at most 744 steps before to", `ask for less, or with "step=1d"`)
	}
	return q, p.err()
}

func ceil(t time.Time, step time.Duration) time.Time {
	if whole := t.Truncate(step); whole.Before(t) {
		return whole.Add(step)
	}
	return t
}
