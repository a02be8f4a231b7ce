package layout

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"sync"

	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/store"
)

// chunkSize is how much of a compressed body one item holds, below MaxItem.
const chunkSize = 350 << 10

// compressors are reused: a new one takes more time than compressing a usual body.
var compressors = sync.Pool{New: func() any { return gzip.NewWriter(io.Discard) }}

// BodyItems compresses a body and distributes it over as many items as it needs. sk is the prefix
// of their sort keys.
func BodyItems(op operation.Operation, sk string, body []byte) ([]Item, error) {
	chunks, err := compressed(body)
	var items []Item
	for _, chunk := range chunks {
		k := OperationKey(op.Tenant, op.ID, fmt.Sprintf("%s%03d", sk, len(items)))
		items = append(items, expire(k.With(Item{"body": chunk}), op.ExpiresAt))
	}
	return items, err
}

// compressed compresses a body and cuts it into as many pieces as it needs items.
func compressed(body []byte) ([][]byte, error) {
	var out bytes.Buffer
	z := compressors.Get().(*gzip.Writer)
	defer compressors.Put(z)
	z.Reset(&out)
	if _, err := z.Write(body); err != nil {
		return nil, err
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	return slices.Collect(slices.Chunk(out.Bytes(), chunkSize)), nil
}

// ReadChunks reads a body that BodyItems distributed. It returns store.ErrNotFound if there are no
// items.
func ReadChunks(items []Item) (json.RawMessage, error) {
	if len(items) == 0 {
		return nil, store.ErrNotFound
	}
	var compressed []byte
	for _, i := range items {
		compressed = append(compressed, i.Data("body")...)
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
