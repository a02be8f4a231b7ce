package endpoint

import (
	"context"
	"time"

	"adcp-orchestrator/pkg/notice"
)

// Reader reads endpoints.
type Reader interface {
	// Endpoints returns all endpoints of a tenant, by id. There are at most MaxEndpoints.
	Endpoints(ctx context.Context, tenant string) ([]Endpoint, error)
	// Endpoint returns an endpoint, or store.ErrNotFound.
	Endpoint(ctx context.Context, tenant, id string) (Endpoint, error)
}

// Creation remembers what an Idempotency-Key made.
type Creation struct {
	Tenant     string `json:"-"`
	EndpointID string `json:"endpoint_id"`
	// Fingerprint is that of the request.
	Fingerprint string    `json:"fingerprint"`
	At          time.Time `json:"at"`
	Unknown     string    `json:"-" document:"unknown"`
}

// KeyFor is how long an Idempotency-Key of a creation is remembered.
const KeyFor = 24 * time.Hour

// Writer keeps endpoints.
type Writer interface {
	// AddEndpoint stores a new endpoint and its Idempotency-Key, and counts it, in one transaction. It
	// returns store.ErrKeyTaken if the key is remembered, or store.ErrFull.
	AddEndpoint(ctx context.Context, e Endpoint, keyHash string, c Creation) error
	// Creation returns what an Idempotency-Key made, or store.ErrNotFound.
	Creation(ctx context.Context, tenant, keyHash string) (Creation, error)
	// PutEndpoint stores an endpoint, and what consumers are told of it, if the version before it is
	// stored, or returns store.ErrStale.
	PutEndpoint(ctx context.Context, e Endpoint, told ...notice.Notice) error
	// DeleteEndpoint deletes an endpoint and counts it no longer, or returns store.ErrNotFound. Its
	// deliveries stay until they expire.
	DeleteEndpoint(ctx context.Context, tenant, id string) error
}

// Health keeps how well endpoints do.
type Health interface {
	// SetHealth records that an attempt at an endpoint succeeded, or failed. An endpoint that does not
	// exist has no health: that is no error.
	SetHealth(ctx context.Context, tenant, id string, ok bool, at time.Time) error
	// ClaimProbe claims an attempt at an endpoint that fails. It returns false if one was claimed less
	// than ProbeEvery ago, or if there is no such endpoint.
	ClaimProbe(ctx context.Context, tenant, id string, at time.Time) (bool, error)
}

// Deliveries keeps deliveries.
type Deliveries interface {
	// AddDelivery stores a delivery, or returns store.ErrStale if there is one of that id.
	AddDelivery(ctx context.Context, d Delivery) error
	// WebhookDelivery returns a delivery with its body, or store.ErrNotFound.
	WebhookDelivery(ctx context.Context, tenant, endpointID, id string) (Delivery, error)
	// PutDelivery stores a delivery if the version before it is stored, or returns store.ErrStale.
	PutDelivery(ctx context.Context, d Delivery) error
}

// DeliveryLister lists deliveries.
type DeliveryLister interface {
	// ListDeliveries returns the deliveries of an endpoint whose ids are before one, the newest first;
	// an empty id is the first page. It looks at no more than limit of them, and returns those of a
	// state, or all if it is empty. next is the id to go on before, "" at the end.
	ListDeliveries(ctx context.Context, tenant, endpointID string, state DeliveryState, before string, limit int) (
		page []Delivery, next string, err error)
}

// Store is all that endpoints need of a store.
type Store interface {
	Reader
	Writer
	Health
	Deliveries
	DeliveryLister
}

// Message is what waits in the queue: either a delivery's round, or a text for people.
type Message struct {
	Tenant     string `json:"tenant"`
	EndpointID string `json:"endpoint_id,omitempty"`
	DeliveryID string `json:"delivery_id,omitempty"`
	Round      int    `json:"round,omitempty"`
	Text       *Text  `json:"text,omitempty"`
}

// Text is what people read.
type Text struct {
	// Type is the notice's; subscriptions may choose by it.
	Type    string `json:"type"`
	Subject string `json:"subject"`
	Body    string `json:"body"`
}

// Queue is first in, first out within a group.
type Queue interface {
	// Send puts a message into a group. A message with the same dedup id within five minutes is
	// dropped.
	Send(ctx context.Context, m Message, group, dedup string) error
}
