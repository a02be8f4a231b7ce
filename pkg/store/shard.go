package store

import (
	"hash/fnv"
	"io"
)

// Shard distributes names over n shards.
func Shard(name string, n int) int {
	h := fnv.New32a()
	_, _ = io.WriteString(h, name)
	return int(h.Sum32() % uint32(n))
}
