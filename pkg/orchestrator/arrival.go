package orchestrator

import (
	"context"
	"time"

	"adcp-orchestrator/pkg/operation"
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
	Keyring Document
	// NonceSeen: the nonce was claimed and has not expired. NonceFull: the key has no room for another.
	NonceSeen, NonceFull bool
}

// Document is something that a store keeps without reading it.
type Document struct {
	// Version counts the stored changes, 0 for a document that is not stored yet.
	Version int64
	Body    []byte
}

// ArrivalStore is what receiving a delivery needs of the store before anything is applied.
type Store2 interface {
	// Arrive reads all that a delivery is checked against, consistently. It is no error if nothing is known.
	LoadDelivery(ctx context.Context, a DeliveryQuery) (DeliveryContext, error)
	// ClaimNonce keeps a nonce until the time given, in one step with the check that it is not kept already and that the key has room: most is how many
	// may be claimed in one NonceWindow of the clock, at least 1 (a store may refuse earlier, never later). It returns ErrNonceSeen or ErrFull.
	ClaimNonce(ctx context.Context, n Nonce, until time.Time, most int) error
}

// Keyrings keeps what is known of senders' keys.
type Keyrings interface {
	// Keyring returns a sender's document, or ErrNotFound.
	Keyring(ctx context.Context, tenant, sender string) (Document, error)
	// PutKeyring stores a document if d.Version-1 is stored (0: none), or returns ErrStale.
	PutKeyring(ctx context.Context, tenant, sender string, d Document) error
}

// Quarantined is a delivery that was not applied, kept with its reason.
type Quarantined struct {
	Tenant, AgentID string
	// OperationID is the operation that the route was made for.
	OperationID string
	At          time.Time
	// Authentic: the agent sent it. Otherwise anybody who knows the route may have.
	Authentic bool
	// Code is what the sender was told, Reason what the tenant is told.
	Code, Reason string
	// Digest is the hexadecimal SHA-256 of the body, Size its length in bytes; the body itself is not kept.
	Digest string
	Size   int
	// Header holds the header fields that are no secrets, cut short.
	Header map[string]string
	// Of an authentic one: what it says of the task.
	TaskID, Status string
	// Count is how often it came, LastAt when it last did. Of those that are not authentic one record is kept for each operation, day and code: Digest and
	// Header are the first's.
	Count  int64
	LastAt time.Time
}

// MostQuarantined is how many authentic deliveries are kept for one operation and day. An honest sender does not come near it.
const MaxQuarantined = 100

// QuarantineFor is how long quarantined deliveries are kept (contract L11).
const QuarantineFor = 90 * 24 * time.Hour

type Quarantine interface {
	// Quarantine keeps a delivery that was not applied. The same again, by operation, day of At and digest (authentic) or code (not authentic), counts up
	// the first. It returns ErrFull when MostQuarantined authentic ones are kept for the operation and day.
	Quarantine(ctx context.Context, q Quarantined) error
}

// QuarantineReader lists what was kept.
type QuarantineReader interface {
	// Quarantined lists the deliveries kept for a tenant on a day, in UTC, as 2006-01-02: at most limit, from after the place given ("" for the first).
	// It returns the place to go on from, "" at the end and there only: a page may be short, or empty, before it.
	Quarantined(ctx context.Context, tenant, day, after string, limit int) (found []Quarantined, next string, err error)
}
