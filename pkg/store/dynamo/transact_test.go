package dynamo_test

import (
	"errors"
	"testing"
	"time"

	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/store"
	"adcp-orchestrator/pkg/store/dynamo"
)

func TestConflictingTransactionsAreRetried(t *testing.T) {
	t.Parallel()
	change := operation.Change{Op: operation.Operation{Tenant: "t", ID: "op_1", Version: 2}}
	canceledForGood := canceled("ItemCollectionSizeLimitExceeded")
	for name, tc := range map[string]struct {
		answers []error
		calls   int
		want    error
	}{
		"conflicts, then success":          {[]error{canceled(conflict), canceled(conflict), nil}, 3, nil},
		"a failed condition is final":      {[]error{canceled(conditionFailed)}, 1, store.ErrStale},
		"both: the condition decides":      {[]error{canceled(conditionFailed, conflict)}, 1, store.ErrStale},
		"throttled, then success":          {[]error{canceled(none, throttled), nil}, 2, nil},
		"other errors are returned":        {[]error{errors.ErrUnsupported}, 1, errors.ErrUnsupported},
		"other cancellations are returned": {[]error{canceledForGood}, 1, canceledForGood},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			api := &fakeAPI{answers: tc.answers}
			err := dynamo.New(api, "table", time.Now).Commit(t.Context(), change)
			if !errors.Is(err, tc.want) {
				t.Errorf("got %v", err)
			}
			if api.calls != tc.calls {
				t.Errorf("%d calls, want %d", api.calls, tc.calls)
			}
		})
	}
}
