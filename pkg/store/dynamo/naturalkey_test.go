package dynamo_test

import (
	"errors"
	"testing"
	"time"

	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/store"
	"adcp-orchestrator/pkg/store/dynamo"
)

// A natural key that is lost already is no reason to refuse the end of an operation; every other
// condition still is.
func TestALostNaturalKeyDoesNotRefuseTheChange(t *testing.T) {
	t.Parallel()
	change := operation.Change{
		Op:             operation.Operation{Tenant: "t", ID: "op_1", Version: 2, NaturalKey: "hash"},
		FreeNaturalKey: true,
	}
	for name, tc := range map[string]struct {
		answers []error
		calls   int
		writes  int // of the last transaction
		want    error
	}{
		"freed":             {[]error{nil}, 1, 2, nil},
		"lost":              {[]error{canceled(none, conditionFailed), nil}, 2, 1, nil},
		"lost and stale":    {[]error{canceled(conditionFailed, conditionFailed)}, 1, 2, store.ErrStale},
		"stale":             {[]error{canceled(conditionFailed, none)}, 1, 2, store.ErrStale},
		"lost, stale later": {[]error{canceled(none, conditionFailed), canceled(conditionFailed)}, 2, 1, store.ErrStale},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			api := &fakeAPI{answers: tc.answers}
			err := dynamo.New(api, "table", time.Now).Commit(t.Context(), change)
			if !errors.Is(err, tc.want) || api.calls != tc.calls || len(api.items) != tc.writes {
				t.Errorf("%v after %d calls, the last with %d writes", err, api.calls, len(api.items))
			}
			for _, i := range api.items {
				if i.Put == nil && i.Update == nil { // the functions' policies allow nothing else
					t.Errorf("a write is neither Put nor Update: %+v", i)
				}
			}
		})
	}
}
