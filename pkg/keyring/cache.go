package keyring

import "adcp-orchestrator/pkg/store"

// maxCached bounds the senders whose snapshots a process keeps.
const maxCached = 128

// cacheKey identifies a sender in this process.
type cacheKey struct{ tenant, sender string }

// cacheEntry is what a process keeps of a sender.
type cacheEntry struct {
	newest *snapshot     // the newest that this process has seen, or nil; guarded by Source.mu
	turn   chan struct{} // a semaphore of one: the delivery that sends into it may refresh
}

// open returns the snapshot of a document. The newest snapshot of a sender is not parsed again.
func (s *Source) open(sender Sender, d store.Document) (*snapshot, error) {
	s.mu.Lock()
	var cached *snapshot
	if e := s.cache[cacheKey{sender.Tenant, sender.ID}]; e != nil {
		cached = e.newest
	}
	s.mu.Unlock()
	if cached != nil && cached.version == d.Version && d.Version > 0 {
		return cached, nil
	}
	snap, err := readSnapshot(d)
	if err == nil && d.Version > 0 {
		s.remember(sender, snap, false)
	}
	return snap, err
}

// entry returns a sender's entry. It makes room for a new one by dropping senders that are not
// being refreshed. The caller holds mu.
func (s *Source) entry(sender Sender) *cacheEntry {
	id := cacheKey{sender.Tenant, sender.ID}
	e := s.cache[id]
	if e == nil {
		if s.cache == nil {
			s.cache = map[cacheKey]*cacheEntry{}
		}
		for other, idle := range s.cache {
			if len(s.cache) < maxCached {
				break
			}
			if len(idle.turn) == 0 {
				delete(s.cache, other)
			}
		}
		e = &cacheEntry{turn: make(chan struct{}, 1)}
		s.cache[id] = e
	}
	return e
}

// remember caches a snapshot, unless a newer one is cached. stored says that the store has just
// confirmed this version, which then counts whatever is cached: the document may have been deleted
// and begun again at version 1.
func (s *Source) remember(sender Sender, snap *snapshot, stored bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.entry(sender); stored || e.newest == nil || e.newest.version < snap.version {
		e.newest = snap
	}
}

// newer returns the sender's entry and the cached snapshot if that is newer than the given one,
// else the given one.
func (s *Source) newer(sender Sender, than *snapshot) (*cacheEntry, *snapshot) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.entry(sender)
	if e.newest != nil && e.newest.version > than.version {
		return e, e.newest
	}
	return e, than
}
