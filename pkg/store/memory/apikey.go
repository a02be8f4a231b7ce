package memory

import (
	"context"

	"adcp-orchestrator/pkg/apikey"
)

// Key returns the API key with that hash, or store.ErrNotFound.
func (s *Store) Key(_ context.Context, tenant, hash string) (apikey.Key, error) {
	return find(s, s.apiKeys, id{tenant, hash})
}

// PutKey stores an API key.
func (s *Store) PutKey(_ context.Context, k apikey.Key) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.apiKeys[id{k.Tenant, k.Hash}] = k
	return nil
}
