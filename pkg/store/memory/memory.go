// Package memory is a Store in memory: for tests and simulations. It keeps the same promises as the one on DynamoDB; pkg/storetest holds both to them.
package memory

import (
	"adcp-orchestrator/pkg/apikey"
	"adcp-orchestrator/pkg/inbox"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/orchestrator"
	"adcp-orchestrator/pkg/registry"
	"adcp-orchestrator/pkg/store"
	"context"
	"encoding/json"
	"slices"
	"sort"
	"sync"
	"time"
)

type id struct{ tenant, key string }

type kept struct {
	op      operation.Operation
	request json.RawMessage
	result  json.RawMessage
	resumes map[int]json.RawMessage
	events  []operation.Event
}

// Store is a Store in memory. Use New.
type Store struct {
	mu         sync.Mutex
	now        func() time.Time
	operations map[id]*kept
	keys       map[id]orchestrator.IdempotencyRecord
	naturals   map[id]string
	tasks      map[id]string
	deliveries map[id]operation.Delivery
	quarantine map[id]inbox.Quarantined
	agents     map[id]registry.Agent
	profiles   map[id]registry.Profile
	apiKeys    map[id]apikey.Key
	nonces     map[id]time.Time
	claimed    map[id]int
	keyrings   map[id]store.Document
	circuits   map[id]store.Document
}

// New returns an empty store whose expiries are compared with now.
func New(now func() time.Time) *Store {
	return &Store{now: now, operations: map[id]*kept{}, keys: map[id]orchestrator.IdempotencyRecord{}, naturals: map[id]string{}, tasks: map[id]string{},
		deliveries: map[id]operation.Delivery{}, quarantine: map[id]inbox.Quarantined{}, agents: map[id]registry.Agent{},
		profiles: map[id]registry.Profile{}, apiKeys: map[id]apikey.Key{}, nonces: map[id]time.Time{}, claimed: map[id]int{},
		keyrings: map[id]store.Document{}, circuits: map[id]store.Document{}}
}

// Get implements orchestrator.Store.
func (s *Store) Get(ctx context.Context, tenant, opID string) (operation.Operation, error) {
	r, err := s.Load(ctx, tenant, opID)
	return r.Op, err
}

// Load implements orchestrator.Store.
func (s *Store) Load(_ context.Context, tenant, opID string) (operation.Record, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k, ok := s.operations[id{tenant, opID}]
	if !ok {
		return operation.Record{}, store.ErrNotFound
	}
	return operation.Record{Op: clone(k.op), Request: slices.Clone(k.request), Result: slices.Clone(k.result), Events: slices.Clone(k.events)}, nil
}

// Request implements orchestrator.Store.
func (s *Store) Request(ctx context.Context, tenant, opID string) (json.RawMessage, error) {
	r, err := s.Load(ctx, tenant, opID)
	return r.Request, err
}

// Resume implements orchestrator.Store.
func (s *Store) InputArguments(_ context.Context, tenant, opID string, generation int) (json.RawMessage, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if k, ok := s.operations[id{tenant, opID}]; ok && k.resumes[generation] != nil {
		return slices.Clone(k.resumes[generation]), nil
	}
	return nil, store.ErrNotFound
}

// Submission implements orchestrator.Store.
func (s *Store) IdempotencyRecord(_ context.Context, tenant, keyHash string) (orchestrator.IdempotencyRecord, error) {
	return find(s, s.keys, id{tenant, keyHash})
}

// Create implements orchestrator.Store.
func (s *Store) Create(_ context.Context, c orchestrator.NewOperation) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := c.Op.Tenant
	if _, taken := s.keys[id{t, c.KeyHash}]; taken {
		return store.ErrKeyTaken
	}
	if c.NaturalHash != "" {
		if holder, taken := s.naturals[id{t, c.NaturalHash}]; taken && holder != c.Replaces {
			return &store.NaturalKeyTakenError{OperationID: holder}
		}
		s.naturals[id{t, c.NaturalHash}] = c.Op.ID
	}
	s.keys[id{t, c.KeyHash}] = orchestrator.IdempotencyRecord{OperationID: c.Op.ID, Fingerprint: c.Fingerprint}
	s.operations[id{t, c.Op.ID}] = &kept{op: clone(c.Op), request: slices.Clone(c.Request), events: []operation.Event{c.Event}}
	return nil
}

// Bind implements orchestrator.Store.
func (s *Store) Bind(_ context.Context, tenant, keyHash, naturalHash string, sub orchestrator.IdempotencyRecord) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, taken := s.keys[id{tenant, keyHash}]; taken {
		return store.ErrKeyTaken
	}
	if s.naturals[id{tenant, naturalHash}] != sub.OperationID {
		return store.ErrStale
	}
	s.keys[id{tenant, keyHash}] = sub
	return nil
}

// Commit implements orchestrator.Store.
func (s *Store) Commit(_ context.Context, c operation.Change) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := c.Op.Tenant
	k, ok := s.operations[id{t, c.Op.ID}]
	if d := c.Delivery; d != nil {
		first, taken := s.deliveries[id{t, d.AgentID + "\x00" + d.KeyHash}]
		if taken && first.ExpiresAt >= s.now().Unix() {
			return &store.DeliveryTakenError{First: first}
		}
	}
	if !ok || k.op.Version != c.Op.Version-1 {
		return store.ErrStale
	}
	if c.BindTask {
		task := id{t, c.Op.AgentID + "\x00" + c.Op.TaskID}
		if holder, taken := s.tasks[task]; taken && holder != c.Op.ID {
			return store.ErrTaskTaken
		}
		s.tasks[task] = c.Op.ID
	}
	if d := c.Delivery; d != nil {
		s.deliveries[id{t, d.AgentID + "\x00" + d.KeyHash}] = *d
	}
	k.op = clone(c.Op)
	k.events = append(k.events, c.Events...)
	if c.Input != nil {
		if k.resumes == nil {
			k.resumes = map[int]json.RawMessage{}
		}
		k.resumes[c.Op.InputRequest.Generation] = slices.Clone(c.Input)
	}
	if c.Result != nil {
		k.result = slices.Clone(c.Result)
	}
	return nil
}

// Arm sets the task token as the workflow's AwaitUpdate does: on condition of the version, which it counts up. It returns ErrStale.
func (s *Store) Arm(tenant, opID string, version int64, token string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	k, ok := s.operations[id{tenant, opID}]
	if !ok || k.op.Version != version {
		return store.ErrStale
	}
	k.op.TaskToken, k.op.Version = token, version+1
	return nil
}

// Due implements orchestrator.Store.
func (s *Store) Due(_ context.Context, now time.Time, limit int) ([]operation.Ref, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var due []operation.Operation
	for _, k := range s.operations {
		if !k.op.DueAt.IsZero() && k.op.DueAt.Before(now) {
			due = append(due, k.op)
		}
	}
	sort.Slice(due, func(i, j int) bool { return due[i].DueAt.Before(due[j].DueAt) })
	var refs []operation.Ref
	for _, op := range due[:min(limit, len(due))] {
		refs = append(refs, operation.Ref{Tenant: op.Tenant, OperationID: op.ID})
	}
	return refs, nil
}

// find looks something up that is stored by value.
func find[T any](s *Store, kept map[id]T, k id) (T, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v, ok := kept[k]
	if !ok {
		return v, store.ErrNotFound
	}
	return v, nil
}

// clone keeps what is stored apart from what callers hold.
func clone(op operation.Operation) operation.Operation {
	if op.Attention != nil {
		a := *op.Attention
		op.Attention = &a
	}
	if op.Terminal != nil {
		t := *op.Terminal
		op.Terminal = &t
	}
	if op.Error != nil {
		e := *op.Error
		op.Error = &e
	}
	return op
}
