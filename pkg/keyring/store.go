package keyring

import (
	"context"

	"adcp-orchestrator/pkg/notice"
	"adcp-orchestrator/pkg/store"
)

// Store stores one document for each sender.
type Store interface {
	// Keyring returns a sender's document, or store.ErrNotFound.
	Keyring(ctx context.Context, tenant, sender string) (store.Document, error)
	// PutKeyring stores d, and what consumers are told of it, if the stored version is d.Version-1,
	// where 0 means that no document is stored. Otherwise it returns store.ErrStale.
	PutKeyring(ctx context.Context, tenant, sender string, d store.Document, told ...notice.Notice) error
}
