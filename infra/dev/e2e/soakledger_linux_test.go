package e2e

import (
	"slices"
	"strings"
	"testing"

	"adcp-orchestrator/pkg/httpapi"
	"adcp-orchestrator/pkg/operation"
)

// compareLedgers checks that all n operations are stored and published, and that the seller's
// ledger has exactly the buys that they have as results.
func (s *soak) compareLedgers(t *testing.T, n int) {
	t.Helper()
	if len(s.operations) != n {
		t.Errorf("%d operations, want %d", len(s.operations), n)
	}
	sold, known := map[string][]string{}, map[string]bool{} // both by purchase order
	for _, b := range readLedger(t).Buys {
		sold[b.PO] = append(sold[b.PO], b.ID)
	}
	for id, o := range s.operations {
		r, err := s.store.Load(t.Context(), s.tenant, id)
		if err != nil {
			t.Error(err)
			continue
		}
		known[r.Op.PONumber] = true
		s.compareOperation(t, o.outcome, r, sold[r.Op.PONumber])
	}
	for po, buys := range sold {
		if strings.HasPrefix(po, s.poPrefix()) && !known[po] {
			t.Errorf("%s: the seller sold %v, and there is no operation", po, buys)
		}
	}
}

// compareOperation checks that an operation ended as the seller's outcome says, with the buys that
// the seller made.
func (s *soak) compareOperation(t *testing.T, outcome string, r operation.Record, buys []string) {
	t.Helper()
	op := r.Op
	if op.PublishedAt.IsZero() {
		t.Errorf("%s is not settled", op.ID)
	}
	id := mediaBuyID(r.Result)
	ok := op.State == operation.Completed && slices.Equal(buys, []string{id})
	if outcome == "failed" || outcome == "rejected" {
		ok = (op.State == operation.Failed || op.State == operation.Rejected) && len(buys) == 0
	}
	if !ok {
		view := httpapi.API{BaseURL: s.Base}.ViewRecord(r)
		t.Errorf("%s: %s with %q for outcome %s, the seller sold %v\n%s", op.ID, op.State, id, outcome, buys, timeline(view))
	}
}
