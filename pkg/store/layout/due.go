package layout

import (
	"fmt"
	"hash/fnv"
	"io"
	"slices"
	"strings"
	"time"

	"adcp-orchestrator/pkg/operation"
)

// DueShards is how many partitions the reconciler's index is distributed over.
const DueShards = 4

// DueShard is the partition key of a shard in the index.
func DueShard(n int) string { return fmt.Sprintf("due#%d", n) }

// Shard distributes names over n shards.
func Shard(name string, n int) int {
	h := fnv.New32a()
	_, _ = io.WriteString(h, name)
	return int(h.Sum32() % uint32(n))
}

// Timestamp is RFC 3339 with a fixed number of digits, so that texts sort like times.
func Timestamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// LongestDue returns the operations of the index's entries, at most limit of them, the longest due
// first. The entries are those of all shards, shard by shard, each shard's in the order of due_at.
func LongestDue(entries []Item, limit int) (refs []operation.Ref) {
	slices.SortStableFunc(entries, func(a, b Item) int { return strings.Compare(a.Text("due_at"), b.Text("due_at")) })
	for _, i := range entries[:min(limit, len(entries))] {
		if ref, ok := readRef(i); ok {
			refs = append(refs, ref)
		}
	}
	return refs
}

// TenantOf returns the tenant of an entry of the index.
func TenantOf(entry Item) (tenant string, ok bool) {
	ref, ok := readRef(entry)
	return ref.Tenant, ok
}

// readRef reads the reference of an operation from the key of its item.
func readRef(i Item) (operation.Ref, bool) {
	tenant, id, ok := strings.Cut(i.Text("pk"), "#op#")
	return operation.Ref{Tenant: tenant, OperationID: id}, ok
}
