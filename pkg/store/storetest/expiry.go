package storetest

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/orchestrator"
	"adcp-orchestrator/pkg/store"
)

// expiry is when the operations of these tests expire.
var expiry = Start.Add(200 * 24 * time.Hour)

// expiring creates a completed purchase that has items of every kind, and lets it expire.
func (s *suite) expiring(t *testing.T, id string) operation.Operation {
	t.Helper()
	c := s.newOperation(id, "key-"+id, "po-"+id)
	must(t, s.Create(t.Context(), c))
	bind := orchestrator.IdempotencyRecord{OperationID: id, Fingerprint: "f-second"}
	must(t, s.Bind(t.Context(), s.tenant, "second-"+id, "po-"+id, bind))
	end := next(c.Op)
	end.Op.State, end.Op.DueAt = operation.Completed, time.Time{}
	end.Op.TaskID, end.BindTask = "task-"+id, true
	end.Op.InputRequest.Generation, end.Input = 1, json.RawMessage(`{}`)
	end.Result = json.RawMessage(`{}`)
	end.Delivery = s.delivery("d-"+id, "fp", c.Op)
	must(t, s.Commit(t.Context(), end))
	return s.expireAt(t, end.Op, expiry)
}

// expireAt stores the expiry of an operation, and that of what belongs to it.
func (s *suite) expireAt(t *testing.T, op operation.Operation, at time.Time) operation.Operation {
	t.Helper()
	c := next(op)
	c.Op.State, c.Op.ExpiresAt = operation.Completed, at
	must(t, s.Commit(t.Context(), c))
	must(t, s.SetExpiry(t.Context(), c.Op))
	return c.Op
}

// setClock moves the suite's clock.
func (s *suite) setClock(at time.Time) { s.at.Store(at.UnixNano()) }

// exists reports which reads find an operation, in words.
func (s *suite) exists(t *testing.T, op operation.Operation) string {
	t.Helper()
	reads := map[string]func() error{
		"get":     func() error { _, err := s.Get(t.Context(), s.tenant, op.ID); return err },
		"load":    func() error { _, err := s.Load(t.Context(), s.tenant, op.ID); return err },
		"request": func() error { _, err := s.Request(t.Context(), s.tenant, op.ID); return err },
		"input":   func() error { _, err := s.InputArguments(t.Context(), s.tenant, op.ID, 1); return err },
	}
	found := map[string]bool{"webhook": s.load(t, op.ID, s.nonce("n"), 0).Operation.ID != ""}
	for name, read := range reads {
		err := read()
		if err != nil {
			want(t, err, store.ErrNotFound)
		}
		found[name] = err == nil
	}
	return fmt.Sprint(found)
}

const (
	everywhere = "map[get:true input:true load:true request:true webhook:true]"
	nowhere    = "map[get:false input:false load:false request:false webhook:false]"
)

// An operation is gone for all readers at one moment, though the table deletes its items later.
func expiredIsGoneAsAWhole(t *testing.T, s *suite) {
	op := s.expiring(t, "op_1")
	s.setClock(expiry.Add(-time.Millisecond))
	if got := s.exists(t, op); got != everywhere {
		t.Errorf("before its expiry it is found by %s", got)
	}
	s.setClock(expiry)
	if got := s.exists(t, op); got != nowhere {
		t.Errorf("at its expiry it is found by %s", got)
	}
}

// The table deletes the items of an operation one by one, in any order. A reader whose clock is
// slow must not see a half.
func halfDeletedIsGoneAsAWhole(t *testing.T, s *suite) {
	s.expiring(t, "op_1")
	all, err := s.TTLs(t.Context(), s.tenant, "op_1")
	must(t, err)
	if len(all) < 8 {
		t.Fatalf("the operation has the items %v", all)
	}
	n := 0
	for sk, ttl := range all {
		if ttl < expiry.Add(time.Hour).Unix() {
			t.Errorf("the table may delete %s at %d, when a slow clock still reads the operation", sk, ttl)
		}
		n++
		op := s.expiring(t, fmt.Sprint("op_x", n))
		must(t, s.Drop(t.Context(), s.tenant, op.ID, sk))
		s.setClock(expiry.Add(48 * time.Hour))
		if got := s.exists(t, op); got != nowhere {
			t.Errorf("without %s it is found by %s", sk, got)
		}
		s.setClock(Start)
		if _, err := s.Load(t.Context(), s.tenant, op.ID); sk == "operation" || sk == "request#000" {
			want(t, err, store.ErrNotFound) // and not an error that asks for another try
		}
		if sk == "operation" {
			late := next(op)
			want(t, s.Commit(t.Context(), late), store.ErrStale)
		}
	}
}

// Everything of an operation expires with it, what is stored after its end as well.
func everythingOfAnOperationExpires(t *testing.T, s *suite) {
	op := s.expiring(t, "op_1")
	late := next(op)
	late.Op.State = operation.Completed
	late.Delivery = s.delivery("d-late", "fp", op)
	must(t, s.Commit(t.Context(), late))
	ttls, err := s.TTLs(t.Context(), s.tenant, op.ID)
	must(t, err)
	if len(ttls) < 9 {
		t.Errorf("the operation has the items %v", ttls)
	}
	for sk, ttl := range ttls {
		if ttl != ttls["operation"] || ttl == 0 {
			t.Errorf("%s has the ttl %d, the operation %d", sk, ttl, ttls["operation"])
		}
	}
}

// A repetition by an old key or purchase order must not buy again while the other one of the two
// still protects, so both become free at one moment, after the operation.
func keysOutliveTheirOperation(t *testing.T, s *suite) {
	s.expiring(t, "op_1")
	last := expiry.Add(operation.KeysOutlive)
	for _, at := range []time.Time{Start, expiry, last} {
		s.setClock(at)
		for _, key := range []string{"key-op_1", "second-op_1"} {
			got, err := s.IdempotencyRecord(t.Context(), s.tenant, key)
			must(t, err)
			if got.OperationID != "op_1" || !got.ExpiresAt.Equal(expiry) {
				t.Errorf("%s at %v: got %+v", key, at, got)
			}
			want(t, s.Create(t.Context(), s.newOperation("op_2", key, "")), store.ErrKeyTaken)
		}
		if got := s.holder(t, "po-op_1"); got.OperationID != "op_1" {
			t.Errorf("at %v the purchase order is held by %s", at, got.OperationID)
		}
	}
	s.setClock(last.Add(time.Second))
	for _, key := range []string{"key-op_1", "second-op_1"} {
		_, err := s.IdempotencyRecord(t.Context(), s.tenant, key)
		want(t, err, store.ErrNotFound)
	}
	created := race(t, 10, func(i int) error {
		return s.Create(background, s.newOperation(fmt.Sprint("op_n", i), fmt.Sprint("n", i), "po-op_1"))
	}, isNaturalKeyTaken)
	if created != 1 {
		t.Errorf("%d operations took the free purchase order", created)
	}
	must(t, s.Create(t.Context(), s.newOperation("op_3", "key-op_1", "")))
	got, err := s.IdempotencyRecord(t.Context(), s.tenant, "key-op_1")
	must(t, err)
	if got.OperationID != "op_3" || !got.ExpiresAt.IsZero() {
		t.Errorf("the key that was taken again is bound to %+v", got)
	}
}

// A key that is bound while the keys of the operation begin to expire expires with them.
func lateKeysExpireToo(t *testing.T, s *suite) {
	op := s.expiring(t, "op_1")
	late := orchestrator.IdempotencyRecord{OperationID: op.ID, Fingerprint: "f"}
	want(t, s.Bind(t.Context(), s.tenant, "late", "po-op_1", late), store.ErrStale) // the caller has to read again
	late.ExpiresAt = expiry
	must(t, s.Bind(t.Context(), s.tenant, "late", "po-op_1", late))
	got, err := s.IdempotencyRecord(t.Context(), s.tenant, "late")
	must(t, err)
	if got != late {
		t.Errorf("got %+v", got)
	}
	s.setClock(expiry.Add(operation.KeysOutlive + time.Second))
	must(t, s.Create(t.Context(), s.newOperation("op_2", "late", "")))
}

// The expiry of an operation can be taken back: nothing of it expires then, and a slow writer of
// the expiry that was taken back changes nothing.
func expiryIsTakenBack(t *testing.T, s *suite) {
	before := s.expiring(t, "op_1")
	op := s.expireAt(t, before, time.Time{})
	want(t, s.SetExpiry(t.Context(), before), store.ErrStale)
	ttls, err := s.TTLs(t.Context(), s.tenant, op.ID)
	must(t, err)
	for sk, ttl := range ttls {
		if ttl != 0 {
			t.Errorf("%s has the ttl %d", sk, ttl)
		}
	}
	s.setClock(expiry.Add(2 * operation.KeysOutlive))
	if got := s.exists(t, op); got != everywhere {
		t.Errorf("it is found by %s", got)
	}
	if got := s.holder(t, "po-op_1"); got.OperationID != "op_1" {
		t.Errorf("the purchase order is held by %s", got.OperationID)
	}
	got, err := s.IdempotencyRecord(t.Context(), s.tenant, "second-op_1")
	if err != nil || !got.ExpiresAt.IsZero() {
		t.Errorf("the key is bound to %+v, %v", got, err)
	}
	must(t, s.SetExpiry(t.Context(), op)) // a repetition changes nothing
}

// Another operation can have the task id of an expired one. The expiry of an operation that does
// not hold its task id does not free that of the one which does.
func taskIDsExpire(t *testing.T, s *suite) {
	op := s.expiring(t, "op_1")
	other := s.create(t, "op_2")
	bind := next(other)
	bind.Op.TaskID, bind.BindTask = op.TaskID, true
	s.setClock(expiry.Add(-time.Second))
	want(t, s.Commit(t.Context(), bind), store.ErrTaskTaken)
	s.setClock(expiry.Add(30 * time.Hour))
	must(t, s.Commit(t.Context(), bind))
	s.setClock(Start)
	third := s.create(t, "op_3")
	third.Version++
	third.TaskID, third.ExpiresAt = op.TaskID, expiry // not bound to it
	must(t, s.Commit(t.Context(), operation.Change{Op: third}))
	must(t, s.SetExpiry(t.Context(), third))
	s.setClock(expiry.Add(60 * time.Hour))
	taken := next(s.create(t, "op_4"))
	taken.Op.TaskID, taken.BindTask = op.TaskID, true
	want(t, s.Commit(t.Context(), taken), store.ErrTaskTaken)
}

// An operation with more items than one transaction can change expires as a whole.
func operationsWithManyItemsExpire(t *testing.T, s *suite) {
	op := s.create(t, "op_1")
	for range 12 {
		c := next(op)
		for range 9 {
			c.Events = append(c.Events, c.Events[0])
		}
		must(t, s.Commit(t.Context(), c))
		op = c.Op
	}
	large := next(op)
	large.Result = largeText(3 << 20)
	must(t, s.Commit(t.Context(), large))
	s.expireAt(t, large.Op, expiry)
	ttls, err := s.TTLs(t.Context(), s.tenant, op.ID)
	must(t, err)
	if len(ttls) < 120 {
		t.Fatalf("the operation has %d items", len(ttls))
	}
	for sk, ttl := range ttls {
		if ttl != ttls["operation"] || ttl == 0 {
			t.Errorf("%s has the ttl %d", sk, ttl)
		}
	}
}
