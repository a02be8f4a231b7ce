package inbox

import (
	"context"
	"time"

	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/store"
)

// Nonce identifies a signature's nonce: unique among the signatures of one sender with one key
// (contract F74).
type Nonce struct{ Tenant, Sender, KeyID, Value string }

const (
	// NonceWindow is the longest life of a nonce. A signature expires at most 300 s after it was
	// made, may be made up to 60 s ahead of our clock, and is remembered for 60 s more (contract F.5
	// steps 5 and 13).
	NonceWindow = 7 * time.Minute
	// NoncesPerWindow is how many nonces of a key may be claimed in one window of the clock. All live
	// nonces were claimed in at most two windows, so this keeps the limit of 100,000 for each key
	// (contract F76). The webhook route's own throttle keeps the limit of 10,000,000 for all keys
	// together: a stack can't set it above 10,000 deliveries per second, of which no more than
	// 4,210,000 nonces are alive.
	NoncesPerWindow = 50_000
)

// DeliveryQuery is what a delivery claims, before it is verified.
type DeliveryQuery struct {
	Token CallbackToken
	// KeyID and Nonce come from the signature. Both are empty for a delivery without a signature.
	KeyID, Nonce string
	// MaxNonces is the limit that ClaimNonce is called with. 0 means NoncesPerWindow.
	MaxNonces int
}

// DeliveryContext is what the store knows about a delivery: everything to verify it against, from
// one read.
type DeliveryContext struct {
	// Operation is the one that the callback token names. Its ID is empty if there is none.
	Operation operation.Operation
	// Keyring holds the sender's stored keys. Its version is 0 if there are none, or if the query has
	// no KeyID.
	Keyring store.Document
	// NonceSeen: the nonce was claimed and has not expired. NonceFull: the key has no room for another
	// nonce.
	NonceSeen, NonceFull bool
}

// Store is what receiving a delivery needs of the store before the delivery is applied.
type Store interface {
	// LoadDelivery reads, consistently, everything to verify a delivery against. Unknown names are not
	// an error.
	LoadDelivery(ctx context.Context, q DeliveryQuery) (DeliveryContext, error)
	// ClaimNonce stores a nonce until the given time. In the same step it checks that the nonce is not
	// stored yet and that the key has room: at most limit nonces may be claimed in one NonceWindow of
	// the clock, and limit is at least 1. A store may refuse earlier, but never later. It returns
	// store.ErrNonceSeen or store.ErrFull.
	ClaimNonce(ctx context.Context, n Nonce, until time.Time, limit int) error
}
