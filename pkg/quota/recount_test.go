package quota_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"adcp-orchestrator/pkg/quota"
)

// openStore is a quota.OpenStore with fixed counts.
type openStore struct {
	open   map[string]int64
	set    map[string]int64
	counts int
	err    error
}

func (s *openStore) CountOpen(context.Context) (map[string]int64, error) {
	s.counts++
	return s.open, s.err
}

func (s *openStore) SetOpen(_ context.Context, tenant string, n int64, _ time.Time) error {
	s.set[tenant] = n
	return nil
}

func TestRecountShowsOpenOperationsByTypeOfAllTenants(t *testing.T) {
	t.Parallel()
	s := &openStore{open: map[string]int64{"acme": 3, "other": 1}, set: map[string]int64{}}
	var shown map[string]int64
	r := quota.Recount{Store: s, Now: func() time.Time { return start },
		ByType: func(_ context.Context, tenant string) (map[string]int64, error) {
			return map[string]map[string]int64{"acme": {"a": 2, "b": 1}, "other": {"a": 1}}[tenant], nil
		},
		Gauge: func(open map[string]int64) { shown = open }}
	if err := r.Run(t.Context()); err != nil || len(shown) != 2 || shown["a"] != 3 || shown["b"] != 1 {
		t.Errorf("shown are %v, %v", shown, err)
	}
}

func TestRecountRunsEveryFiveMinutesBesideTheReconciler(t *testing.T) {
	t.Parallel()
	s := &openStore{open: map[string]int64{"acme": 7, "other": 1}, set: map[string]int64{}}
	now, runs := start, 0
	run := quota.Beside(quota.Recount{Store: s, Now: func() time.Time { return now }}, func(context.Context) (int, error) {
		runs++
		return runs, nil
	})
	for range 10 {
		got, err := run(t.Context())
		if got != runs || err != nil {
			t.Fatalf("%d, %v", got, err)
		}
		now = now.Add(time.Minute)
	}
	if s.counts != 2 || s.set["acme"] != 7 || s.set["other"] != 1 || len(s.set) != 2 {
		t.Errorf("%d recounts set %v", s.counts, s.set)
	}
	s.err = errors.New("throttled")
	if _, err := run(t.Context()); err != nil {
		t.Errorf("a failed recount fails the reconciler: %v", err)
	}
	if s.counts != 3 {
		t.Errorf("%d recounts", s.counts)
	}
}
