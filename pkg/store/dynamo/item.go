package dynamo

import (
	"maps"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"adcp-orchestrator/pkg/store"
	"adcp-orchestrator/pkg/store/layout"
)

type item = map[string]types.AttributeValue

func str(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }
func num(n int64) types.AttributeValue {
	return &types.AttributeValueMemberN{Value: strconv.FormatInt(n, 10)}
}
func bin(b []byte) types.AttributeValue { return &types.AttributeValueMemberB{Value: b} }

func text(i item, name string) string {
	if v, ok := i[name].(*types.AttributeValueMemberS); ok {
		return v.Value
	}
	return ""
}

func number(i item, name string) int64 {
	if v, ok := i[name].(*types.AttributeValueMemberN); ok {
		n, _ := strconv.ParseInt(v.Value, 10, 64)
		return n
	}
	return 0
}

// attributes returns an item as the table's API has it.
func attributes(i layout.Item) item {
	out := make(item, len(i))
	for name, value := range i {
		switch v := value.(type) {
		case string:
			out[name] = str(v)
		case int64:
			out[name] = num(v)
		case []byte:
			out[name] = bin(v)
		}
	}
	return out
}

// plain returns an item of the table. Attributes of other types, which only newer code can have
// written, are left out.
func plain(i item) layout.Item {
	out := make(layout.Item, len(i))
	for name, value := range i {
		switch v := value.(type) {
		case *types.AttributeValueMemberS:
			out[name] = v.Value
		case *types.AttributeValueMemberN:
			out[name] = number(i, name)
		case *types.AttributeValueMemberB:
			out[name] = v.Value
		}
	}
	return out
}

func plainAll(items []item) (all []layout.Item) {
	for _, i := range items {
		all = append(all, plain(i))
	}
	return all
}

const skOnly = layout.SKOnly

// key returns the key of an item. A tenant's name has no '#', so no tenant can reach the items of
// another.
func key(tenant, kind, name, sk string) item { return attributes(layout.Key(tenant, kind, name, sk)) }

func operationKey(tenant, id, sk string) item { return attributes(layout.OperationKey(tenant, id, sk)) }

// with returns a copy of an item with more attributes.
func with(i item, more item) item {
	out := make(item, len(i)+len(more))
	maps.Copy(out, i)
	maps.Copy(out, more)
	return out
}

// storable reports whether an item with that key can exist. The table refuses to read others.
func storable(k item) bool { return plain(k).Storable() }

func readDocument(i item) store.Document { return layout.ReadBody(plain(i)) }

// wholeSeconds returns a time in Unix seconds, rounded up: the table must not delete an item before
// its time.
func wholeSeconds(t time.Time) int64 { return t.Add(time.Second - 1).Unix() }
