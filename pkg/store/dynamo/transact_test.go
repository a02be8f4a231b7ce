package dynamo_test

import (
	"errors"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"adcp-orchestrator/pkg/circuit"
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

// A write of a gate that its partition refuses is made again; in the end the store is throttled.
func TestThrottledGatesAreTriedAgain(t *testing.T) {
	t.Parallel()
	refused := &types.ProvisionedThroughputExceededException{}
	step := circuit.Step{Jumps: true, Lease: circuit.Lease{ID: "a"}, Limit: 1}
	for name, tc := range map[string]struct {
		answers []error
		calls   int
		want    error
	}{
		"then there is capacity": {[]error{refused, refused, nil}, 3, nil},
		"there is never any":     {[]error{refused}, 25, store.ErrThrottled},
		"another error":          {[]error{errors.ErrUnsupported}, 1, errors.ErrUnsupported},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			api := &fakeAPI{answers: tc.answers}
			_, err := dynamo.New(api, "table", time.Now).StepGate(t.Context(), circuit.GateID{Kind: circuit.AgentGate,
				Tenant: "acme", Name: "seller"}, step)
			if !errors.Is(err, tc.want) || api.calls != tc.calls {
				t.Errorf("%d calls, %v", api.calls, err)
			}
		})
	}
}
