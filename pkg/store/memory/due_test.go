package memory_test

import (
	"fmt"
	"testing"
	"time"

	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/orchestrator"
	"adcp-orchestrator/pkg/store/layout"
	"adcp-orchestrator/pkg/store/memory"
)

// A change of the number of shards, in either direction, hides no operation that is stored.
func TestTheNumberOfShardsCanChange(t *testing.T) {
	t.Parallel()
	s := memory.New(func() time.Time { return start })
	n := 0
	for _, shards := range []int{4, layout.MaxDueShards, 1, 16} {
		s.WithDueShards(shards)
		for range 20 {
			n++
			op := operation.Operation{Tenant: "t", ID: fmt.Sprint("op_", n), Version: 1, DueAt: start.Add(-time.Minute)}
			c := orchestrator.NewOperation{Op: op, Request: []byte(`{}`), KeyHash: op.ID}
			if err := s.Create(t.Context(), c); err != nil {
				t.Fatal(err)
			}
		}
		list, err := s.Due(t.Context(), start, 1000)
		if err != nil || list.Total != n || len(list.Refs) != n {
			t.Errorf("%d shards: %d of %d are due, %v", shards, len(list.Refs), n, err)
		}
	}
}
