package layout

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"adcp-orchestrator/pkg/operation"
)

const (
	// DefaultDueShards is how many partitions the reconciler's index is distributed over if nothing
	// else is set. Code of before the setting reads these only: with more, an operation would have no
	// reconciler after a rollback to it.
	DefaultDueShards = 4
	// MaxDueShards is how many there can be. The reconciler reads all of them, so that the number can
	// be changed while operations are stored.
	MaxDueShards = 64
	// StartShards is how many partitions the queue of starts has.
	StartShards = 4
	// StartPrefix begins the names of the partitions of the queue of starts.
	StartPrefix = "start#"
)

// StartShard is the partition key of a shard of the queue of starts.
func StartShard(n int) string { return fmt.Sprint(StartPrefix, n) }

// DueShard is the partition key of a shard in the index.
func DueShard(n int) string { return fmt.Sprintf("due#%d", n) }

// Partitions are the partition keys of the index that have open operations: of those that are due
// at some time, and of those that wait for their start.
func Partitions() (names []string) {
	for n := range MaxDueShards {
		names = append(names, DueShard(n))
	}
	for n := range StartShards {
		names = append(names, StartShard(n))
	}
	return names
}

// Timestamp is RFC 3339 with a fixed number of digits, so that texts sort like times.
func Timestamp(t time.Time) string { return t.UTC().Format(timestampForm) }

const timestampForm = "2006-01-02T15:04:05.000Z"

// parseTimestamp reads a Timestamp; any other text is the zero time.
func parseTimestamp(s string) time.Time {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return time.Time{}
	}
	return t.UTC()
}

// TenantOf returns the tenant of an entry of the index.
func TenantOf(entry Item) (tenant string, ok bool) {
	ref, ok := readRef(entry.Text("pk"))
	return ref.Tenant, ok
}

// Due is an entry of the index: the key of an operation's partition, and where it stands.
type Due struct{ PK, At string }

// ShareDue returns at most limit operations of the index's entries. The entries are those of all
// shards, each shard's in the order of due_at. Every tenant gets the same share, and what others
// leave of theirs; of each tenant those come first that are the longest due, in whatever shard.
func ShareDue(shards [][]Due, limit int) operation.DueList {
	all, list := merge(shards)
	list.Refs = share(all, limit, func(pk string) (operation.Ref, string, bool) {
		ref, ok := readRef(pk)
		return ref, ref.Tenant, ok
	})
	return list
}

// share returns at most limit of what entries name, each once. Every tenant gets the same share,
// and what others leave of theirs; of each tenant those come first that stand first. read returns
// what the key of an entry's partition names, and whose it is.
func share[R comparable](all []Due, limit int, read func(pk string) (ref R, tenant string, ok bool)) (refs []R) {
	tenants, queues, seen := []string{}, map[string][]R{}, map[R]bool{}
	for _, d := range all {
		ref, tenant, ok := read(d.PK)
		if q := queues[tenant]; ok && len(q) < limit && !seen[ref] {
			if q == nil {
				tenants = append(tenants, tenant)
			}
			queues[tenant], seen[ref] = append(q, ref), true
		}
	}
	for rank, taken := 0, true; taken && len(refs) < limit; rank++ { // each tenant's next, in turn
		taken = false
		for _, t := range tenants {
			if q := queues[t]; rank < len(q) && len(refs) < limit {
				refs, taken = append(refs, q[rank]), true
			}
		}
	}
	return refs
}

// Oldest returns at most limit operations of the index's entries, the oldest first, whatever their
// tenants. The entries are those of all shards, each shard's in order.
func Oldest(shards [][]Due, limit int) operation.DueList {
	all, list := merge(shards)
	for _, d := range all[:min(limit, len(all))] {
		if ref, ok := readRef(d.PK); ok {
			list.Refs = append(list.Refs, ref)
		}
	}
	return list
}

// merge brings the entries of all shards into one order, and counts them.
func merge(shards [][]Due) (all []Due, list operation.DueList) {
	for _, shard := range shards {
		list.Total += len(shard)
	}
	all = make([]Due, 0, list.Total)
	for place := 0; len(all) < list.Total; place++ { // of those due at the same time, each shard's first come first
		for _, shard := range shards {
			if place < len(shard) {
				all = append(all, shard[place])
			}
		}
	}
	slices.SortStableFunc(all, func(a, b Due) int { return strings.Compare(a.At, b.At) })
	if len(all) > 0 {
		list.OldestAt = parseTimestamp(all[0].At)
	}
	return all, list
}

// readRef reads the reference of an operation from the key of its partition.
func readRef(pk string) (operation.Ref, bool) {
	tenant, id, ok := strings.Cut(pk, "#op#")
	return operation.Ref{Tenant: tenant, OperationID: id}, ok
}

// Failures counts the reconciler's looks at an operation that failed in a row. It is kept beside
// the operation: what keeps the look from being stored must not keep its failure from being.
type Failures struct {
	N  int64
	At time.Time
}

// After returns the count after another failed look.
func (f Failures) After(now time.Time) Failures {
	if now.Sub(f.At) > operation.FailuresForgotten {
		f.N = 0
	}
	return Failures{N: f.N + 1, At: now}
}

// Item builds the item of the count.
func (f Failures) Item(r operation.Ref) Item {
	return OperationKey(r.Tenant, r.OperationID, SKFailures).With(Item{
		"failures": f.N, "failed_at": f.At.Unix(), "ttl": f.At.Add(2 * operation.FailuresForgotten).Unix(),
	})
}

// ReadFailures reads the count; of no item it is zero.
func ReadFailures(i Item) Failures {
	return Failures{N: i.Number("failures"), At: time.Unix(i.Number("failed_at"), 0)}
}
