package dynamo_test

import (
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"adcp-orchestrator/pkg/store/dynamo"
)

// The codes of canceled transactions.
const (
	conditionFailed = "ConditionalCheckFailed"
	conflict        = "TransactionConflict"
	throttled       = "ThrottlingError"
	none            = "None"
)

// fakeAPI gives answers that an emulator does not give on demand, and records the requests. Methods
// that it does not implement panic.
type fakeAPI struct {
	dynamo.API
	// answers to writes, in turn; the last one is repeated.
	answers []error
	// batch answers BatchGetItem.
	batch func(call int, request types.KeysAndAttributes) (*dynamodb.BatchGetItemOutput, error)
	calls int
	wrote []string                  // the names of the writes
	items []types.TransactWriteItem // of the last transaction
}

func (f *fakeAPI) write(name string) error {
	err := f.answers[min(f.calls, len(f.answers)-1)]
	f.calls++
	f.wrote = append(f.wrote, name)
	return err
}

func (f *fakeAPI) TransactWriteItems(
	_ context.Context, in *dynamodb.TransactWriteItemsInput, _ ...func(*dynamodb.Options),
) (*dynamodb.TransactWriteItemsOutput, error) {
	f.items = in.TransactItems
	return &dynamodb.TransactWriteItemsOutput{}, f.write("transact")
}

func (f *fakeAPI) UpdateItem(
	context.Context, *dynamodb.UpdateItemInput, ...func(*dynamodb.Options),
) (*dynamodb.UpdateItemOutput, error) {
	return &dynamodb.UpdateItemOutput{}, f.write("update")
}

func (f *fakeAPI) BatchGetItem(
	_ context.Context, in *dynamodb.BatchGetItemInput, _ ...func(*dynamodb.Options),
) (*dynamodb.BatchGetItemOutput, error) {
	f.calls++
	return f.batch(f.calls, in.RequestItems["table"])
}

func canceled(codes ...string) error {
	e := &types.TransactionCanceledException{}
	for _, c := range codes {
		e.CancellationReasons = append(e.CancellationReasons, types.CancellationReason{Code: aws.String(c)})
	}
	return e
}

type attributes = map[string]types.AttributeValue

// found answers with an item for each key, as if all items existed.
func found(keys []attributes) map[string][]attributes {
	var items []attributes
	for _, k := range keys {
		items = append(items, attributes{
			"pk":      k["pk"],
			"sk":      k["sk"],
			"doc":     &types.AttributeValueMemberS{Value: `{"id":"op_1"}`},
			"version": &types.AttributeValueMemberN{Value: "7"},
			"ttl":     &types.AttributeValueMemberN{Value: "99999999999"},
			"n":       &types.AttributeValueMemberN{Value: "99999999999"},
		})
	}
	slices.Reverse(items) // DynamoDB does not promise an order
	return map[string][]attributes{"table": items}
}
