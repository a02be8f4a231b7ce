package dynamo_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/orchestrator"
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
	both := change
	both.Op.OrderKey = "order"
	for name, tc := range map[string]struct {
		answers []error
		calls   int
		writes  int // of the last transaction
		want    error
	}{
		"both freed":            {[]error{nil}, 1, 3, nil},
		"both, the first lost":  {[]error{canceled(none, conditionFailed, none), nil}, 2, 2, nil},
		"both, the second lost": {[]error{canceled(none, none, conditionFailed), nil}, 2, 2, nil},
		"both lost":             {[]error{canceled(none, conditionFailed, conditionFailed), nil}, 2, 1, nil},
		"both, stale":           {[]error{canceled(conditionFailed, none, conditionFailed)}, 1, 3, store.ErrStale},
		"freed":                 {[]error{nil}, 1, 2, nil},
		"lost":                  {[]error{canceled(none, conditionFailed), nil}, 2, 1, nil},
		"lost and stale":        {[]error{canceled(conditionFailed, conditionFailed)}, 1, 2, store.ErrStale},
		"stale":                 {[]error{canceled(conditionFailed, none)}, 1, 2, store.ErrStale},
		"lost, stale later":     {[]error{canceled(none, conditionFailed), canceled(conditionFailed)}, 2, 1, store.ErrStale},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			api := &fakeAPI{answers: tc.answers}
			freeing := change
			if strings.HasPrefix(name, "both") {
				freeing = both
			}
			err := dynamo.New(api, "table", time.Now).Commit(t.Context(), freeing)
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

// getAPI answers GetItem with an item.
type getAPI struct {
	dynamo.API
	item attributes
	in   *dynamodb.GetItemInput
}

func (g *getAPI) GetItem(_ context.Context, in *dynamodb.GetItemInput, _ ...func(*dynamodb.Options)) (
	*dynamodb.GetItemOutput, error) {
	g.in = in
	return &dynamodb.GetItemOutput{Item: g.item}, nil
}

// The item of a natural key that was freed stays for a time, and names nobody.
func TestAFreedNaturalKeyHasNoHolder(t *testing.T) {
	t.Parallel()
	text := func(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }
	held := orchestrator.IdempotencyRecord{OperationID: "op_1", Fingerprint: "f"}
	for name, tc := range map[string]struct {
		item attributes
		got  orchestrator.IdempotencyRecord
		err  error
	}{
		"held":  {attributes{"operation_id": text("op_1"), "fingerprint": text("f")}, held, nil},
		"freed": {item: attributes{"ttl": &types.AttributeValueMemberN{Value: "1"}}, err: store.ErrNotFound},
		"none":  {err: store.ErrNotFound},
	} {
		api := &getAPI{item: tc.item}
		got, err := dynamo.New(api, "table", time.Now).NaturalKeyHolder(t.Context(), "t", "hash")
		if got != tc.got || !errors.Is(err, tc.err) || api.in.ConsistentRead == nil || !*api.in.ConsistentRead {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}
