package keyring

import (
	"context"

	"adcp-orchestrator/pkg/lru"
	"adcp-orchestrator/pkg/store"
)

// The bounds of what a process keeps of senders. Most snapshots have two kilobytes; a sender can
// make its own a hundred times as large.
const (
	maxCached      = 128
	maxCachedBytes = 4 << 20
)

// cacheKey identifies a sender in this process.
type cacheKey struct{ tenant, sender string }

func keyOf(s Sender) cacheKey { return cacheKey{s.Tenant, s.ID} }

// turn lets one delivery after the other refresh a sender.
type turn struct {
	semaphore chan struct{} // the delivery that sends into it may refresh
	users     int           // deliveries that hold it or wait for it; guarded by Source.mu
}

// open returns the snapshot of a document. The newest snapshot of a sender is not parsed again.
func (s *Source) open(sender Sender, d store.Document) (*snapshot, error) {
	cached := s.cached(sender)
	if cached != nil && cached.version == d.Version && d.Version > 0 {
		return cached, nil
	}
	snap, err := readSnapshot(d)
	if err == nil && d.Version > 0 {
		s.remember(sender, snap, false)
	}
	return snap, err
}

// snapshots returns the cache of the newest snapshots that this process has seen. The caller holds
// mu.
func (s *Source) snapshots() *lru.Cache[cacheKey, *snapshot] {
	if s.cache == nil {
		s.cache = lru.New[cacheKey, *snapshot](maxCached, maxCachedBytes)
	}
	return s.cache
}

// cached returns the sender's newest snapshot, or nil.
func (s *Source) cached(sender Sender) *snapshot {
	s.mu.Lock()
	defer s.mu.Unlock()
	snap, _ := s.snapshots().Get(keyOf(sender))
	return snap
}

// remember caches a snapshot, unless a newer one is cached. stored says that the store has just
// confirmed this version, which then counts whatever is cached: the document may have been deleted
// and begun again at version 1.
func (s *Source) remember(sender Sender, snap *snapshot, stored bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if newest, ok := s.snapshots().Get(keyOf(sender)); stored || !ok || newest.version < snap.version {
		size := len(sender.Tenant) + len(sender.ID) + snap.size()
		s.snapshots().Put(sender.Tenant, keyOf(sender), snap, size)
	}
}

// newer returns the cached snapshot if it is newer than the given one, else the given one.
func (s *Source) newer(sender Sender, than *snapshot) *snapshot {
	if newest := s.cached(sender); newest != nil && newest.version > than.version {
		return newest
	}
	return than
}

// takeTurn waits until this delivery may refresh the sender. release ends its turn. The error is
// that of ctx.
func (s *Source) takeTurn(ctx context.Context, sender Sender) (release func(), err error) {
	s.mu.Lock()
	t := s.turns[keyOf(sender)]
	if t == nil {
		if s.turns == nil {
			s.turns = map[cacheKey]*turn{}
		}
		t = &turn{semaphore: make(chan struct{}, 1)}
		s.turns[keyOf(sender)] = t
	}
	t.users++
	s.mu.Unlock()
	leave := func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if t.users--; t.users == 0 {
			delete(s.turns, keyOf(sender))
		}
	}
	select {
	case t.semaphore <- struct{}{}:
	case <-ctx.Done():
		leave()
		return nil, ctx.Err()
	}
	return func() { <-t.semaphore; leave() }, nil
}
