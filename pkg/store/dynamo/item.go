package dynamo

import (
	"hash/fnv"
	"io"
	"maps"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"adcp-orchestrator/pkg/store"
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

func data(i item, name string) []byte {
	if v, ok := i[name].(*types.AttributeValueMemberB); ok {
		return v.Value
	}
	return nil
}

// The sort keys. Chunk is the number of an item among those that share a body.
const (
	skOperation = "operation"
	skRequest   = "request#" // chunk
	skResult    = "result#"  // chunk
	skInput     = "input#"   // the input request's generation, chunk
	skEvent     = "event#"   // sequence number, place in the change
	skRegistry  = "registry"
	skProfile   = "profile"
	skCircuit   = "circuit"
	skOnly      = "-" // of a partition with one item
)

// key returns the key of an item. A tenant's name has no '#', so no tenant can reach the items of
// another.
func key(tenant, kind, name, sk string) item {
	return item{"pk": str(tenant + "#" + kind + "#" + name), "sk": str(sk)}
}

func operationKey(tenant, id, sk string) item { return key(tenant, "op", id, sk) }

// with returns a copy of an item with more attributes.
func with(i item, more item) item {
	out := make(item, len(i)+len(more))
	maps.Copy(out, i)
	maps.Copy(out, more)
	return out
}

func readDocument(i item) store.Document {
	return store.Document{Version: number(i, "version"), Body: data(i, "body")}
}

// shard distributes names over n shards.
func shard(name string, n int) int {
	h := fnv.New32a()
	_, _ = io.WriteString(h, name)
	return int(h.Sum32() % uint32(n))
}

// wholeSeconds returns a time in Unix seconds, rounded up: the table must not delete an item before
// its time.
func wholeSeconds(t time.Time) int64 { return t.Add(time.Second - 1).Unix() }
