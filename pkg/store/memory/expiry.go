package memory

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/store"
	"adcp-orchestrator/pkg/store/layout"
)

// SetExpiry sets the ttl of everything that is kept beside an operation, or removes it if the
// operation does not expire. It returns store.ErrStale if the operation has another expiry.
func (s *Store) SetExpiry(_ context.Context, op operation.Operation) error {
	if err := s.conflict("SetExpiry", maxTries); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	ttl, keyTTL := layout.TTL(op.ExpiresAt), layout.KeyTTL(op.ExpiresAt)
	r, ok := s.stored(id{op.Tenant, op.ID})
	if !ok || r.items[layout.SKOperation].Number("ttl") != ttl {
		return store.ErrStale
	}
	set := func(claims map[id]claim, k id, ttl int64) {
		if c, ok := claims[k]; ok && c.operationID == op.ID {
			c.ttl = ttl
			claims[k] = c
		}
	}
	for _, k := range op.NaturalKeys() {
		set(s.naturalKeys, id{op.Tenant, k}, keyTTL)
	}
	set(s.tasks, taskID(op), ttl)
	for _, name := range op.Names() {
		ref := layout.RefItem(op, name)
		if i, ok := s.refs[ref.Text("pk")][ref.Text("sk")]; ok {
			s.refs[ref.Text("pk")][ref.Text("sk")] = withTTL(i, ttl)
		}
	}
	for sk, i := range r.items {
		if hash, ok := strings.CutPrefix(sk, layout.SKKey); ok {
			set(s.idempotency, id{op.Tenant, hash}, keyTTL)
		}
		r.items[sk] = withTTL(i, ttl)
	}
	return nil
}

func withTTL(i layout.Item, ttl int64) layout.Item {
	i = maps.Clone(i)
	if delete(i, "ttl"); ttl != 0 {
		i["ttl"] = ttl
	}
	return i
}

// Sweep deletes what the table may delete at a time: of all items whose ttl has passed those that
// chosen picks, in any order, as each item is deleted on its own. It returns how many such items
// there were.
func (s *Store) Sweep(now time.Time, chosen func() bool) (expired int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for k, r := range s.operations {
		for _, sk := range slices.Sorted(maps.Keys(r.items)) {
			if !layout.Passed(r.items[sk].Number("ttl"), now) {
				continue
			}
			if expired++; chosen() {
				s.drop(k, sk)
			}
		}
	}
	for _, refs := range s.refs {
		for sk, i := range refs {
			if !layout.Passed(i.Number("ttl"), now) {
				continue
			}
			if expired++; chosen() {
				delete(refs, sk)
			}
		}
	}
	for _, claims := range []map[id]claim{s.idempotency, s.naturalKeys, s.tasks} {
		for k, c := range claims {
			if !layout.Passed(c.ttl, now) {
				continue
			}
			if expired++; chosen() {
				delete(claims, k)
			}
		}
	}
	return expired
}

// drop deletes an item of an operation. The caller holds the lock.
func (s *Store) drop(k id, sk string) {
	r := s.operations[k]
	delete(s.outbox, rowID{r.items[sk].Text("pk"), sk})
	delete(r.items, sk)
	if sk == layout.SKOperation {
		delete(s.index, k)
	}
	if len(r.items) == 0 {
		delete(s.operations, k)
	}
}

// TTLs returns the ttl of each item of an operation by its sort key, 0 if it has none.
func (s *Store) TTLs(_ context.Context, tenant, opID string) (map[string]int64, error) {
	ttls := map[string]int64{}
	for _, i := range s.itemsOf(tenant, opID, "") {
		ttls[i.Text("sk")] = i.Number("ttl")
	}
	return ttls, nil
}

// Drop deletes an item of an operation, as the table does.
func (s *Store) Drop(_ context.Context, tenant, opID, sk string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.operations[id{tenant, opID}]; ok {
		s.drop(id{tenant, opID}, sk)
	}
	return nil
}

// RefTTLs returns the ttl of each reference by a name, 0 for one that has none.
func (s *Store) RefTTLs(_ context.Context, tenant, name string) (ttls []int64, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, i := range s.refs[layout.RefKey(tenant, name).Text("pk")] {
		ttls = append(ttls, i.Number("ttl"))
	}
	return ttls, nil
}
