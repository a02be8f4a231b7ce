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

// Get returns an operation, or store.ErrNotFound if it does not exist or has expired.
func (s *Store) Get(_ context.Context, tenant, opID string) (operation.Operation, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.read(id{tenant, opID})
}

// stored returns the record of an operation. ok is false if the operation's own item does not
// exist: the table deletes the items of an expired one in any order. The caller holds the lock.
func (s *Store) stored(k id) (r *record, ok bool) {
	r, ok = s.operations[k]
	return r, ok && r.items[layout.SKOperation] != nil
}

// read returns an operation, or store.ErrNotFound. The caller holds the lock.
func (s *Store) read(k id) (operation.Operation, error) {
	r, ok := s.stored(k)
	if !ok {
		return operation.Operation{}, store.ErrNotFound
	}
	return layout.ReadOperation(r.items[layout.SKOperation], s.now())
}

// Load returns an operation with its request, result and events, or store.ErrNotFound.
func (s *Store) Load(_ context.Context, tenant, opID string) (operation.Record, error) {
	return layout.ReadRecord(s.itemsOf(tenant, opID, ""), s.now())
}

// Request returns an operation's frozen arguments, or store.ErrNotFound.
func (s *Store) Request(_ context.Context, tenant, opID string) (json.RawMessage, error) {
	return layout.ReadChunks(layout.Live(s.itemsOf(tenant, opID, layout.SKRequest), s.now()))
}

// Result returns an operation's result, or store.ErrNotFound if it has none.
func (s *Store) Result(_ context.Context, tenant, opID string) (json.RawMessage, error) {
	return layout.ReadChunks(layout.Live(s.itemsOf(tenant, opID, layout.SKResult), s.now()))
}

// Events returns an operation's events behind a sequence number, oldest first: at most limit, and
// the others of the last one's change. more says that there may be others.
func (s *Store) Events(_ context.Context, tenant, opID string, after int64, limit int) (
	events []operation.Event, more bool, err error) {
	lo, hi := layout.EventsRange(after)
	var items []layout.Item
	for _, i := range s.itemsOf(tenant, opID, layout.SKEvent) {
		sk := i.Text("sk")
		if sk < lo || sk > hi {
			continue
		}
		if len(items) >= limit {
			more = true // as a query that has read as many as it may says as well if nothing follows
			if last := items[len(items)-1].Text("sk"); sk[:len(layout.ChangeEvents(0))] != last[:len(layout.ChangeEvents(0))] {
				break
			}
		}
		items = append(items, i)
	}
	events, err = layout.ReadEvents(layout.Live(items, s.now()))
	return events, more || len(items) == limit, err
}

// InputArguments returns the frozen arguments of the input to an input request, or
// store.ErrNotFound.
func (s *Store) InputArguments(_ context.Context, tenant, opID string, generation int) (json.RawMessage, error) {
	return layout.ReadChunks(layout.Live(s.itemsOf(tenant, opID, layout.SKInputOf(generation)), s.now()))
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

// Create stores an operation with its event, request, idempotency key and natural keys. It returns
// store.ErrKeyTaken, a *store.NaturalKeyTakenError or store.ErrAgentDeleted.
func (s *Store) Create(_ context.Context, c orchestrator.NewOperation) error {
	op, beside, err := layout.CreationItems(c.Op, c.Event, c.Request, s.dueShards)
	if err != nil {
		return err
	}
	items := append(slices.Clone(beside), op)
	// The idempotency key, the item by which the operation finds it, and the agent's count.
	small := 3 + len(c.Op.NaturalKeys())
	if err := s.admit("Create", items, small); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	t := c.Op.Tenant
	if _, taken := s.held(s.idempotency, id{t, c.KeyHash}); taken {
		return store.ErrKeyTaken
	}
	for _, k := range c.Op.NaturalKeys() {
		if first, taken := s.held(s.naturalKeys, id{t, k}); taken && first.operationID != *c.Replaced(k) {
			return &store.NaturalKeyTakenError{OperationID: first.operationID, Fingerprint: first.fingerprint, Key: k}
		}
	}
	if c.Op.Counted {
		if s.open[id{t, c.Op.AgentID}].closed {
			return store.ErrAgentDeleted
		}
		s.countOpen(c.Op, 1)
	}
	for _, k := range c.Op.NaturalKeys() {
		s.naturalKeys[id{t, k}] = claim{c.Op.ID, c.NaturalFingerprint, 0}
	}
	r := &record{items: map[string]layout.Item{}, version: c.Op.Version}
	s.operations[id{t, c.Op.ID}] = r
	s.putAll(r, op, items)
	s.bindKey(t, c.KeyHash, orchestrator.IdempotencyRecord{OperationID: c.Op.ID, Fingerprint: c.Fingerprint})
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
	if c.Uncount {
		small++
	}
	if c.FreeNaturalKey {
		small += len(c.Op.NaturalKeys())
	}
	if err := s.admit("Commit", append(slices.Clone(beside), op), small); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	t := c.Op.Tenant
	r, ok := s.stored(id{t, c.Op.ID})
	if d := c.Delivery; d != nil {
		first, taken := s.deliveries[id{t, d.Sender + "\x00" + d.KeyHash}]
		if taken && first.ExpiresAt >= s.now().Unix() && !takesOver(*d, first) {
			return &store.DeliveryTakenError{First: first}
		}
	}
	if !ok || r.version != c.Op.Version-1 {
		return store.ErrStale
	}
	if c.BindTask {
		if holder, taken := s.held(s.tasks, taskID(c.Op)); taken && holder.operationID != c.Op.ID {
			return store.ErrTaskTaken
		}
		s.tasks[taskID(c.Op)] = claim{operationID: c.Op.ID, ttl: layout.TTL(c.Op.ExpiresAt)}
	}
	if d := c.Delivery; d != nil {
		s.deliveries[id{t, d.Sender + "\x00" + d.KeyHash}] = *d
	}
	for _, k := range c.Op.NaturalKeys() {
		if natural := (id{t, k}); c.FreeNaturalKey && s.naturalKeys[natural].operationID == c.Op.ID {
			delete(s.naturalKeys, natural)
		}
	}
	if c.Uncount {
		s.countOpen(c.Op, -1)
	}
	r.version = c.Op.Version
	s.putAll(r, op, append(beside, layout.Rewrite(r.items[layout.SKOperation], op)))
	s.reindex(id{t, c.Op.ID}, op)
	return nil
}

// takesOver reports whether a replay may take a key over from its own payload, which was a
// conflict.
func takesOver(d, first operation.Delivery) bool {
	return d.Replay != "" && first.Fingerprint == d.Fingerprint &&
		(first.Verdict == operation.Conflict || first.Verdict == operation.WrongTask)
}

// Delivery returns the claim of a delivery's key, or store.ErrNotFound if there is none or if it
// has expired.
func (s *Store) Delivery(_ context.Context, tenant, sender, keyHash string) (operation.Delivery, error) {
	d, err := find(s, s.deliveries, id{tenant, sender + "\x00" + keyHash})
	if err == nil && d.ExpiresAt < s.now().Unix() {
		err = store.ErrNotFound
	}
	if err != nil {
		return operation.Delivery{}, err
	}
	return d, nil
}

// taskID names the binding of an operation's task.
func taskID(op operation.Operation) id {
	return id{op.Tenant, inbox.SenderID(op.Target) + "\x00" + op.TaskID}
}

// Arm sets the task token as the workflow's state AwaitUpdate does: on condition of the version,
// which it increments. It returns store.ErrStale or ErrConflict.
func (s *Store) Arm(tenant, opID string, version int64, token string) error {
	if err := s.conflict("Arm", 1); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	r, ok := s.stored(id{tenant, opID})
	if !ok || r.version != version {
		return store.ErrStale
	}
	r.version++
	r.put(r.items[layout.SKOperation].With(layout.Item{"task_token": token, "version": r.version}))
	return nil
}
