package storetest

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"adcp-orchestrator/pkg/inbox"
	"adcp-orchestrator/pkg/notice"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/store"
)

func (s *suite) ref(id string) notice.Ref { return notice.Ref{Tenant: s.tenant, OperationID: id} }

// lives changes an operation n times; each change is told.
func (s *suite) lives(t *testing.T, op operation.Operation, n int) operation.Operation {
	t.Helper()
	for k := range n {
		c := next(op)
		if c.Op.State = operation.Submitted; k%2 == 1 {
			c.Op.State = operation.Working
		}
		c.Events[0].To = c.Op.State
		must(t, s.Commit(t.Context(), c))
		op = c.Op
	}
	return op
}

func (s *suite) pending(t *testing.T, r notice.Ref) []notice.Row {
	t.Helper()
	rows, err := s.PendingNotices(t.Context(), r)
	must(t, err)
	return rows
}

// waits reports whether the index shows that notices of a Ref should have been sent by a time.
func (s *suite) waits(t *testing.T, r notice.Ref, by time.Time) bool {
	t.Helper()
	w, err := s.WaitingNotices(t.Context(), by, everything)
	must(t, err)
	return slices.Contains(w.Refs, r)
}

// Notices are stored with the change that they tell, wait in its order, and are acknowledged once
// each, at positions that nothing else has.
func noticesWaitInOrder(t *testing.T, s *suite) {
	op := s.create(t, "op_a")
	if rows := s.pending(t, s.ref("op_a")); len(rows) > 0 {
		t.Fatalf("a creation is told: %+v", rows)
	}
	op = s.lives(t, op, 30) // more than one read takes
	rows := s.pending(t, s.ref("op_a"))
	if len(rows) != 30 {
		t.Fatalf("%d wait", len(rows))
	}
	for n, row := range rows {
		if want := fmt.Sprintf("op_a-%d-0", n+2); row.Notice.ID != want || row.Notice.Facts.Tenant != s.tenant {
			t.Errorf("number %d is %+v, want %s", n, row.Notice, want)
		}
	}
	want(t, s.Commit(t.Context(), next(operation.Operation{Tenant: s.tenant, ID: "op_a", Version: 3})), store.ErrStale)
	if n := len(s.pending(t, s.ref("op_a"))); n != 30 {
		t.Errorf("a change that was not stored is told: %d wait", n)
	}
	first, err := s.ReservePositions(t.Context(), s.tenant, 29, Start)
	must(t, err)
	for n, row := range rows[:29] {
		must(t, s.AcknowledgeNotice(t.Context(), s.ref("op_a"), row, first+int64(n), Start))
	}
	want(t, s.AcknowledgeNotice(t.Context(), s.ref("op_a"), rows[0], first+29, Start), store.ErrStale)
	want(t, s.AcknowledgeNotice(t.Context(), s.ref("op_a"), rows[29], first, Start), store.ErrStale)
	if left := s.pending(t, s.ref("op_a")); len(left) != 1 || left[0].Notice.ID != "op_a-31-0" {
		t.Errorf("wait: %+v", left)
	}
	r, err := s.Load(t.Context(), s.tenant, "op_a") // the timeline is as it was
	must(t, err)
	if len(r.Events) != 31 || r.Op.Version != op.Version {
		t.Errorf("%d events", len(r.Events))
	}
}

// What waits is listed by whose it is, at its time, until it is acknowledged or put off.
func waitingNoticesAreListed(t *testing.T, s *suite) {
	s.lives(t, s.create(t, "op_a"), 2)
	soon, later := Start.Add(time.Minute), Start.Add(time.Hour)
	if s.waits(t, s.ref("op_a"), Start.Add(time.Second)) {
		t.Error("it is swept before its signal can have come")
	}
	if !s.waits(t, s.ref("op_a"), soon) {
		t.Fatal("it is not listed")
	}
	must(t, s.PutOffNotices(t.Context(), s.ref("op_a"), later))
	if s.waits(t, s.ref("op_a"), soon) || !s.waits(t, s.ref("op_a"), later.Add(time.Second)) {
		t.Error("it is not put off")
	}
	for n, row := range s.pending(t, s.ref("op_a")) {
		first, err := s.ReservePositions(t.Context(), s.tenant, 1, Start)
		must(t, err)
		if first != int64(n+1) {
			t.Errorf("position %d is %d", n, first)
		}
		must(t, s.AcknowledgeNotice(t.Context(), s.ref("op_a"), row, first, Start))
	}
	must(t, s.PutOffNotices(t.Context(), s.ref("op_a"), soon)) // nothing waits: nothing comes back
	if s.waits(t, s.ref("op_a"), later.Add(time.Hour)) {
		t.Error("it is listed after it was sent")
	}
}

// What waits of one tenant must not hide what waits of another.
func everyTenantsNoticesAreSeen(t *testing.T, s *suite) {
	tell := func(tenant, agent string, at time.Time) notice.Notice {
		n := notice.Circuit(tenant, "seller", agent, 1, true, at)
		must(t, s.PutCircuit(t.Context(), tenant, agent, store.Document{Version: 1, Body: []byte(`{}`)}, n))
		return n
	}
	for i := range 30 {
		tell(s.tenant, fmt.Sprint("seller.", i), Start.Add(-time.Hour))
	}
	single := tell(s.tenant+"-b", "seller.00", Start)
	w, err := s.WaitingNotices(t.Context(), Start.Add(time.Minute), 10)
	must(t, err)
	if !slices.Contains(w.Refs, notice.Ref{Tenant: s.tenant + "-b", NoticeID: single.ID}) || len(w.Refs) != 10 ||
		w.Total != 31 || w.OldestAt.After(Start) {
		t.Errorf("got %+v", w)
	}
}

// Each of many drains gets positions of its own, and of all that acknowledge one notice one does.
func oneAcknowledgesANotice(t *testing.T, s *suite) {
	s.lives(t, s.create(t, "op_a"), 1)
	row := s.pending(t, s.ref("op_a"))[0]
	taken := make([]int64, 8)
	n := race(t, len(taken), func(i int) (err error) {
		if taken[i], err = s.ReservePositions(background, s.tenant, 2, Start); err != nil {
			return err
		}
		return s.AcknowledgeNotice(background, s.ref("op_a"), row, taken[i], Start)
	}, isStale)
	slices.Sort(taken)
	if n != 1 || taken[0] != 1 || taken[7] != 15 || len(slices.Compact(taken)) != 8 {
		t.Errorf("%d have acknowledged it; positions %v", n, taken)
	}
}

// A feed has what was acknowledged, at its position; an empty position is made void or filled, not
// both; and a notice is found by its id.
func feedsAreDense(t *testing.T, s *suite) {
	s.lives(t, s.create(t, "op_a"), 2)
	end, _, err := s.FeedEnd(t.Context(), s.tenant)
	if must(t, err); end != 0 {
		t.Fatalf("a new feed ends at %d", end)
	}
	_, err = s.ReservePositions(t.Context(), s.tenant, 3, Start)
	must(t, err)
	end, at, err := s.FeedEnd(t.Context(), s.tenant)
	if must(t, err); end != 3 || !at.Equal(Start) {
		t.Errorf("it ends at %d, since %s", end, at)
	}
	rows := s.pending(t, s.ref("op_a"))
	_, err = s.NoticePosition(t.Context(), s.tenant, rows[0].Notice.ID)
	want(t, err, store.ErrNotFound)
	must(t, s.AcknowledgeNotice(t.Context(), s.ref("op_a"), rows[0], 1, Start))
	must(t, s.VoidPosition(t.Context(), s.tenant, 2, Start))
	want(t, s.VoidPosition(t.Context(), s.tenant, 1, Start), store.ErrStale)
	want(t, s.AcknowledgeNotice(t.Context(), s.ref("op_a"), rows[1], 2, Start), store.ErrStale)
	if len(s.pending(t, s.ref("op_a"))) != 1 {
		t.Error("a notice is gone with a void position")
	}
	must(t, s.AcknowledgeNotice(t.Context(), s.ref("op_a"), rows[1], 3, Start))
	told, err := s.FeedEntries(t.Context(), s.tenant, 1, 10)
	must(t, err)
	if len(told) != 3 || told[0].Notice.ID != rows[0].Notice.ID || told[1].Notice != nil || told[1].Position != 2 ||
		told[2].Notice.ID != rows[1].Notice.ID || !told[2].At.Equal(Start) {
		t.Errorf("%+v", told)
	}
	for n, row := range rows {
		p, err := s.NoticePosition(t.Context(), s.tenant, row.Notice.ID)
		if must(t, err); p != int64(1+2*n) {
			t.Errorf("%s is at %d", row.Notice.ID, p)
		}
	}
	other, err := s.FeedEntries(t.Context(), s.tenant+"x", 1, 10)
	if must(t, err); len(other) > 0 {
		t.Errorf("another tenant has %+v", other)
	}
}

// Circuits, key rings and quarantined deliveries are told with the write that stores them: once.
func otherNoticesAreStoredWithTheirCause(t *testing.T, s *suite) {
	n := notice.Circuit(s.tenant, "seller", "seller.00", 1, true, Start)
	doc := store.Document{Version: 1, Body: []byte(`{}`)}
	must(t, s.PutCircuit(t.Context(), s.tenant, "seller.00", doc, n))
	other := notice.Circuit(s.tenant, "seller", "seller.01", 1, true, Start)
	want(t, s.PutCircuit(t.Context(), s.tenant, "seller.00", doc, other), store.ErrStale)
	keys := notice.Keys(s.tenant, "seller", "sender", 1, "New keys: 1", Start)
	must(t, s.PutKeyring(t.Context(), s.tenant, "sender", doc, keys))
	for _, told := range []notice.Notice{n, keys} {
		r := notice.Ref{Tenant: s.tenant, NoticeID: told.ID}
		rows := s.pending(t, r)
		if len(rows) != 1 || rows[0].Notice.ID != told.ID || !s.waits(t, r, Start.Add(time.Minute)) {
			t.Fatalf("%s: %+v", told.Type, rows)
		}
		p, err := s.ReservePositions(t.Context(), s.tenant, 1, Start)
		must(t, err)
		must(t, s.AcknowledgeNotice(t.Context(), r, rows[0], p, Start))
		if len(s.pending(t, r)) > 0 || s.waits(t, r, Start.Add(time.Hour)) {
			t.Errorf("%s waits after it was sent", told.Type)
		}
		if found, err := s.NoticePosition(t.Context(), s.tenant, told.ID); err != nil || found != p {
			t.Errorf("%s is at %d, %v", told.ID, found, err)
		}
	}
	if rows := s.pending(t, notice.Ref{Tenant: s.tenant, NoticeID: other.ID}); len(rows) > 0 {
		t.Errorf("told, and not stored: %+v", rows)
	}
	for _, authentic := range []bool{true, false} {
		q := inbox.Quarantined{Tenant: s.tenant, AgentID: "seller", OperationID: "op_a", At: Start, Authentic: authentic,
			Code: "x", Digest: "d"}
		for range 3 {
			must(t, s.Quarantine(t.Context(), q))
			q.At = q.At.Add(time.Second)
		}
		told := notice.Quarantined(s.tenant, "seller", "op_a", q.ID(), "x", authentic, Start)
		rows := s.pending(t, notice.Ref{Tenant: s.tenant, NoticeID: told.ID})
		if len(rows) != 1 || !rows[0].Notice.At.Equal(Start) || rows[0].Notice.Facts.OperationID != "op_a" {
			t.Errorf("of authentic %v is told %+v", authentic, rows)
		}
	}
}

// An operation that expires takes its notices along; one that waits keeps waiting through the
// change of its expiry.
func noticesExpireWithTheirOperation(t *testing.T, s *suite) {
	op := s.lives(t, s.create(t, "op_a"), 1)
	op.Version++
	op.ExpiresAt = Start.Add(200 * 24 * time.Hour)
	must(t, s.Commit(t.Context(), operation.Change{Op: op}))
	must(t, s.SetExpiry(t.Context(), op))
	rows := s.pending(t, s.ref("op_a"))
	if len(rows) != 1 || !s.waits(t, s.ref("op_a"), Start.Add(time.Minute)) {
		t.Fatalf("%+v", rows)
	}
	must(t, s.Drop(t.Context(), s.tenant, "op_a", rows[0].Key))
	if len(s.pending(t, s.ref("op_a"))) > 0 || s.waits(t, s.ref("op_a"), Start.Add(time.Hour)) {
		t.Error("a deleted notice waits")
	}
}
