package memory

import (
	"context"
	"encoding/json"
	"slices"

	"adcp-orchestrator/pkg/inbox"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/orchestrator"
	"adcp-orchestrator/pkg/store"
	"adcp-orchestrator/pkg/store/layout"
)

// Get returns an operation, or store.ErrNotFound.
func (s *Store) Get(_ context.Context, tenant, opID string) (operation.Operation, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, ok := s.operations[id{tenant, opID}]
	if !ok {
		return operation.Operation{}, store.ErrNotFound
	}
	return layout.ReadOperation(r.items[layout.SKOperation])
}

// Load returns an operation with its request, result and events, or store.ErrNotFound.
func (s *Store) Load(_ context.Context, tenant, opID string) (operation.Record, error) {
	return layout.ReadRecord(s.itemsOf(tenant, opID, ""))
}

// Request returns an operation's frozen arguments, or store.ErrNotFound.
func (s *Store) Request(_ context.Context, tenant, opID string) (json.RawMessage, error) {
	return layout.ReadChunks(s.itemsOf(tenant, opID, layout.SKRequest))
}

// InputArguments returns the frozen arguments of the input to an input request, or
// store.ErrNotFound.
func (s *Store) InputArguments(_ context.Context, tenant, opID string, generation int) (json.RawMessage, error) {
	return layout.ReadChunks(s.itemsOf(tenant, opID, layout.SKInputOf(generation)))
}

// itemsOf returns the items of an operation whose sort keys begin with sk, none if there is no such
// operation. Items are never modified, only replaced.
func (s *Store) itemsOf(tenant, opID, sk string) []layout.Item {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r, ok := s.operations[id{tenant, opID}]; ok {
		return r.withPrefix(sk)
	}
	return nil
}

// Create stores an operation with its event, request, idempotency key and natural key. It returns
// store.ErrKeyTaken or a *store.NaturalKeyTakenError.
func (s *Store) Create(_ context.Context, c orchestrator.NewOperation) error {
	op, err := layout.OperationItem(c.Op, s.dueShards)
	if err != nil {
		return err
	}
	event, err := layout.EventItem(c.Op, c.Event, 0)
	if err != nil {
		return err
	}
	items, err := layout.BodyItems(c.Op, layout.SKRequest, c.Request)
	if err != nil {
		return err
	}
	items = append(items, op, event)
	small := 1 // the idempotency key
	if c.Op.NaturalKey != "" {
		small++
	}
	if err := s.admit("Create", items, small); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	t := c.Op.Tenant
	if _, taken := s.idempotency[id{t, c.KeyHash}]; taken {
		return store.ErrKeyTaken
	}
	if natural := (id{t, c.Op.NaturalKey}); natural.key != "" {
		if first, taken := s.naturalKeys[natural]; taken && first.OperationID != c.Replaces {
			return &store.NaturalKeyTakenError{OperationID: first.OperationID, Fingerprint: first.Fingerprint}
		}
		s.naturalKeys[natural] = orchestrator.IdempotencyRecord{OperationID: c.Op.ID, Fingerprint: c.NaturalFingerprint}
	}
	s.idempotency[id{t, c.KeyHash}] = orchestrator.IdempotencyRecord{OperationID: c.Op.ID, Fingerprint: c.Fingerprint}
	r := &record{items: map[string]layout.Item{}, version: c.Op.Version}
	r.put(items...)
	s.operations[id{t, c.Op.ID}] = r
	s.reindex(id{t, c.Op.ID}, op)
	return nil
}

// admit returns an error if DynamoDB would refuse a transaction before it looks at what is stored,
// or if it meets conflicts only. small is how many small items the transaction writes besides.
func (s *Store) admit(write string, items []layout.Item, small int) error {
	if err := layout.CheckTransaction(items, small); err != nil {
		return err
	}
	return s.conflict(write, maxTries)
}

// Commit stores a change with everything that belongs to it, or nothing. It returns store.ErrStale,
// store.ErrTaskTaken, a *store.DeliveryTakenError or store.ErrNewerSchema.
func (s *Store) Commit(_ context.Context, c operation.Change) error {
	op, err := layout.OperationItem(c.Op, s.dueShards)
	if err != nil {
		return err
	}
	beside, err := layout.ChangeItems(c)
	if err != nil {
		return err
	}
	small := 0
	if c.BindTask {
		small++
	}
	if c.Delivery != nil {
		small++
	}
	if c.FreeNaturalKey && c.Op.NaturalKey != "" {
		small++
	}
	if err := s.admit("Commit", append(slices.Clone(beside), op), small); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	t := c.Op.Tenant
	r, ok := s.operations[id{t, c.Op.ID}]
	if d := c.Delivery; d != nil {
		first, taken := s.deliveries[id{t, d.Sender + "\x00" + d.KeyHash}]
		if taken && first.ExpiresAt >= s.now().Unix() {
			return &store.DeliveryTakenError{First: first}
		}
	}
	if !ok || r.version != c.Op.Version-1 {
		return store.ErrStale
	}
	if c.BindTask {
		task := id{t, inbox.SenderID(c.Op.Target) + "\x00" + c.Op.TaskID}
		if holder, taken := s.tasks[task]; taken && holder != c.Op.ID {
			return store.ErrTaskTaken
		}
		s.tasks[task] = c.Op.ID
	}
	if d := c.Delivery; d != nil {
		s.deliveries[id{t, d.Sender + "\x00" + d.KeyHash}] = *d
	}
	if natural := (id{t, c.Op.NaturalKey}); c.FreeNaturalKey && s.naturalKeys[natural].OperationID == c.Op.ID {
		delete(s.naturalKeys, natural)
	}
	r.version = c.Op.Version
	r.put(beside...)
	r.put(layout.Rewrite(r.items[layout.SKOperation], op))
	s.reindex(id{t, c.Op.ID}, op)
	return nil
}

// Arm sets the task token as the workflow's state AwaitUpdate does: on condition of the version,
// which it increments. It returns store.ErrStale or ErrConflict.
func (s *Store) Arm(tenant, opID string, version int64, token string) error {
	if err := s.conflict("Arm", 1); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	r, ok := s.operations[id{tenant, opID}]
	if !ok || r.version != version {
		return store.ErrStale
	}
	r.version++
	r.put(r.items[layout.SKOperation].With(layout.Item{"task_token": token, "version": r.version}))
	return nil
}
