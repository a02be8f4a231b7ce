package dynamo_test

import (
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/orchestrator"
	"adcp-orchestrator/pkg/store/dynamo"
	"adcp-orchestrator/pkg/store/layout"
	"adcp-orchestrator/pkg/store/storetest"
)

// wrote compares an item of the table with one that a writer writes.
func wrote(t *testing.T, api *dynamodb.Client, table string, want layout.Item) {
	t.Helper()
	i := raw(want)
	out, err := api.GetItem(t.Context(), &dynamodb.GetItemInput{
		TableName: &table, ConsistentRead: aws.Bool(true), Key: attributes{"pk": i["pk"], "sk": i["sk"]}})
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(out.Item, i) {
		t.Fatalf("the store has\n%+v\na writer writes\n%+v", plainly(out.Item), plainly(i))
	}
}

// plainly is an item to be read.
func plainly(i attributes) (text []string) {
	for name, value := range i {
		text = append(text, fmt.Sprint(name, "=", reflect.ValueOf(value).Elem().Field(0)))
	}
	slices.Sort(text)
	return text
}

// What writers write of an operation, attribute by attribute, is what the store writes of the same
// one: when it is new, and after each change.
func TestWritersWriteWhatTheStoreWrites(t *testing.T) {
	t.Parallel()
	api, table := emulated(t)
	s := dynamo.New(api, table, func() time.Time { return storetest.Start })
	for n := 0; n < 250; n += 11 { // of each role some in different states, with attention and without
		op := history(storetest.TenantPrefix+"same", n)
		op.Version = 1
		err := s.Create(t.Context(), orchestrator.NewOperation{Op: op, Request: []byte(`{}`), KeyHash: op.ID,
			Event: operation.Event{Seq: 1, Kind: operation.EventCreated}})
		if err != nil {
			t.Fatal(err)
		}
		for changes := true; changes && op.Version < 5; op, changes = changed(op, n) {
			if op.Version > 1 {
				if err := s.Commit(t.Context(), operation.Change{Op: op}); err != nil {
					t.Fatal(err)
				}
			}
			own, err := layout.OperationItem(op, layout.DefaultDueShards)
			if err != nil {
				t.Fatal(err)
			}
			wrote(t, api, table, own)
			wrote(t, api, table, layout.RefItem(op, op.PONumber))
		}
	}
}
