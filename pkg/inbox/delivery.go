package inbox

import (
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/store"
	"context"
	"time"
)

// Nonce names a signature's nonce: unique among one sender's signatures with one key (contract F74).
type Nonce struct{ Tenant, Sender, KeyID, Value string }

// The life of a nonce. It lives at most NonceWindow: a signature expires at most 300 s after it was made, which is at most 60 s ahead of our clock, and is
// remembered for 60 s more (contract F.5 steps 5 and 13).
const (
	NonceWindow = 7 * time.Minute
	// NoncesPerWindow bounds how many nonces of a key are claimed in one window of the clock. What lives at any time was claimed in two of them: this holds
	// the cap of 100,000 for each key (contract F76). The one of 10,000,000 for all keys together is the webhook route's own throttle: at 50 deliveries a
	// second no more than 21,100 nonces are alive.
	NoncesPerWindow = 50_000
)

// Arriving is what a delivery says of itself before anything of it is believed.
type DeliveryQuery struct {
	Route CallbackToken
	// KeyID and Nonce are the signature's, both empty for a delivery without one.
	KeyID, Nonce string
	// Most is what ClaimNonce is given: how many nonces of the key may be claimed in one NonceWindow. 0 is NoncesPerWindow.
	MaxNonces int
}

// Arrival is what the store knows of a delivery: everything that it is checked against, in one read.
type DeliveryContext struct {
	// Operation is the one that the route was made for; its ID is empty if there is none.
	Operation operation.Operation
	// Keyring is what is kept of the sender's keys; of version 0 if nothing is, and if no KeyID was asked for.
	Keyring store.Document
	// NonceSeen: the nonce was claimed and has not expired. NonceFull: the key has no room for another.
	NonceSeen, NonceFull bool
}

// ArrivalStore is what receiving a delivery needs of the store before anything is applied.
type Store interface {
	// Arrive reads all that a delivery is checked against, consistently. It is no error if nothing is known.
	LoadDelivery(ctx context.Context, a DeliveryQuery) (DeliveryContext, error)
	// ClaimNonce keeps a nonce until the time given, in one step with the check that it is not kept already and that the key has room: most is how many
	// may be claimed in one NonceWindow of the clock, at least 1 (a store may refuse earlier, never later). It returns ErrNonceSeen or ErrFull.
	ClaimNonce(ctx context.Context, n Nonce, until time.Time, most int) error
}
