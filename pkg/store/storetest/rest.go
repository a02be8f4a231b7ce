package storetest

import (
	"testing"
	"time"

	"adcp-orchestrator/pkg/metrics"
	"adcp-orchestrator/pkg/notice"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/store/layout"
)

// used stores a change after the end that counts more of what an operation has used.
func (s *suite) used(t *testing.T, op operation.Operation, by operation.Tally,
	more ...operation.Event) operation.Operation {
	t.Helper()
	op.Version++
	op.Tally, op.UpdatedAt = by, Start
	e := operation.Event{Seq: op.Version, At: Start, Kind: operation.EventIgnored, Channel: operation.ByAnswer,
		From: op.State, To: op.State}
	must(t, s.Commit(t.Context(), operation.Change{Op: op, Events: append([]operation.Event{e}, more...), Used: true}))
	return op
}

// sumsOf are the tenant's counters of the day.
func (s *suite) sumsOf(t *testing.T) map[metrics.Counter]int64 {
	t.Helper()
	sums, err := s.Sums(t.Context(), s.tenant, metrics.All, Start, Start.Add(24*time.Hour))
	must(t, err)
	n := map[metrics.Counter]int64{}
	for _, sum := range sums {
		for c, more := range sum.Add {
			n[c] += more
		}
	}
	return n
}

func wantCounted(t *testing.T, s *suite, wanted map[metrics.Counter]int64) {
	t.Helper()
	got := s.sumsOf(t)
	for c, n := range wanted {
		if got[c] != n {
			t.Errorf("%s is %d, want %d", c, got[c], n)
		}
	}
}

// What an operation uses after its end waits without a notice, and is counted once.
func restsAreCountedOnce(t *testing.T, s *suite) {
	r, late := s.ref("op_a"), Start.Add(time.Minute)
	op := s.told(t, s.create(t, "op_a"), operation.Completed, Start, operation.Tally{Answers: 1})
	s.acknowledgeAll(t, "op_a")
	must(t, s.CountRest(t.Context(), r)) // there is none
	op = s.used(t, op, operation.Tally{Answers: 2})
	if s.waits(t, r, Start.Add(time.Second)) {
		t.Error("what comes next is not waited for")
	}
	if !s.waits(t, r, late) {
		t.Fatal("the rest is not listed")
	}
	if rows := s.pending(t, r); len(rows) > 0 {
		t.Errorf("consumers are told of it: %+v", rows)
	}
	op = s.used(t, op, operation.Tally{Answers: 2, Errors: 1, Conflicts: 1}) // counts what was not counted yet
	must(t, s.PutOffNotices(t.Context(), r, late.Add(time.Hour)))
	if s.waits(t, r, late) || !s.waits(t, r, late.Add(2*time.Hour)) {
		t.Error("the rest is not put off")
	}
	race(t, 8, func(int) error { return s.CountRest(background, r) }, isStale)
	must(t, s.CountRest(t.Context(), r))
	all := map[metrics.Counter]int64{metrics.Created: 1, metrics.Completed: 1, metrics.Answers: 2, metrics.Errors: 1,
		metrics.Conflicts: 1}
	wantCounted(t, s, all)
	if s.waits(t, r, late.Add(2*time.Hour)) {
		t.Error("it is listed after it was counted")
	}
	s.used(t, op, operation.Tally{Answers: 3, Errors: 1, Conflicts: 1})
	if !s.waits(t, r, late) {
		t.Fatal("the next rest is not listed")
	}
	must(t, s.CountRest(t.Context(), r))
	all[metrics.Answers] = 3
	wantCounted(t, s, all)
}

// A rest that is counted before the end is told adds to it, in either order.
func restsAndNoticesAreCountedInAnyOrder(t *testing.T, s *suite) {
	r := s.ref("op_a")
	op := s.told(t, s.create(t, "op_a"), operation.Completed, Start, operation.Tally{Answers: 1})
	op = s.used(t, op, operation.Tally{Answers: 3, Errors: 1})
	must(t, s.CountRest(t.Context(), r))
	s.acknowledgeAll(t, "op_a")
	all := map[metrics.Counter]int64{metrics.Created: 1, metrics.Deadlines: 1, metrics.Kept: 1, metrics.Completed: 1,
		metrics.WonByWebhook: 1, metrics.Answers: 3, metrics.Errors: 1}
	wantCounted(t, s, all)
	// A change that consumers are told of has no rest: its notice counts. An earlier rest that waits
	// has nothing to add then.
	op = s.used(t, op, operation.Tally{Answers: 4, Errors: 1})
	op.Attention = &operation.Attention{Reason: operation.ProtocolClash, Since: Start}
	s.used(t, op, operation.Tally{Answers: 5, Errors: 1, Conflicts: 1}, operation.Event{Seq: op.Version + 1, At: Start,
		Kind: operation.EventAttention, Channel: operation.ByOrchestrator, From: op.State, To: op.State,
		Detail: string(operation.ProtocolClash)})
	s.acknowledgeAll(t, "op_a")
	all[metrics.Answers], all[metrics.Conflicts] = 5, 1
	wantCounted(t, s, all)
	must(t, s.CountRest(t.Context(), r))
	wantCounted(t, s, all)
	if s.waits(t, r, Start.Add(time.Hour)) {
		t.Error("a rest that adds nothing waits for ever")
	}
}

// What was counted of an operation expires when the operation does, whenever it is counted.
func countingKeepsTheExpiry(t *testing.T, s *suite) {
	op := s.told(t, s.create(t, "op_a"), operation.Completed, Start, operation.Tally{Answers: 1})
	s.acknowledgeAll(t, "op_a")
	op = s.used(t, op, operation.Tally{Answers: 2}) // before the operation has an expiry
	check := func(why string, ttl int64) {
		t.Helper()
		ttls, err := s.TTLs(t.Context(), s.tenant, "op_a")
		must(t, err)
		for _, sk := range []string{layout.SKCounted, layout.SKRest} {
			if at, stored := ttls[sk]; !stored || at != ttl {
				t.Errorf("%s: %s expires at %d, want %d", why, sk, at, ttl)
			}
		}
	}
	expire := func(at time.Time) {
		t.Helper()
		op.Version++
		op.ExpiresAt = at
		must(t, s.Commit(t.Context(), operation.Change{Op: op}))
		must(t, s.SetExpiry(t.Context(), op))
	}
	expire(Start.Add(200 * 24 * time.Hour))
	must(t, s.CountRest(t.Context(), s.ref("op_a")))
	check("counted after the expiry was set", layout.TTL(op.ExpiresAt))
	op = s.used(t, op, operation.Tally{Answers: 3})
	expire(time.Time{})
	must(t, s.CountRest(t.Context(), notice.Ref{Tenant: s.tenant, OperationID: "op_a"}))
	check("counted after the expiry was taken back", 0)
}
