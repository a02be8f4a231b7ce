package keyring

import (
	"context"
	"slices"
	"sync"

	"adcp-orchestrator/pkg/notice"
	"adcp-orchestrator/pkg/store"
)

// fakeStore keeps documents in memory.
type fakeStore struct {
	mu           sync.Mutex
	docs         map[string]store.Document
	reads, puts  int
	fail         error
	beforeCommit func() // runs once, before the next write
}

func newFakeStore() *fakeStore { return &fakeStore{docs: map[string]store.Document{}} }

func (s *fakeStore) Keyring(_ context.Context, tenant, sender string) (store.Document, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reads++
	d, ok := s.docs[tenant+"/"+sender]
	switch {
	case s.fail != nil:
		return d, s.fail
	case !ok:
		return d, store.ErrNotFound
	}
	return d, nil
}

func (s *fakeStore) PutKeyring(_ context.Context, tenant, sender string, d store.Document, _ ...notice.Notice) error {
	s.mu.Lock()
	hook := s.beforeCommit
	s.beforeCommit = nil
	s.mu.Unlock()
	if hook != nil {
		hook()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fail != nil {
		return s.fail
	}
	if s.docs[tenant+"/"+sender].Version != d.Version-1 {
		return store.ErrStale
	}
	s.puts++
	s.docs[tenant+"/"+sender] = store.Document{Version: d.Version, Body: slices.Clone(d.Body)}
	return nil
}

// alwaysStale is a store where another function always writes first.
type alwaysStale struct{ *fakeStore }

func (alwaysStale) PutKeyring(context.Context, string, string, store.Document, ...notice.Notice) error {
	return store.ErrStale
}
