package memory_test

import (
	"errors"
	"testing"
	"time"

	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/orchestrator"
	"adcp-orchestrator/pkg/store"
	"adcp-orchestrator/pkg/store/memory"
)

var start = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func newOperation() orchestrator.NewOperation {
	op := operation.Operation{Tenant: "t", ID: "op_1", Version: 1, DueAt: start.Add(-time.Minute)}
	return orchestrator.NewOperation{Op: op, Request: []byte(`{}`), KeyHash: "k"}
}

func TestIndexLagsBehindTheTable(t *testing.T) {
	t.Parallel()
	now := start
	s := memory.New(func() time.Time { return now })
	s.IndexLag = time.Second
	due := func() int {
		t.Helper()
		refs, err := s.Due(t.Context(), now, 10)
		if err != nil {
			t.Fatal(err)
		}
		return len(refs.Refs)
	}
	c := newOperation()
	if err := s.Create(t.Context(), c); err != nil || due() != 0 {
		t.Fatalf("due at once: %d, %v", due(), err)
	}
	now = now.Add(time.Second)
	c.Op.Version, c.Op.DueAt = 2, time.Time{}
	if err := s.Commit(t.Context(), operation.Change{Op: c.Op}); err != nil || due() != 1 {
		t.Fatalf("no longer due at once: %d, %v", due(), err)
	}
	if now = now.Add(time.Second); due() != 0 {
		t.Error("due after the lag")
	}
}

func TestConflictsAreTriedAgainAsOftenAsInDynamoDB(t *testing.T) {
	t.Parallel()
	s := memory.New(func() time.Time { return start })
	tries, conflicts := map[string]int{}, 12
	s.Conflict = func(write string) bool { tries[write]++; return tries[write] <= conflicts }
	c := newOperation()
	if err := s.Create(t.Context(), c); err != nil || tries["Create"] != 13 {
		t.Fatalf("%d tries, %v", tries["Create"], err)
	}
	conflicts = 1000
	c.Op.Version = 2
	err := s.Commit(t.Context(), operation.Change{Op: c.Op})
	if !errors.Is(err, memory.ErrConflict) || tries["Commit"] != 13 {
		t.Errorf("%d tries, %v", tries["Commit"], err)
	}
	if err := s.Arm("t", "op_1", 1, "token"); !errors.Is(err, memory.ErrConflict) || tries["Arm"] != 1 {
		t.Errorf("%d tries, %v", tries["Arm"], err)
	}
	s.Conflict = nil
	if op, err := s.Get(t.Context(), "t", "op_1"); err != nil || op.Version != 1 || op.TaskToken != "" {
		t.Errorf("got %+v, %v", op, err)
	}
	if err := s.Arm("t", "op_1", 2, "token"); !errors.Is(err, store.ErrStale) {
		t.Errorf("got %v", err)
	}
}
