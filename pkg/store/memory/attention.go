package memory

import (
	"context"

	"adcp-orchestrator/pkg/store/layout"
)

// NeedAttention counts the operations that somebody should look at by their tenants.
func (s *Store) NeedAttention(context.Context) (byTenant map[string]int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	byTenant = map[string]int{}
	for _, r := range s.operations {
		if tenant := r.items[layout.SKOperation].Text(layout.AttentionIndex.PK); tenant != "" {
			byTenant[tenant]++
		}
	}
	return byTenant, nil
}
