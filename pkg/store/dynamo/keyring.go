package dynamo

import (
	"context"

	"adcp-orchestrator/pkg/notice"
	"adcp-orchestrator/pkg/store"
	"adcp-orchestrator/pkg/store/layout"
)

func keyringKey(tenant, sender string) item { return attributes(layout.KeyringKey(tenant, sender)) }

// Keyring returns a sender's keyring, or store.ErrNotFound.
func (s *Store) Keyring(ctx context.Context, tenant, sender string) (store.Document, error) {
	i, err := s.get(ctx, keyringKey(tenant, sender))
	if err == nil && i == nil {
		err = store.ErrNotFound
	}
	return readDocument(i), err
}

// PutKeyring stores a keyring, and what consumers are told of it, if the version before it is
// stored, or returns store.ErrStale.
func (s *Store) PutKeyring(ctx context.Context, tenant, sender string, d store.Document,
	told ...notice.Notice) error {
	return s.putVersion(ctx, layout.KeyringKey(tenant, sender).WithBody(d), told...)
}
