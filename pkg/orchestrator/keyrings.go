package orchestrator

import "context"

// Keyrings keeps what is known of senders' keys.
type Keyrings interface {
	// Keyring returns a sender's document, or ErrNotFound.
	Keyring(ctx context.Context, tenant, sender string) (Document, error)
	// PutKeyring stores a document if d.Version-1 is stored (0: none), or returns ErrStale.
	PutKeyring(ctx context.Context, tenant, sender string, d Document) error
}
