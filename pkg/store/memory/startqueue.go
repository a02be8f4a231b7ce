package memory

import (
	"context"
	"strings"
	"time"

	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/store"
	"adcp-orchestrator/pkg/store/layout"
)

// lease is who may do something alone, and until when.
type lease struct {
	owner string
	until time.Time
}

// QueueStart puts an operation into the queue of starts, if it is stored as it was read and does
// not stand there already. It returns store.ErrStale if one of these is not so.
func (s *Store) QueueStart(_ context.Context, op operation.Operation, since time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := id{op.Tenant, op.ID}
	r, ok := s.operations[k]
	if !ok || r.version != op.Version ||
		strings.HasPrefix(r.items[layout.SKOperation].Text("due_pk"), layout.StartPrefix) {
		return store.ErrStale
	}
	s.setEntry(k, layout.StartEntry(op.ID, since))
	return nil
}

// Queued returns the operations that wait for their start, the oldest first, at most limit of them.
// Like Due, it lags by IndexLag behind what is stored.
func (s *Store) Queued(_ context.Context, limit int) (operation.DueList, error) {
	return layout.Oldest(s.indexed(layout.StartPrefix, s.now().Add(time.Hour)), limit), nil
}

// Lease takes or extends a lease of the whole deployment until a time. It returns false while
// another owner has it. A time that is over gives it back.
func (s *Store) Lease(_ context.Context, name, owner string, until time.Time) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if l, ok := s.leases[name]; ok && l.owner != owner && !l.until.Before(s.now()) {
		return false, nil
	}
	s.leases[name] = lease{owner, until}
	return true, nil
}
