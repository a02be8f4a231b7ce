package storetest

import (
	"testing"
	"time"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/metrics"
	"adcp-orchestrator/pkg/notice"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/store"
)

// told stores a change that is told: an agent works on the operation, or has ended it.
func (s *suite) told(t *testing.T, op operation.Operation, to operation.State, at time.Time,
	used operation.Tally) operation.Operation {
	t.Helper()
	from := op.State
	op.Version++
	op.State, op.Tally, op.UpdatedAt = to, used, at
	if to.Terminal() {
		op.Terminal = &operation.Terminal{Channel: operation.ByWebhook, At: at}
	} else if op.PendingSince.IsZero() {
		op.PendingSince = at
	}
	e := operation.Event{Seq: op.Version, At: at, Kind: operation.EventChanged, Channel: operation.ByWebhook, From: from,
		To: to}
	must(t, s.Commit(t.Context(), operation.Change{Op: op, Events: []operation.Event{e}}))
	return op
}

// acknowledgeAll tells everything that waits of an operation, and tries each twice.
func (s *suite) acknowledgeAll(t *testing.T, id string) {
	t.Helper()
	r := notice.Ref{Tenant: s.tenant, OperationID: id}
	rows := s.pending(t, r)
	if len(rows) == 0 {
		t.Fatal("nothing waits to be told")
	}
	for _, row := range rows {
		for _, wanted := range []error{nil, store.ErrStale} {
			p, err := s.ReservePositions(t.Context(), s.tenant, 1, Start)
			must(t, err)
			want(t, s.AcknowledgeNotice(t.Context(), r, row, p, Start), wanted)
		}
	}
}

// What a notice counts is counted once, in the transaction that acknowledges it.
func noticesAreCountedOnce(t *testing.T, s *suite) {
	first, second := s.create(t, "op_a"), s.create(t, "op_b")
	first = s.told(t, first, operation.Submitted, Start, operation.Tally{Answers: 1})
	s.acknowledgeAll(t, "op_a")
	s.told(t, first, operation.Completed, Start.Add(30*time.Minute), operation.Tally{Answers: 3, Errors: 2, Polls: 4})
	s.acknowledgeAll(t, "op_a")
	s.told(t, second, operation.Rejected, Start.Add(90*time.Minute), operation.Tally{Answers: 1})
	s.acknowledgeAll(t, "op_b")
	for _, dimension := range []string{"all", "type", "agent"} {
		sums, err := s.Sums(t.Context(), s.tenant, dimension, Start, Start.Add(24*time.Hour))
		must(t, err)
		got := map[metrics.Counter]int64{}
		group := map[string]string{"type": string(adcp.CreateMediaBuy), "agent": "seller"}[dimension]
		for _, sum := range sums {
			if sum.Group != group || sum.Hour.Before(Start) || sum.Hour.After(Start.Add(time.Hour)) {
				t.Errorf("%s: group %q, hour %s", dimension, sum.Group, sum.Hour)
			}
			for c, n := range sum.Add {
				got[c] += n
			}
		}
		for c, n := range map[metrics.Counter]int64{metrics.Created: 2, metrics.Deadlines: 2, metrics.Kept: 1,
			metrics.Completed: 1, metrics.Rejected: 1, metrics.Answers: 4, metrics.Errors: 2, metrics.WonByWebhook: 2,
			metrics.Approvals: 1, metrics.ApprovalSeconds: 1800, metrics.Bucket(30 * time.Minute): 1} {
			if got[c] != n {
				t.Errorf("%s: %s is %d, want %d", dimension, c, got[c], n)
			}
		}
	}
}

func openOperationsAreCountedByType(t *testing.T, s *suite) {
	s.create(t, "op_a")
	s.told(t, s.create(t, "op_b"), operation.Working, Start, operation.Tally{})
	s.told(t, s.create(t, "op_c"), operation.Completed, Start, operation.Tally{})
	open, err := s.OpenByType(t.Context(), s.tenant)
	must(t, err)
	if len(open) != 1 || open[string(adcp.CreateMediaBuy)] != 2 {
		t.Errorf("open are %v", open)
	}
}
