package dynamo

import (
	"context"

	"adcp-orchestrator/pkg/apikey"
)

// Key returns the API key with that hash, or store.ErrNotFound.
func (s *Store) Key(ctx context.Context, tenant, hash string) (apikey.Key, error) {
	return getDocument[apikey.Key](ctx, s, key(tenant, "api_key", hash, skOnly))
}

// PutKey stores an API key.
func (s *Store) PutKey(ctx context.Context, k apikey.Key) error {
	return s.putDocument(ctx, key(k.Tenant, "api_key", k.Hash, skOnly), k)
}
