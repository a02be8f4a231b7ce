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
	all, err := s.NeedAttention(t.Context()) // other tests use the same table
	if err != nil || all[s.tenant] != 2 {
		t.Errorf("got %v, %v", all, err)
	}
}
