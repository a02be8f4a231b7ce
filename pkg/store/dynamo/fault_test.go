package dynamo_test

import (
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/store"
	"adcp-orchestrator/pkg/store/dynamo"
	"context"
	"errors"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

var background = context.Background()

// scripted is a DynamoDB that answers with what an emulator does not give on demand. It counts the calls; one that is not scripted panics.
type scripted struct {
	dynamo.API
	answers []error // to writes: in turn, the last one again and again
	// batch answers BatchGetItem.
	batch func(call int, asked types.KeysAndAttributes) (*dynamodb.BatchGetItemOutput, error)
	calls int
	wrote []string                  // the names of the writes
	items []types.TransactWriteItem // of the last transaction
}

func (s *scripted) write(name string) error {
	err := s.answers[min(s.calls, len(s.answers)-1)]
	s.calls++
	s.wrote = append(s.wrote, name)
	return err
}

func (s *scripted) TransactWriteItems(_ context.Context, in *dynamodb.TransactWriteItemsInput, _ ...func(*dynamodb.Options)) (*dynamodb.TransactWriteItemsOutput, error) {
	s.items = in.TransactItems
	return &dynamodb.TransactWriteItemsOutput{}, s.write("transact")
}

func (s *scripted) UpdateItem(context.Context, *dynamodb.UpdateItemInput, ...func(*dynamodb.Options)) (*dynamodb.UpdateItemOutput, error) {
	return &dynamodb.UpdateItemOutput{}, s.write("update")
}

func (s *scripted) BatchGetItem(_ context.Context, in *dynamodb.BatchGetItemInput, _ ...func(*dynamodb.Options)) (*dynamodb.BatchGetItemOutput, error) {
	s.calls++
	return s.batch(s.calls, in.RequestItems["table"])
}

func cancelled(codes ...string) error {
	e := &types.TransactionCanceledException{}
	for _, c := range codes {
		e.CancellationReasons = append(e.CancellationReasons, types.CancellationReason{Code: aws.String(c)})
	}
	return e
}

func TestTransactionsInTheWayAreWaitedFor(t *testing.T) {
	t.Parallel()
	change := operation.Change{Op: operation.Operation{Tenant: "t", ID: "op_1", Version: 2}}
	for name, tc := range map[string]struct {
		answers []error
		calls   int
		want    error
	}{
		"conflict, then none":             {[]error{cancelled("TransactionConflict"), cancelled("TransactionConflict"), nil}, 3, nil},
		"a failed condition is an answer": {[]error{cancelled("ConditionalCheckFailed")}, 1, store.ErrStale},
		"both: the condition decides":     {[]error{cancelled("ConditionalCheckFailed", "TransactionConflict")}, 1, store.ErrStale},
		"throttled, then none":            {[]error{cancelled("None", "ThrottlingError"), nil}, 2, nil},
		"anything else is returned":       {[]error{errors.ErrUnsupported}, 1, errors.ErrUnsupported},
		"what no waiting helps":           {[]error{cancelled("ItemCollectionSizeLimitExceeded")}, 1, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			api := &scripted{answers: tc.answers}
			err := dynamo.New(api, "table", time.Now).Commit(t.Context(), change)
			if tc.want != nil && !errors.Is(err, tc.want) || name == "what no waiting helps" && err == nil || tc.want == nil && tc.answers[len(tc.answers)-1] == nil && err != nil {
				t.Errorf("got %v", err)
			}
			if api.calls != tc.calls {
				t.Errorf("%d calls, want %d", api.calls, tc.calls)
			}
		})
	}
}
