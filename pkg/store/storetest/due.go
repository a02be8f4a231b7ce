package storetest

import (
	"fmt"
	"testing"
	"time"

	"adcp-orchestrator/pkg/operation"
)

// The index is distributed over shards: what is due in one must not hide what is due in another.
func longestDueComesFirst(t *testing.T, s *suite) {
	const operations, limit = 40, 15  // of any four shards, one has more than limit/4
	before := Start.AddDate(-1, 0, 0) // other tests' operations are due later
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
		if w := want[:min(n, operations)]; fmt.Sprint(got) != fmt.Sprint(w) {
			t.Errorf("limit %d:\n got %v\nwant %v", n, got, w)
		}
	}
	none, err := s.Due(t.Context(), before.Add(time.Millisecond), operations) // before now, not at now
	must(t, err)
	if len(none) != 0 {
		t.Errorf("got %v, due at that very time", none)
	}
}
