package memory

import (
	"context"
	"strings"
	"time"

	"adcp-orchestrator/pkg/metrics"
	"adcp-orchestrator/pkg/notice"
	"adcp-orchestrator/pkg/store/layout"
	"adcp-orchestrator/pkg/store/listing"
)

// count counts a notice that is told. The caller has the lock.
func (s *Store) count(r notice.Ref, row notice.Row) error {
	op := s.operations[id{r.Tenant, r.OperationID}]
	if op == nil {
		return nil
	}
	c, err := layout.CountingOf(r, row, op.items[layout.SKCounted])
	if err != nil || c == nil {
		return err
	}
	op.put(c.Item)
	s.countMetrics(c.Facts)
	return nil
}

// countMetrics adds facts to their counters. The caller has the lock.
func (s *Store) countMetrics(facts []metrics.Fact) {
	for _, c := range layout.CountsOf(facts) {
		k := [2]string{c.Key.Text("pk"), c.Key.Text("sk")}
		i := s.counters[k]
		if i == nil {
			i = c.Key.With(layout.Item{"ttl": c.TTL})
			s.counters[k] = i
		}
		for name, n := range c.Add {
			i[string(name)] = i.Number(string(name)) + n
		}
	}
}

// Sums returns a tenant's counters of whole days, in a dimension of layout.
func (s *Store) Sums(_ context.Context, tenant, dimension string, from, to time.Time) ([]metrics.Sums, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []metrics.Sums
	for day := from.UTC().Truncate(24 * time.Hour); day.Before(to); day = day.Add(24 * time.Hour) {
		prefix := layout.MetricsDay(tenant, day, dimension)
		for k, i := range s.counters {
			if k[0] != prefix.Text("pk") || !strings.HasPrefix(k[1], prefix.Text("sk")) {
				continue
			}
			if sums, ok := layout.ReadSums(i, day, dimension); ok {
				all = append(all, sums)
			}
		}
	}
	return metrics.Merge(all), nil
}

// OpenByType counts a tenant's open operations by their types. The index lags a moment behind.
func (s *Store) OpenByType(ctx context.Context, tenant string) (map[string]int64, error) {
	return listing.OpenByType(ctx, s, tenant)
}
