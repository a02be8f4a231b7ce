package dynamo_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"adcp-orchestrator/pkg/inbox"
	"adcp-orchestrator/pkg/store"
	"adcp-orchestrator/pkg/store/dynamo"
)

func TestQuarantineTakesTheCheapestWrite(t *testing.T) {
	t.Parallel()
	missing, conflicting := &types.ConditionalCheckFailedException{}, &types.TransactionConflictException{}
	full, stored := canceled(none, conditionFailed), canceled(conditionFailed, none)
	storedAndFull := canceled(conditionFailed, conditionFailed)
	for name, tc := range map[string]struct {
		authentic bool
		answers   []error
		wrote     string
		want      error
	}{
		"not authentic":             {false, []error{nil}, "update", nil},
		"a repetition":              {true, []error{nil}, "update", nil},
		"the first":                 {true, []error{missing, nil}, "update transact", nil},
		"full":                      {true, []error{missing, full}, "update transact", store.ErrFull},
		"stored meanwhile":          {true, []error{missing, stored, nil}, "update transact update", nil},
		"stored meanwhile and full": {true, []error{missing, storedAndFull, nil}, "update transact update", nil},
		"being stored":              {true, []error{conflicting, conflicting, nil}, "update update update", nil},
		"throttled": {
			true, []error{missing, canceled(none, throttled), nil}, "update transact transact", nil,
		},
		"a fault": {false, []error{errors.ErrUnsupported}, "update", errors.ErrUnsupported},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			api := &fakeAPI{answers: tc.answers}
			q := inbox.Quarantined{Tenant: "t", OperationID: "op_1", Authentic: tc.authentic}
			err := dynamo.New(api, "table", time.Now).Quarantine(t.Context(), q)
			if wrote := strings.Join(api.wrote, " "); !errors.Is(err, tc.want) || wrote != tc.wrote {
				t.Errorf("wrote %s, error %v", wrote, err)
			}
		})
	}
}
