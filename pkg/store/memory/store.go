package memory

import (
	"encoding/json"
	"sync"
	"time"

	"adcp-orchestrator/pkg/apikey"
	"adcp-orchestrator/pkg/inbox"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/orchestrator"
	"adcp-orchestrator/pkg/registry"
	"adcp-orchestrator/pkg/store"
)

// id names a record of a tenant.
type id struct{ tenant, key string }

// record is an operation with everything that is stored beside it.
type record struct {
	op      operation.Operation
	request json.RawMessage
	result  json.RawMessage
	inputs  map[int]json.RawMessage // by the input request's generation
	events  []operation.Event
}

// Store keeps the state in memory. It implements storetest.Store. Use New to make one.
type Store struct {
	mu          sync.Mutex
	now         func() time.Time
	operations  map[id]*record
	idempotency map[id]orchestrator.IdempotencyRecord
	naturalKeys map[id]orchestrator.IdempotencyRecord // the operations that hold them
	tasks       map[id]string                         // the operations that they are bound to
	deliveries  map[id]operation.Delivery
	quarantine  map[id]inbox.Quarantined
	agents      map[id]registry.Agent
	profiles    map[id]registry.Profile
	apiKeys     map[id]apikey.Key
	nonces      map[id]time.Time // their expiries
	nonceCounts map[id]int
	keyrings    map[id]store.Document
	circuits    map[id]store.Document
}

// New returns an empty store. It compares expiries with now.
func New(now func() time.Time) *Store {
	return &Store{
		now:         now,
		operations:  map[id]*record{},
		idempotency: map[id]orchestrator.IdempotencyRecord{},
		naturalKeys: map[id]orchestrator.IdempotencyRecord{},
		tasks:       map[id]string{},
		deliveries:  map[id]operation.Delivery{},
		quarantine:  map[id]inbox.Quarantined{},
		agents:      map[id]registry.Agent{},
		profiles:    map[id]registry.Profile{},
		apiKeys:     map[id]apikey.Key{},
		nonces:      map[id]time.Time{},
		nonceCounts: map[id]int{},
		keyrings:    map[id]store.Document{},
		circuits:    map[id]store.Document{},
	}
}

// find returns a record that is stored by value, or store.ErrNotFound.
func find[T any](s *Store, records map[id]T, k id) (T, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v, ok := records[k]
	if !ok {
		return v, store.ErrNotFound
	}
	return v, nil
}
