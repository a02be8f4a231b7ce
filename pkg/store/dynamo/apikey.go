package dynamo

import (
	"context"

	"adcp-orchestrator/pkg/apikey"
	"adcp-orchestrator/pkg/store/layout"
)

// Key returns the API key with that hash, or store.ErrNotFound.
func (s *Store) Key(ctx context.Context, tenant, hash string) (apikey.Key, error) {
	return getDocument[apikey.Key](ctx, s, layout.APIKeyKey(tenant, hash))
}

// PutKey stores an API key.
func (s *Store) PutKey(ctx context.Context, k apikey.Key) error {
	return s.putDocument(ctx, layout.APIKeyKey(k.Tenant, k.Hash), k)
}
