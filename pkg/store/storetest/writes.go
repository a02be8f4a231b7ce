package storetest

import (
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/orchestrator"
	"adcp-orchestrator/pkg/store"
	"errors"
	"fmt"
	"testing"
	"time"
)

func oneKeyOneOperation(t *testing.T, s *suite) {
	won := race(t, 20, func(i int) error {
		return s.Create(background, s.creation(fmt.Sprintf("op_%d", i), "same", ""))
	}, func(err error) bool { return errors.Is(err, store.ErrKeyTaken) })
	if won != 1 {
		t.Fatalf("%d operations for one key", won)
	}
	sub, err := s.IdempotencyRecord(t.Context(), s.tenant, "same")
	must(t, err)
	found := 0
	for i := range 20 {
		if _, err := s.Get(t.Context(), s.tenant, fmt.Sprintf("op_%d", i)); err == nil {
			found++
		}
	}
	if _, err := s.Get(t.Context(), s.tenant, sub.OperationID); err != nil || found != 1 {
		t.Errorf("%d operations stored, the bound one: %v", found, err)
	}
}

func naturalKeyFindsItsHolder(t *testing.T, s *suite) {
	isTaken := func(err error) bool { return errors.As(err, new(*store.NaturalKeyTakenError)) }
	won := race(t, 10, func(i int) error {
		return s.Create(background, s.creation(fmt.Sprintf("op_%d", i), fmt.Sprintf("k%d", i), "po"))
	}, isTaken)
	if won != 1 {
		t.Fatalf("%d operations for one natural key", won)
	}
	var taken *store.NaturalKeyTakenError
	if err := s.Create(t.Context(), s.creation("op_late", "late", "po")); !errors.As(err, &taken) {
		t.Fatalf("got %v", err)
	}
	if _, err := s.Get(t.Context(), s.tenant, taken.OperationID); err != nil {
		t.Errorf("the holder %s: %v", taken.OperationID, err)
	}
	_, err := s.IdempotencyRecord(t.Context(), s.tenant, "late")
	want(t, err, store.ErrNotFound)
}

func naturalKeyIsTakenOver(t *testing.T, s *suite) {
	must(t, s.Create(t.Context(), s.creation("op_1", "k1", "po")))
	won := race(t, 10, func(i int) error {
		c := s.creation(fmt.Sprintf("op_n%d", i), fmt.Sprintf("n%d", i), "po")
		c.Replaces = "op_1"
		return s.Create(background, c)
	}, func(err error) bool { return errors.As(err, new(*store.NaturalKeyTakenError)) })
	if won != 1 {
		t.Errorf("%d took the natural key over", won)
	}
}

func bindChecksTheHolder(t *testing.T, s *suite) {
	must(t, s.Create(t.Context(), s.creation("op_1", "k1", "po")))
	sub := orchestrator.IdempotencyRecord{OperationID: "op_1", Fingerprint: "f"}
	must(t, s.Bind(t.Context(), s.tenant, "k2", "po", sub))
	got, err := s.IdempotencyRecord(t.Context(), s.tenant, "k2")
	must(t, err)
	if got != sub {
		t.Errorf("got %+v", got)
	}
	want(t, s.Bind(t.Context(), s.tenant, "k1", "po", sub), store.ErrKeyTaken)
	want(t, s.Bind(t.Context(), s.tenant, "k3", "po", orchestrator.IdempotencyRecord{OperationID: "op_2"}), store.ErrStale)
	_, err = s.IdempotencyRecord(t.Context(), s.tenant, "k3")
	want(t, err, store.ErrNotFound)
}

func commitIsConditional(t *testing.T, s *suite) {
	op := s.create(t, "op_1")
	c := next(op)
	must(t, s.Commit(t.Context(), c))
	want(t, s.Commit(t.Context(), c), store.ErrStale)
	c.Op.Version = 9
	want(t, s.Commit(t.Context(), c), store.ErrStale)
	c.Op.ID = "op_unknown"
	c.Op.Version = 2
	want(t, s.Commit(t.Context(), c), store.ErrStale)
}

func commitIsAllOrNothing(t *testing.T, s *suite) {
	op := s.create(t, "op_1")
	must(t, s.Commit(t.Context(), next(op)))
	late := next(op) // of a version that is no more
	late.Op.TaskID, late.BindTask = "task_1", true
	late.Result = []byte(`{}`)
	late.Delivery = &operation.Delivery{Tenant: s.tenant, AgentID: "seller", KeyHash: "d", Fingerprint: "x", OperationID: "op_1", ExpiresAt: Start.Add(time.Hour).Unix()}
	want(t, s.Commit(t.Context(), late), store.ErrStale)
	record, err := s.Load(t.Context(), s.tenant, "op_1")
	must(t, err)
	if len(record.Events) != 2 || record.Result != nil {
		t.Errorf("a refused change left %d events and result %s", len(record.Events), record.Result)
	}
	// Neither the delivery nor the task were claimed.
	now := next(record.Op)
	now.Op.TaskID, now.BindTask, now.Delivery = "task_1", true, late.Delivery
	must(t, s.Commit(t.Context(), now))
}

func oneWriterPerVersion(t *testing.T, s *suite) {
	op := s.create(t, "op_1")
	const writers, rounds = 8, 5
	won := race(t, writers, func(int) error {
		for range rounds {
			for {
				read, err := s.Get(background, s.tenant, op.ID)
				if err != nil {
					return err
				}
				read.Attempts.Polls++
				if err := s.Commit(background, next(read)); err == nil {
					break
				} else if !errors.Is(err, store.ErrStale) {
					return err
				}
			}
		}
		return nil
	}, func(error) bool { return false })
	record, err := s.Load(t.Context(), s.tenant, op.ID)
	must(t, err)
	if won != writers || record.Op.Attempts.Polls != writers*rounds || record.Op.Version != 1+writers*rounds || len(record.Events) != 1+writers*rounds {
		t.Errorf("%d writers of %d rounds made %d changes, version %d, %d events", writers, rounds, record.Op.Attempts.Polls, record.Op.Version, len(record.Events))
	}
	for i, e := range record.Events {
		if e.Seq != int64(i+1) {
			t.Fatalf("event %d has sequence number %d", i, e.Seq)
		}
	}
}

func taskBelongsToOne(t *testing.T, s *suite) {
	a, b := s.create(t, "op_a"), s.create(t, "op_b")
	bind := func(op operation.Operation, task string) error {
		c := next(op)
		c.Op.TaskID, c.BindTask = task, true
		return s.Commit(t.Context(), c)
	}
	must(t, bind(a, "task/1 #x"))
	want(t, bind(b, "task/1 #x"), store.ErrTaskTaken)
	must(t, bind(b, "task/2"))
	a.Version = 2
	must(t, bind(a, "task/1 #x")) // its own
}

func delivery(s *suite, key, fingerprint string, op operation.Operation) *operation.Delivery {
	return &operation.Delivery{Tenant: s.tenant, AgentID: op.AgentID, KeyHash: key, Fingerprint: fingerprint, OperationID: op.ID, Verdict: operation.Advanced,
		ExpiresAt: Start.Add(time.Hour).Unix()}
}

func deliveryIsTakenOnce(t *testing.T, s *suite) {
	op := s.create(t, "op_1")
	won := race(t, 10, func(int) error {
		for {
			read, err := s.Get(background, s.tenant, op.ID)
			if err != nil {
				return err
			}
			c := next(read)
			c.Delivery = delivery(s, "d1", "fp", op)
			if err := s.Commit(background, c); !errors.Is(err, store.ErrStale) {
				return err
			}
		}
	}, func(err error) bool { return errors.As(err, new(*store.DeliveryTakenError)) })
	if won != 1 {
		t.Fatalf("one delivery was taken %d times", won)
	}
	read, err := s.Get(t.Context(), s.tenant, op.ID)
	must(t, err)
	c := next(read)
	c.Delivery = delivery(s, "d1", "another", op)
	var taken *store.DeliveryTakenError
	if err := s.Commit(t.Context(), c); !errors.As(err, &taken) || taken.First.Fingerprint != "fp" || taken.First.Verdict != operation.Advanced || taken.First.OperationID != op.ID {
		t.Errorf("got %v, first %+v", err, taken)
	}
	c.Op.AgentID = "other" // another sender's keys are others
	c.Delivery = delivery(s, "d1", "another", c.Op)
	must(t, s.Commit(t.Context(), c))
}

func deliveryExpires(t *testing.T, s *suite) {
	op := s.create(t, "op_1")
	c := next(op)
	c.Delivery = delivery(s, "d1", "fp", op)
	must(t, s.Commit(t.Context(), c))
	again := next(c.Op)
	again.Delivery = delivery(s, "d1", "fp", op)
	s.at.Store(Start.Add(time.Hour).UnixNano())
	if err := s.Commit(t.Context(), again); !errors.As(err, new(*store.DeliveryTakenError)) {
		t.Fatalf("at its last second: %v", err)
	}
	s.at.Store(Start.Add(time.Hour + time.Second).UnixNano())
	must(t, s.Commit(t.Context(), again))
}
