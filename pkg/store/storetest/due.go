package storetest

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/store"
)

// The index is distributed over shards: what is due in one must not hide what is due in another.
func longestDueComesFirst(t *testing.T, s *suite) {
	const operations, limit = 40, 15 // of any four shards, one has more than limit/4
	before := Start.AddDate(-1, 0, 0)
	var want []operation.Ref
	for i := range operations {
		c := s.newOperation(fmt.Sprintf("op_%d", i), fmt.Sprintf("k%d", i), "")
		// The later ones are due earlier, so that no order of creation or of ids helps.
		c.Op.DueAt = before.Add(time.Duration(operations-i) * time.Millisecond)
		must(t, s.Create(t.Context(), c))
		want = append([]operation.Ref{{Tenant: s.tenant, OperationID: c.Op.ID}}, want...)
	}
	for _, n := range []int{1, limit, operations, operations + 1} {
		got, err := s.Due(t.Context(), before.Add(time.Second), n)
		must(t, err)
		if w := want[:min(n, operations)]; fmt.Sprint(got.Refs) != fmt.Sprint(w) {
			t.Errorf("limit %d:\n got %v\nwant %v", n, got.Refs, w)
		}
	}
	none, err := s.Due(t.Context(), before.Add(time.Millisecond), operations) // before now, not at now
	must(t, err)
	if len(none.Refs) != 0 {
		t.Errorf("got %v, due at that very time", none.Refs)
	}
}

// A tenant's backlog must not hide what is due for another.
func everyTenantGetsItsShareOfDue(t *testing.T, s *suite) {
	before := Start.AddDate(0, -6, 0)
	for i := range 30 {
		c := s.newOperation(fmt.Sprintf("op_%d", i), fmt.Sprintf("k%d", i), "")
		c.Op.DueAt = before.Add(-time.Hour)
		must(t, s.Create(t.Context(), c))
	}
	single := s.newOperation("op_single", "k", "")
	single.Op.Tenant += "-b"
	single.Op.DueAt = before
	must(t, s.Create(t.Context(), single))
	got, err := s.Due(t.Context(), before.Add(time.Second), 10)
	must(t, err)
	if !slices.Contains(got.Refs, operation.Ref{Tenant: single.Op.Tenant, OperationID: "op_single"}) ||
		len(got.Refs) != 10 || got.Total != 31 || got.OldestAt.After(before.Add(-time.Hour)) {
		t.Errorf("got %+v", got)
	}
}

// dueOf returns the operations of the suite's tenant that are due at a time.
func (s *suite) dueOf(t *testing.T, at time.Time) (ids []string) {
	t.Helper()
	list, err := s.Due(t.Context(), at, everything)
	must(t, err)
	for _, r := range list.Refs {
		if r.Tenant == s.tenant {
			ids = append(ids, r.OperationID)
		}
	}
	slices.Sort(ids)
	return ids
}

// The entry of the index moves, and nothing else of the operation changes.
func dueMovesAlone(t *testing.T, s *suite) {
	op, soon := s.create(t, "op_a"), Start.Add(2*time.Minute)
	must(t, s.MoveDue(t.Context(), op, Start.Add(time.Hour)))
	if ids := s.dueOf(t, soon); len(ids) > 0 {
		t.Errorf("due are %v", ids)
	}
	if ids := s.dueOf(t, Start.Add(2*time.Hour)); len(ids) != 1 {
		t.Errorf("due later are %v", ids)
	}
	read, err := s.Get(t.Context(), s.tenant, op.ID)
	must(t, err)
	if !read.DueAt.Equal(op.DueAt) || read.Version != op.Version || !read.IndexedAt.Equal(Start.Add(time.Hour)) {
		t.Errorf("read as %+v", read)
	}
	read.Version++ // one that is due earlier than it stands in the index
	must(t, s.Commit(t.Context(), operation.Change{Op: read}))
	if ids := s.dueOf(t, soon); len(ids) != 1 {
		t.Errorf("due after a change are %v", ids)
	}
	want(t, s.MoveDue(t.Context(), op, Start.Add(time.Hour)), store.ErrStale)
}

// An operation that is due a little later than it stands in the index stays where it is.
func dueStaysIfItIsOnlyALittleLater(t *testing.T, s *suite) {
	op := s.create(t, "op_a")
	for _, tc := range []struct{ due, indexed time.Duration }{
		{8 * time.Minute, time.Minute}, {30 * time.Second, 30 * time.Second}, {30 * time.Minute, 30 * time.Minute},
	} {
		read, err := s.Get(t.Context(), s.tenant, op.ID)
		must(t, err)
		read.Version, read.DueAt = read.Version+1, Start.Add(tc.due)
		must(t, s.Commit(t.Context(), operation.Change{Op: read}))
		read, err = s.Get(t.Context(), s.tenant, op.ID)
		must(t, err)
		if !read.DueAt.Equal(Start.Add(tc.due)) || !read.IndexedAt.Equal(Start.Add(tc.indexed)) {
			t.Errorf("due after %v: %v, in the index %v", tc.due, read.DueAt, read.IndexedAt)
		}
	}
}

// What can't be reconciled is put off with growth, though its own document can't be written.
func failedLooksArePutOff(t *testing.T, s *suite) {
	op := s.create(t, "op_a")
	must(t, s.SetAttribute(t.Context(), s.tenant, op.ID, "doc", `{"schema":1000}`))
	ref, now := operation.Ref{Tenant: s.tenant, OperationID: op.ID}, Start.Add(2*time.Minute)
	for _, minutes := range []int{1, 2, 4, 8, 15, 15} {
		must(t, s.PutOff(t.Context(), ref, now))
		until := now.Add(time.Duration(minutes) * time.Minute)
		if early, late := s.dueOf(t, until), s.dueOf(t, until.Add(time.Second)); len(early) > 0 || len(late) != 1 {
			t.Errorf("after %d minutes due are %v, then %v", minutes, early, late)
		}
		now = until.Add(time.Second)
	}
	must(t, s.PutOff(t.Context(), ref, now.Add(-time.Hour))) // by one who has read what was due long ago
	if ids := s.dueOf(t, now); len(ids) != 1 {
		t.Errorf("due are %v", ids)
	}
}
