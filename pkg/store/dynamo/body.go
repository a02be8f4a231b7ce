package dynamo

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/store"
)

// chunkSize is how much of a compressed body one item holds. DynamoDB limits an item to 400 KB and
// a transaction to 4 MB.
const chunkSize = 350 << 10

// bodyItems compresses a body and distributes it over as many items as it needs. sk is the prefix
// of their sort keys.
func bodyItems(op operation.Operation, sk string, body []byte) ([]item, error) {
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	if _, err := z.Write(body); err != nil {
		return nil, err
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	var items []item
	for chunk := range slices.Chunk(out.Bytes(), chunkSize) {
		k := operationKey(op.Tenant, op.ID, fmt.Sprintf("%s%03d", sk, len(items)))
		items = append(items, with(k, item{"body": bin(chunk)}))
	}
	return items, nil
}

// body reads a body that bodyItems distributed, or returns store.ErrNotFound.
func (s *Store) body(ctx context.Context, tenant, id, sk string) (json.RawMessage, error) {
	consistent, condition := true, "pk = :pk AND begins_with(sk, :sk)"
	items, err := s.queryAll(ctx, &dynamodb.QueryInput{
		TableName:                 &s.table,
		ConsistentRead:            &consistent,
		KeyConditionExpression:    &condition,
		ExpressionAttributeValues: item{":pk": operationKey(tenant, id, "")["pk"], ":sk": str(sk)},
	})
	if err != nil {
		return nil, err
	}
	if len(items) == 0 {
		return nil, store.ErrNotFound
	}
	var compressed []byte
	for _, i := range items {
		compressed = append(compressed, data(i, "body")...)
	}
	return decompress(compressed)
}

func decompress(b []byte) (json.RawMessage, error) {
	z, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(z)
}
