package storetest

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/store"
)

// queued returns the operations of the suite's tenant that wait for their start, in order.
func (s *suite) queued(t *testing.T) (ids []string) {
	t.Helper()
	list, err := s.Queued(t.Context(), everything)
	must(t, err)
	for _, r := range list.Refs {
		if r.Tenant == s.tenant {
			ids = append(ids, r.OperationID)
		}
	}
	return ids
}

func startsAreQueuedInOrder(t *testing.T, s *suite) {
	var want []string
	for i := range 12 { // of some shard more than one
		op := s.create(t, fmt.Sprintf("op_%d", i))
		must(t, s.QueueStart(t.Context(), op, Start.Add(-time.Duration(i)*time.Second)))
		want = append([]string{op.ID}, want...)
	}
	if got := s.queued(t); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	list, err := s.Queued(t.Context(), 1)
	must(t, err)
	if len(list.Refs) != 1 || list.OldestAt.After(Start.Add(-11*time.Second)) {
		t.Errorf("the first is %+v", list)
	}
	if ids := s.dueOf(t, Start.Add(time.Hour)); len(ids) > 0 {
		t.Errorf("due as well are %v", ids)
	}
}

// A queued operation is out of the queue when its execution has done something, and when it is
// moved. It is queued once, and not after a change.
func queuedStartsLeaveTheQueue(t *testing.T, s *suite) {
	a, b := s.create(t, "op_a"), s.create(t, "op_b")
	must(t, s.QueueStart(t.Context(), a, Start))
	must(t, s.QueueStart(t.Context(), b, Start.Add(time.Second)))
	want(t, s.QueueStart(t.Context(), a, Start.Add(time.Minute)), store.ErrStale)
	if ids := s.queued(t); !slices.Equal(ids, []string{"op_a", "op_b"}) {
		t.Fatalf("queued are %v", ids)
	}
	read, err := s.Get(t.Context(), s.tenant, a.ID)
	must(t, err)
	read.Version++
	must(t, s.Commit(t.Context(), operation.Change{Op: read}))
	must(t, s.MoveDue(t.Context(), b, Start.Add(time.Minute)))
	if ids := s.queued(t); len(ids) > 0 {
		t.Errorf("queued are %v", ids)
	}
	if ids := s.dueOf(t, Start.Add(time.Hour)); !slices.Equal(ids, []string{"op_a", "op_b"}) {
		t.Errorf("due are %v", ids)
	}
	want(t, s.QueueStart(t.Context(), a, Start), store.ErrStale)
}

func leaseHasOneOwner(t *testing.T, s *suite) {
	take := func(owner string, until time.Duration, ok bool) {
		t.Helper()
		got, err := s.Lease(t.Context(), s.tenant, owner, Start.Add(until))
		if err != nil || got != ok {
			t.Errorf("%s: %v, %v; want %v", owner, got, err, ok)
		}
	}
	take("a", 10*time.Second, true)
	take("b", 10*time.Second, false)
	take("a", 20*time.Second, true)
	s.at.Store(Start.Add(15 * time.Second).UnixNano())
	take("b", 30*time.Second, false)
	s.at.Store(Start.Add(21 * time.Second).UnixNano())
	take("b", 30*time.Second, true)
	take("b", 20*time.Second, true) // given back
	take("a", 40*time.Second, true)
}
