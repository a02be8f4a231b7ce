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
	return s.countMark(op, r, row.Mark)
}

// countMark counts what a mark of an operation adds. The caller has the lock.
func (s *Store) countMark(op *record, r notice.Ref, mark string) error {
	c, err := layout.CountingOf(r, mark, op.items[layout.SKCounted])
	if err != nil || c == nil {
		return err
	}
	op.put(c.Item)
	s.countMetrics(c.Facts)
	return nil
}

// CountRest counts what an operation has used after its end, if that waits to be counted.
func (s *Store) CountRest(_ context.Context, r notice.Ref) error {
	if err := s.conflict("CountRest", maxTries); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	op := s.operations[id{r.Tenant, r.OperationID}]
	if op == nil || !layout.WaitsToBeCounted(op.items[layout.SKRest]) {
		return nil
	}
	rest := op.items[layout.SKRest].With(nil)
	if err := s.countMark(op, r, rest.Text(layout.AttrMark)); err != nil {
		return err
	}
	delete(rest, "due_pk")
	delete(rest, "due_at")
	op.put(rest)
	s.await(rest)
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
