package sim

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/store"
	"adcp-orchestrator/pkg/store/dynamo"
)

func ExampleExecution() {
	d := Definition{StartAt: "A", States: map[string]State{
		"A": {Type: "Wait", Seconds: "{% $states.input.n * 2 %}", Next: "B"},
		"B": {Type: "Succeed"},
	}}
	now := epoch
	e := Start(d, Ports{Now: func() time.Time { return now }}, "x", map[string]int{"n": 5})
	_ = e.Run(context.Background())
	fmt.Println(e.Waiting().Sub(now))
	_ = e.Expire()
	_ = e.Run(context.Background())
	fmt.Println(e.Path, e.Transitions)
	// Output:
	// 10s
	// [A B] 2
}

// readKey is a DynamoDB client that records the key of the first read, and finds nothing.
type readKey struct {
	dynamo.API
	table string
	key   map[string]types.AttributeValue
}

func (c *readKey) GetItem(
	_ context.Context, in *dynamodb.GetItemInput, _ ...func(*dynamodb.Options),
) (*dynamodb.GetItemOutput, error) {
	c.table, c.key = *in.TableName, in.Key
	return &dynamodb.GetItemOutput{}, nil
}

// AwaitUpdate writes to the item from which the store reads the operation: the definition's key
// expression and the store's key are the same.
func TestAwaitUpdateWritesTheStoresItem(t *testing.T) {
	t.Parallel()
	const id = "op_1"
	client := &readKey{}
	_, err := dynamo.New(client, tableName, func() time.Time { return epoch }).Get(t.Context(), Tenant, id)
	if !errors.Is(err, store.ErrNotFound) {
		t.Fatal(err)
	}
	var written json.RawMessage
	ports := Ports{
		Now: func() time.Time { return epoch },
		StoreToken: func(_ context.Context, arguments json.RawMessage) error {
			written = arguments
			return nil
		},
		Invoke: func(context.Context, string, json.RawMessage) (json.RawMessage, error) {
			return json.Marshal(operation.Decision{
				Tenant: Tenant, OperationID: id, Version: 7, Delay: 30, Next: operation.NextAwait,
			})
		},
	}
	e := Start(definition(t), ports, "x", operation.Ref{Tenant: Tenant, OperationID: id})
	if err := e.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	var got struct {
		TableName string
		Key       map[string]struct{ S string }
		Values    map[string]map[string]string `json:"ExpressionAttributeValues"`
	}
	if err := json.Unmarshal(written, &got); err != nil {
		t.Fatal(err)
	}
	want := map[string]struct{ S string }{}
	for name, v := range client.key {
		s, ok := v.(*types.AttributeValueMemberS)
		if !ok {
			t.Fatalf("%s is a %T", name, v)
		}
		want[name] = struct{ S string }{s.Value}
	}
	if got.TableName != client.table || len(want) != 2 || !maps.Equal(got.Key, want) {
		t.Errorf("AwaitUpdate writes to %s %v, the store reads from %s %v", got.TableName, got.Key, client.table, want)
	}
	token := got.Values[":token"]["S"]
	if got.Values[":version"]["N"] != "7" || token == "" || e.Wake(token, nil) != nil {
		t.Errorf("written %v", got.Values)
	}
	if want := []string{"Run", "ChooseNext", "AwaitUpdate", "ChooseNext"}; !slices.Equal(e.Path, want) {
		t.Errorf("path %v", e.Path)
	}
}
