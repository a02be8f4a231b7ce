package storetest

import (
	"testing"

	"adcp-orchestrator/pkg/store/layout"
)

// The index of attention says for which tenants somebody should look at something.
func attentionIsCountedByTenant(t *testing.T, s *suite) {
	for _, id := range []string{"op_1", "op_2", "op_3"} {
		s.create(t, id)
	}
	for _, id := range []string{"op_1", "op_3"} {
		must(t, s.SetAttribute(t.Context(), s.tenant, id, layout.AttentionIndex.PK, s.tenant))
		must(t, s.SetAttribute(t.Context(), s.tenant, id, layout.AttentionIndex.SK, layout.Timestamp(Start)+"#"+id))
	}
	all, more, err := s.NeedAttention(t.Context(), 1000) // other tests use the same table
	if err != nil || all[s.tenant] != 2 || more {
		t.Errorf("got %v, %t, %v", all, more, err)
	}
	few, more, err := s.NeedAttention(t.Context(), 1)
	if err != nil || len(few) != 1 || !more {
		t.Errorf("a limit of one: %v, %t, %v", few, more, err)
	}
}
