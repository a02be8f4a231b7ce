package storetest

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/orchestrator"
	"adcp-orchestrator/pkg/store"
)

// holder creates an operation for a natural key that is taken, and returns who holds the key.
func (s *suite) holder(t *testing.T, natural string) store.NaturalKeyTakenError {
	t.Helper()
	var taken *store.NaturalKeyTakenError
	if err := s.Create(t.Context(), s.newOperation("op_probe", "probe", natural)); !errors.As(err, &taken) {
		t.Fatalf("%s is not taken: %v", natural, err)
	}
	return *taken
}

func naturalKeyKeepsItsFingerprint(t *testing.T, s *suite) {
	must(t, s.Create(t.Context(), s.newOperation("op_1", "k1", "po")))
	if got := s.holder(t, "po"); got != (store.NaturalKeyTakenError{
		OperationID: "op_1", Fingerprint: "wants-op_1", Key: "po"}) {
		t.Errorf("got %+v", got)
	}
	second := s.newOperation("op_2", "k2", "po")
	second.Replaces = "op_1"
	must(t, s.Create(t.Context(), second))
	if got := s.holder(t, "po"); got != (store.NaturalKeyTakenError{
		OperationID: "op_2", Fingerprint: "wants-op_2", Key: "po"}) {
		t.Errorf("after the replacement, got %+v", got)
	}
	holder := orchestrator.IdempotencyRecord{OperationID: "op_2", Fingerprint: "wants-op_2"}
	got, err := s.NaturalKeyHolder(t.Context(), s.tenant, "po")
	if err != nil || got != holder {
		t.Errorf("the holder is %+v; %v", got, err)
	}
	_, err = s.NaturalKeyHolder(t.Context(), s.tenant, "k1")
	want(t, err, store.ErrNotFound)
	if got, err := s.Get(t.Context(), s.tenant, "op_2"); err != nil || got.NaturalKey != "po" {
		t.Errorf("the operation has the key %q; %v", got.NaturalKey, err)
	}
}

func naturalKeyIsFreedWithTheChange(t *testing.T, s *suite) {
	c := s.newOperation("op_1", "k1", "po")
	must(t, s.Create(t.Context(), c))
	must(t, s.Commit(t.Context(), next(c.Op)))
	stale := next(c.Op)
	stale.FreeNaturalKey = true
	want(t, s.Commit(t.Context(), stale), store.ErrStale)
	if got := s.holder(t, "po"); got.OperationID != "op_1" { // neither a change nor a refused one frees it
		t.Errorf("held by %s", got.OperationID)
	}
	op, err := s.Get(t.Context(), s.tenant, "op_1")
	must(t, err)
	freeing := next(op)
	freeing.FreeNaturalKey = true
	must(t, s.Commit(t.Context(), freeing))
	_, err = s.NaturalKeyHolder(t.Context(), s.tenant, "po")
	want(t, err, store.ErrNotFound)
	bind := orchestrator.IdempotencyRecord{OperationID: "op_1"}
	want(t, s.Bind(t.Context(), s.tenant, "k9", "po", bind), store.ErrStale)
	created := race(t, 10, func(i int) error {
		return s.Create(background, s.newOperation(fmt.Sprintf("op_n%d", i), fmt.Sprintf("n%d", i), "po"))
	}, isNaturalKeyTaken)
	if created != 1 {
		t.Errorf("%d operations took the freed key", created)
	}
}

func onlyTheHolderFreesANaturalKey(t *testing.T, s *suite) {
	first := s.newOperation("op_1", "k1", "po")
	must(t, s.Create(t.Context(), first))
	second := s.newOperation("op_2", "k2", "po")
	second.Replaces = "op_1"
	must(t, s.Create(t.Context(), second))
	free := func(op operation.Operation) operation.Operation {
		c := next(op)
		c.FreeNaturalKey = true
		must(t, s.Commit(t.Context(), c))
		return c.Op
	}
	op := free(first.Op) // the change is stored all the same
	if got, err := s.Get(t.Context(), s.tenant, "op_1"); err != nil || got.Version != op.Version {
		t.Errorf("version %d is stored, want %d; %v", got.Version, op.Version, err)
	}
	if got := s.holder(t, "po"); got.OperationID != "op_2" {
		t.Errorf("held by %s, which did not take the key", got.OperationID)
	}
	free(free(second.Op)) // the second time nothing is left to free
	without := s.newOperation("op_3", "k3", "")
	must(t, s.Create(t.Context(), without))
	free(without.Op)
}

// withOrder is an operation with two natural keys: of a proposal and of a purchase order.
func (s *suite) withOrder(id, key, proposal, order string) orchestrator.NewOperation {
	n := s.newOperation(id, key, proposal)
	n.Op.Type, n.Op.OrderKey = adcp.AcceptProposal, order
	return n
}

// holders are the operations that hold natural keys, "" for one that is free.
func (s *suite) holders(t *testing.T, keys ...string) (ids []string) {
	t.Helper()
	for _, k := range keys {
		r, err := s.NaturalKeyHolder(t.Context(), s.tenant, k)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			t.Fatal(err)
		}
		ids = append(ids, r.OperationID)
	}
	return ids
}

func bothNaturalKeysAreTakenOrNone(t *testing.T, s *suite) {
	must(t, s.Create(t.Context(), s.withOrder("op_1", "k1", "proposal", "po")))
	for _, tc := range []struct{ proposal, order, taken string }{
		{"proposal", "po-2", "proposal"}, {"proposal-2", "po", "po"}, {"proposal", "po", "proposal"},
	} {
		n := s.withOrder("op_2", "k2", tc.proposal, tc.order)
		var taken *store.NaturalKeyTakenError
		if err := s.Create(t.Context(), n); !errors.As(err, &taken) || taken.Key != tc.taken ||
			taken.OperationID != "op_1" || taken.Fingerprint != "wants-op_1" {
			t.Errorf("%s and %s: got %+v, %v", tc.proposal, tc.order, taken, err)
		}
	}
	if got := s.holders(t, "proposal", "po", "proposal-2", "po-2"); !slices.Equal(got, []string{"op_1", "op_1", "", ""}) {
		t.Errorf("a refused operation took a key: %q", got)
	}
	// It may take one of them over, and needs both.
	n := s.withOrder("op_2", "k2", "proposal", "po")
	n.Replaces = "op_1"
	if err := s.Create(t.Context(), n); !isNaturalKeyTaken(err) {
		t.Errorf("it took the proposal without the order: %v", err)
	}
	n.ReplacesOrder = "op_1"
	must(t, s.Create(t.Context(), n))
	if got := s.holders(t, "proposal", "po"); !slices.Equal(got, []string{"op_2", "op_2"}) {
		t.Errorf("held by %q", got)
	}
}

func bothNaturalKeysAreFreedWithTheChange(t *testing.T, s *suite) {
	c := s.withOrder("op_1", "k1", "proposal", "po")
	must(t, s.Create(t.Context(), c))
	second := s.newOperation("op_2", "k2", "po")
	second.Replaces = "op_1" // as it may be once op_1 holds nothing any more
	must(t, s.Create(t.Context(), second))
	freeing := next(c.Op)
	freeing.FreeNaturalKey = true
	must(t, s.Commit(t.Context(), freeing))
	if got := s.holders(t, "proposal", "po"); !slices.Equal(got, []string{"", "op_2"}) {
		t.Errorf("held by %q", got)
	}
	got, err := s.Get(t.Context(), s.tenant, "op_1")
	if err != nil || got.OrderKey != "po" || got.State != operation.Working {
		t.Errorf("stored %+v; %v", got, err)
	}
}

func bothNaturalKeysExpire(t *testing.T, s *suite) {
	c := s.withOrder("op_1", "k1", "proposal", "po")
	must(t, s.Create(t.Context(), c))
	change := next(c.Op)
	change.Op.ExpiresAt = Start.Add(time.Hour)
	must(t, s.Commit(t.Context(), change))
	must(t, s.SetExpiry(t.Context(), change.Op))
	for _, key := range []string{"proposal", "po"} {
		r, err := s.NaturalKeyHolder(t.Context(), s.tenant, key)
		if err != nil || !r.ExpiresAt.Equal(change.Op.ExpiresAt) {
			t.Errorf("%s: %+v, %v", key, r, err)
		}
		bind := orchestrator.IdempotencyRecord{OperationID: "op_1"}
		want(t, s.Bind(t.Context(), s.tenant, "k-"+key, key, bind), store.ErrStale)
	}
}
