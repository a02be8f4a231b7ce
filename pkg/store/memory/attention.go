package memory

import (
	"context"

	"adcp-orchestrator/pkg/store/layout"
)

// NeedAttention counts the operations that somebody should look at by their tenants, at most limit
// of them.
func (s *Store) NeedAttention(_ context.Context, limit int) (byTenant map[string]int, more bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	byTenant = map[string]int{}
	n := 0
	for _, r := range s.operations {
		tenant := r.items[layout.SKOperation].Text(layout.AttentionIndex.PK)
		switch {
		case tenant == "":
		case n == limit:
			return byTenant, true, nil
		default:
			n++
			byTenant[tenant]++
		}
	}
	return byTenant, false, nil
}
