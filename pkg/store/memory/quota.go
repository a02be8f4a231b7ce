package memory

import (
	"context"
	"time"

	"adcp-orchestrator/pkg/quota"
)

// TakeTokens takes tokens of a bucket, or refuses them.
func (s *Store) TakeTokens(_ context.Context, t quota.Take) (quota.Taken, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := id{t.Tenant, t.Bucket}
	b, taken := t.Decide(s.buckets[k])
	if taken.OK {
		s.buckets[k] = b
	}
	return taken, nil
}

// SetOpen stores how many operations of a tenant are open, unless a later count is stored.
func (s *Store) SetOpen(_ context.Context, tenant string, n int64, at time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := id{tenant, quota.SubmissionsBucket}
	if b := s.buckets[k]; b.CountedAt.Before(at) {
		b.Open, b.CountedAt = n, at
		s.buckets[k] = b
	}
	return nil
}

// CountOpen counts the operations of the due index by tenant. Like the index it lags by IndexLag.
func (s *Store) CountOpen(context.Context) (map[string]int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	open := map[string]int64{}
	for k, e := range s.index {
		if e.at(s.now(), s.IndexLag).due.At != "" {
			open[k.tenant]++
		}
	}
	return open, nil
}
