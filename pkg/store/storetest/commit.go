package storetest

import (
	"errors"
	"maps"
	"testing"
	"time"

	"adcp-orchestrator/pkg/inbox"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/store"
)

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
	late := next(op) // its version is taken
	late.Op.TaskID, late.BindTask = "task_1", true
	late.Result = []byte(`{}`)
	late.Delivery = s.delivery("d", "x", op)
	want(t, s.Commit(t.Context(), late), store.ErrStale)
	record, err := s.Load(t.Context(), s.tenant, "op_1")
	must(t, err)
	if len(record.Events) != 2 || record.Result != nil {
		t.Errorf("a refused change left %d events and result %s", len(record.Events), record.Result)
	}
	// The refused change has claimed neither the delivery nor the task.
	now := next(record.Op)
	now.Op.TaskID, now.BindTask, now.Delivery = "task_1", true, late.Delivery
	must(t, s.Commit(t.Context(), now))
}

func oneWriterPerVersion(t *testing.T, s *suite) {
	op := s.create(t, "op_1")
	const writers, rounds, writes = 8, 5, 8 * 5
	succeeded := race(t, writers, func(int) error {
		for range rounds {
			for {
				read, err := s.Get(background, s.tenant, op.ID)
				if err != nil {
					return err
				}
				read.Attempts.Polls++
				if err := s.Commit(background, next(read)); err == nil {
					break
				} else if !isStale(err) {
					return err
				}
			}
		}
		return nil
	}, noError)
	record, err := s.Load(t.Context(), s.tenant, op.ID)
	must(t, err)
	if succeeded != writers || record.Op.Attempts.Polls != writes ||
		record.Op.Version != 1+writes || len(record.Events) != 1+writes {
		t.Errorf("%d writers of %d rounds made %d changes, version %d, %d events",
			writers, rounds, record.Op.Attempts.Polls, record.Op.Version, len(record.Events))
	}
	for i, e := range record.Events {
		if e.Seq != int64(i+1) {
			t.Fatalf("event %d has sequence number %d", i, e.Seq)
		}
	}
}

func taskBelongsToOneOperation(t *testing.T, s *suite) {
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
	must(t, bind(a, "task/1 #x")) // already its own
}

// An entry can be given another URL: then it is another seller, with tasks and keys of its own. Two
// entries with one URL are one seller.
func sellerIsKnownByItsURL(t *testing.T, s *suite) {
	bind := func(id, agentID, url string) error {
		op := s.create(t, id)
		c := next(op)
		c.Op.AgentID, c.Op.Target.URL = agentID, url
		c.Op.TaskID, c.BindTask = "task_1", true
		c.Delivery = s.delivery("d-"+url, "fp", c.Op)
		return s.Commit(t.Context(), c)
	}
	must(t, bind("op_a", "seller", "https://first.example/mcp"))
	must(t, bind("op_b", "seller", "https://second.example/mcp"))
	if err := bind("op_c", "other", "https://first.example/mcp"); !isDeliveryTaken(err) {
		t.Errorf("another entry of the first seller: %v", err)
	}
	op := s.create(t, "op_d")
	c := next(op)
	c.Op.AgentID, c.Op.Target.URL, c.Op.TaskID, c.BindTask = "other", "https://first.example/mcp", "task_1", true
	want(t, s.Commit(t.Context(), c), store.ErrTaskTaken)
}

func endIsKeptWhole(t *testing.T, s *suite) {
	op := s.create(t, "op_1")
	c := next(op)
	c.Op.State = operation.Completed
	members := map[string]string{"media_buy_id": "d1", "packages": "d2"}
	c.Op.Terminal = &operation.Terminal{Status: "completed", Fingerprint: "f", Members: maps.Clone(members), At: Start}
	must(t, s.Commit(t.Context(), c))
	c.Op.Terminal.Members["media_buy_id"] = "changed by the caller"
	read, err := s.Get(t.Context(), s.tenant, op.ID)
	must(t, err)
	if got := read.Terminal; got == nil || !maps.Equal(got.Members, members) {
		t.Errorf("got %+v", got)
	}
}

func (s *suite) delivery(key, fingerprint string, op operation.Operation) *operation.Delivery {
	return &operation.Delivery{
		Tenant:      s.tenant,
		Sender:      inbox.SenderID(op.Target),
		KeyHash:     key,
		Fingerprint: fingerprint,
		OperationID: op.ID,
		Verdict:     operation.Advanced,
		ExpiresAt:   Start.Add(time.Hour).Unix(),
	}
}

func deliveryIsTakenOnce(t *testing.T, s *suite) {
	op := s.create(t, "op_1")
	succeeded := race(t, 10, func(int) error {
		for {
			read, err := s.Get(background, s.tenant, op.ID)
			if err != nil {
				return err
			}
			c := next(read)
			c.Delivery = s.delivery("d1", "fp", op)
			if err := s.Commit(background, c); !isStale(err) {
				return err
			}
		}
	}, isDeliveryTaken)
	if succeeded != 1 {
		t.Fatalf("one delivery was taken %d times", succeeded)
	}
	read, err := s.Get(t.Context(), s.tenant, op.ID)
	must(t, err)
	c := next(read)
	c.Delivery = s.delivery("d1", "another", op)
	var taken *store.DeliveryTakenError
	if err := s.Commit(t.Context(), c); !errors.As(err, &taken) {
		t.Fatalf("got %v", err)
	}
	first := taken.First
	if first.Fingerprint != "fp" || first.Verdict != operation.Advanced || first.OperationID != op.ID {
		t.Errorf("got %+v", first)
	}
	c.Op.Target.URL += "/other" // senders do not share their keys
	c.Delivery = s.delivery("d1", "another", c.Op)
	must(t, s.Commit(t.Context(), c))
}

func deliveryExpires(t *testing.T, s *suite) {
	op := s.create(t, "op_1")
	c := next(op)
	c.Delivery = s.delivery("d1", "fp", op)
	must(t, s.Commit(t.Context(), c))
	again := next(c.Op)
	again.Delivery = s.delivery("d1", "fp", op)
	s.at.Store(Start.Add(time.Hour).UnixNano())
	if err := s.Commit(t.Context(), again); !isDeliveryTaken(err) {
		t.Fatalf("in its last second: %v", err)
	}
	s.at.Store(Start.Add(time.Hour + time.Second).UnixNano())
	must(t, s.Commit(t.Context(), again))
}
