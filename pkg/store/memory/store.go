package memory

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"adcp-orchestrator/pkg/circuit"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/quota"
	"adcp-orchestrator/pkg/store"
	"adcp-orchestrator/pkg/store/layout"
)

// id names a record of a tenant.
type id struct{ tenant, key string }

// claim is a key that an operation holds, in Unix seconds until ttl, or for ever if that is 0.
type claim struct {
	operationID, fingerprint string
	ttl                      int64
}

// record is an operation with everything that is stored beside it: items by their sort keys.
type record struct {
	items   map[string]layout.Item
	version int64
	listed  listed
}

func (r *record) put(items ...layout.Item) {
	for _, i := range items {
		r.items[i.Text("sk")] = i
	}
}

// withPrefix returns the items whose sort keys begin with sk, in the order of the sort keys.
func (r *record) withPrefix(sk string) (items []layout.Item) {
	for _, k := range slices.Sorted(maps.Keys(r.items)) {
		if strings.HasPrefix(k, sk) {
			items = append(items, r.items[k])
		}
	}
	return items
}

// Store keeps the state in memory. It implements storetest.Store. Use New to make one, and set its
// exported fields before its first use.
type Store struct {
	// Conflict, if set, reports whether another transaction is under way on what a write writes. The
	// writes are Create, Bind, Commit, ClaimNonce, Quarantine, DeleteAgent and Arm. DynamoDB refuses
	// such a write with TransactionConflict. Like package dynamo, the store tries again, though
	// without waiting, and returns ErrConflict when it gives up. Arm does not try again: it is the
	// state machine's own write.
	Conflict func(write string) bool
	// IndexLag is how long after a write the indexes, of Due and List, show what was stored before it.
	IndexLag time.Duration
	// IndexWrites counts the writes of Due's index as DynamoDB bills them: an entry that moves is
	// written twice.
	IndexWrites int

	dueShards   int
	leases      map[string]lease
	failures    map[operation.Ref]layout.Failures // looks of the reconciler
	mu          sync.Mutex
	now         func() time.Time
	operations  map[id]*record
	index       map[id]indexEntry
	idempotency map[id]claim
	naturalKeys map[id]claim
	tasks       map[id]claim
	refs        map[string]map[string]layout.Item // by their partition and sort keys
	deliveries  map[id]operation.Delivery
	agents      map[id]layout.Item
	profiles    map[id]layout.Item
	items       map[string]layout.Item    // of partitions with one item, by their keys
	counters    map[[2]string]layout.Item // of metrics, by their keys
	nonces      map[id]time.Time          // their expiries
	nonceCounts map[id]int
	keyrings    map[id]store.Document
	circuits    map[id]store.Document
	gates       map[circuit.GateID]*gateRecord
	buckets     map[id]quota.Bucket
	notices     map[id]layout.Item
	outbox      map[rowID]waiting
	feedEnds    map[string]feedEnd
	feed        map[id]layout.Item
	quarantine  map[id]layout.Item
	bodies      map[id][]layout.Item // of quarantined deliveries
	// quarantineCounts counts authentic deliveries by day and operation.
	quarantineCounts map[id]int
	brakes           map[id]layout.Item
	open             map[id]openCount
	webhooks         webhooks
}

// New returns an empty store. It compares expiries with now.
func New(now func() time.Time) *Store {
	return &Store{
		now:              now,
		dueShards:        layout.DefaultDueShards,
		leases:           map[string]lease{},
		failures:         map[operation.Ref]layout.Failures{},
		operations:       map[id]*record{},
		index:            map[id]indexEntry{},
		idempotency:      map[id]claim{},
		naturalKeys:      map[id]claim{},
		tasks:            map[id]claim{},
		refs:             map[string]map[string]layout.Item{},
		deliveries:       map[id]operation.Delivery{},
		agents:           map[id]layout.Item{},
		profiles:         map[id]layout.Item{},
		items:            map[string]layout.Item{},
		counters:         map[[2]string]layout.Item{},
		nonces:           map[id]time.Time{},
		nonceCounts:      map[id]int{},
		keyrings:         map[id]store.Document{},
		circuits:         map[id]store.Document{},
		gates:            map[circuit.GateID]*gateRecord{},
		buckets:          map[id]quota.Bucket{},
		notices:          map[id]layout.Item{},
		outbox:           map[rowID]waiting{},
		feedEnds:         map[string]feedEnd{},
		feed:             map[id]layout.Item{},
		quarantine:       map[id]layout.Item{},
		bodies:           map[id][]layout.Item{},
		quarantineCounts: map[id]int{},
		brakes:           map[id]layout.Item{},
		open:             map[id]openCount{},
		webhooks:         webhooks{},
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

// readDoc returns a record that is stored as a document, or store.ErrNotFound if there is none or
// if it has expired.
func readDoc[T any](s *Store, items map[id]layout.Item, k id) (T, error) {
	i, err := find(s, items, k)
	if err == nil && i.Expired(s.now()) {
		err = store.ErrNotFound
	}
	if err != nil {
		var none T
		return none, err
	}
	return layout.ReadDoc[T](i)
}

// ErrConflict is what a write returns that met a TransactionConflict too often. It is temporary.
var ErrConflict = errors.New("another transaction is under way on the record")

// maxTries is how often package dynamo tries a transaction.
const maxTries = 13

// conflict returns ErrConflict if all tries of a write meet a conflict.
func (s *Store) conflict(write string, tries int) error {
	if s.Conflict == nil {
		return nil
	}
	for range tries {
		if !s.Conflict(write) {
			return nil
		}
	}
	return ErrConflict
}
