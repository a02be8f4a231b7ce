package memory

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"sort"
	"time"

	"adcp-orchestrator/pkg/inbox"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/orchestrator"
	"adcp-orchestrator/pkg/store"
)

// Get returns an operation, or store.ErrNotFound.
func (s *Store) Get(ctx context.Context, tenant, opID string) (operation.Operation, error) {
	r, err := s.Load(ctx, tenant, opID)
	return r.Op, err
}

// Load returns an operation with its request, result and events, or store.ErrNotFound.
func (s *Store) Load(_ context.Context, tenant, opID string) (operation.Record, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, ok := s.operations[id{tenant, opID}]
	if !ok {
		return operation.Record{}, store.ErrNotFound
	}
	return operation.Record{
		Op:      cloneOperation(r.op),
		Request: slices.Clone(r.request),
		Result:  slices.Clone(r.result),
		Events:  slices.Clone(r.events),
	}, nil
}

// Request returns an operation's frozen arguments, or store.ErrNotFound.
func (s *Store) Request(ctx context.Context, tenant, opID string) (json.RawMessage, error) {
	r, err := s.Load(ctx, tenant, opID)
	return r.Request, err
}

// InputArguments returns the frozen arguments of the input to an input request, or
// store.ErrNotFound.
func (s *Store) InputArguments(_ context.Context, tenant, opID string, generation int) (json.RawMessage, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r, ok := s.operations[id{tenant, opID}]; ok && r.inputs[generation] != nil {
		return slices.Clone(r.inputs[generation]), nil
	}
	return nil, store.ErrNotFound
}

// Create stores an operation with its event, request, idempotency key and natural key. It returns
// store.ErrKeyTaken or a *store.NaturalKeyTakenError.
func (s *Store) Create(_ context.Context, c orchestrator.NewOperation) error {
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
	s.operations[id{t, c.Op.ID}] = &record{
		op:      cloneOperation(c.Op),
		request: slices.Clone(c.Request),
		events:  []operation.Event{c.Event},
	}
	return nil
}

// Commit stores a change with everything that belongs to it, or nothing. It returns store.ErrStale,
// store.ErrTaskTaken or a *store.DeliveryTakenError.
func (s *Store) Commit(_ context.Context, c operation.Change) error {
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
	if !ok || r.op.Version != c.Op.Version-1 {
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
	r.op = cloneOperation(c.Op)
	r.events = append(r.events, c.Events...)
	if c.Input != nil {
		if r.inputs == nil {
			r.inputs = map[int]json.RawMessage{}
		}
		r.inputs[c.Op.InputRequest.Generation] = slices.Clone(c.Input)
	}
	if c.Result != nil {
		r.result = slices.Clone(c.Result)
	}
	return nil
}

// Arm sets the task token as the workflow's state AwaitUpdate does: on condition of the version,
// which it increments. It returns store.ErrStale.
func (s *Store) Arm(tenant, opID string, version int64, token string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, ok := s.operations[id{tenant, opID}]
	if !ok || r.op.Version != version {
		return store.ErrStale
	}
	r.op.TaskToken, r.op.Version = token, version+1
	return nil
}

// Due returns operations whose DueAt is before now, at most limit of them, the longest due first.
func (s *Store) Due(_ context.Context, now time.Time, limit int) ([]operation.Ref, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var due []operation.Operation
	for _, r := range s.operations {
		if !r.op.DueAt.IsZero() && r.op.DueAt.Before(now) {
			due = append(due, r.op)
		}
	}
	sort.Slice(due, func(i, j int) bool { return due[i].DueAt.Before(due[j].DueAt) })
	var refs []operation.Ref
	for _, op := range due[:min(limit, len(due))] {
		refs = append(refs, operation.Ref{Tenant: op.Tenant, OperationID: op.ID})
	}
	return refs, nil
}

// cloneOperation copies what an operation points to, so that callers cannot change what is stored.
func cloneOperation(op operation.Operation) operation.Operation {
	if op.Attention != nil {
		a := *op.Attention
		op.Attention = &a
	}
	if op.Terminal != nil {
		t := *op.Terminal
		t.Members = maps.Clone(t.Members)
		op.Terminal = &t
	}
	if op.Error != nil {
		e := *op.Error
		op.Error = &e
	}
	return op
}
