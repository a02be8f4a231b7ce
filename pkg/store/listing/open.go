package listing

import (
	"context"

	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/store/layout"
)

// openPage is how many keys one request for them reads.
const openPage = 1000

// OpenByType counts a tenant's open operations by their types, by the keys of the index of states:
// an operation takes some hundred bytes of it.
func OpenByType(ctx context.Context, s Source, tenant string) (map[string]int64, error) {
	open, seen := map[string]int64{}, map[string]bool{}
	for _, state := range operation.OpenStates() {
		r := layout.StateRange(tenant, state)
		for more := true; more; {
			var found []layout.Entry
			var err error
			if found, more, err = s.Keys(ctx, r, true, openPage); err != nil {
				return nil, err
			}
			for _, e := range found {
				if !seen[e.ID] { // one that moves between two states is in both for a moment
					seen[e.ID] = true
					open[e.Type]++
				}
				r = r.Behind(e.Position, true)
			}
			more = more && len(found) > 0
		}
	}
	return open, nil
}
