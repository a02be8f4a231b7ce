package storetest

import (
	"errors"
	"fmt"
	"testing"

	"adcp-orchestrator/pkg/orchestrator"
	"adcp-orchestrator/pkg/store"
)

func oneOperationPerKey(t *testing.T, s *suite) {
	created := race(t, 20, func(i int) error {
		return s.Create(background, s.newOperation(fmt.Sprintf("op_%d", i), "same", ""))
	}, isKeyTaken)
	if created != 1 {
		t.Fatalf("%d operations for one key", created)
	}
	bound, err := s.IdempotencyRecord(t.Context(), s.tenant, "same")
	must(t, err)
	found := 0
	for i := range 20 {
		if _, err := s.Get(t.Context(), s.tenant, fmt.Sprintf("op_%d", i)); err == nil {
			found++
		}
	}
	if _, err := s.Get(t.Context(), s.tenant, bound.OperationID); err != nil || found != 1 {
		t.Errorf("%d operations stored, the bound one: %v", found, err)
	}
}

func naturalKeyFindsItsHolder(t *testing.T, s *suite) {
	created := race(t, 10, func(i int) error {
		return s.Create(background, s.newOperation(fmt.Sprintf("op_%d", i), fmt.Sprintf("k%d", i), "po"))
	}, isNaturalKeyTaken)
	if created != 1 {
		t.Fatalf("%d operations for one natural key", created)
	}
	var taken *store.NaturalKeyTakenError
	if err := s.Create(t.Context(), s.newOperation("op_late", "late", "po")); !errors.As(err, &taken) {
		t.Fatalf("got %v", err)
	}
	if _, err := s.Get(t.Context(), s.tenant, taken.OperationID); err != nil {
		t.Errorf("the holder %s: %v", taken.OperationID, err)
	}
	_, err := s.IdempotencyRecord(t.Context(), s.tenant, "late")
	want(t, err, store.ErrNotFound)
}

func naturalKeyIsTakenOver(t *testing.T, s *suite) {
	must(t, s.Create(t.Context(), s.newOperation("op_1", "k1", "po")))
	created := race(t, 10, func(i int) error {
		c := s.newOperation(fmt.Sprintf("op_n%d", i), fmt.Sprintf("n%d", i), "po")
		c.Replaces = "op_1"
		return s.Create(background, c)
	}, isNaturalKeyTaken)
	if created != 1 {
		t.Errorf("%d operations took the natural key over", created)
	}
}

func bindChecksTheHolder(t *testing.T, s *suite) {
	must(t, s.Create(t.Context(), s.newOperation("op_1", "k1", "po")))
	r := orchestrator.IdempotencyRecord{OperationID: "op_1", Fingerprint: "f"}
	must(t, s.Bind(t.Context(), s.tenant, "k2", "po", r))
	got, err := s.IdempotencyRecord(t.Context(), s.tenant, "k2")
	must(t, err)
	if got != r {
		t.Errorf("got %+v", got)
	}
	want(t, s.Bind(t.Context(), s.tenant, "k1", "po", r), store.ErrKeyTaken)
	other := orchestrator.IdempotencyRecord{OperationID: "op_2"}
	want(t, s.Bind(t.Context(), s.tenant, "k3", "po", other), store.ErrStale)
	_, err = s.IdempotencyRecord(t.Context(), s.tenant, "k3")
	want(t, err, store.ErrNotFound)
}
