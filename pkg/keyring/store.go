package keyring

import (
	"adcp-orchestrator/pkg/store"
	"context"
)

// Keyrings keeps what is known of senders' keys.
type Store interface {
	// Keyring returns a sender's document, or ErrNotFound.
	Keyring(ctx context.Context, tenant, sender string) (store.Document, error)
	// PutKeyring stores a document if d.Version-1 is stored (0: none), or returns ErrStale.
	PutKeyring(ctx context.Context, tenant, sender string, d store.Document) error
}
