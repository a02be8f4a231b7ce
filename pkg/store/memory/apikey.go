package memory

import (
	"context"

	"adcp-orchestrator/pkg/apikey"
	"adcp-orchestrator/pkg/store/layout"
)

// Key returns the API key with that hash, or store.ErrNotFound.
func (s *Store) Key(_ context.Context, tenant, hash string) (apikey.Key, error) {
	return readDoc[apikey.Key](s, s.apiKeys, id{tenant, hash})
}

// PutKey stores an API key.
func (s *Store) PutKey(_ context.Context, k apikey.Key) error {
	return s.putDoc(s.apiKeys, id{k.Tenant, k.Hash}, layout.APIKeyKey(k.Tenant, k.Hash), k)
}
