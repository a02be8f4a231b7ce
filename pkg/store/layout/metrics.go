package layout

import (
	"fmt"
	"hash/fnv"
	"strings"
	"time"

	"adcp-orchestrator/pkg/metrics"
	"adcp-orchestrator/pkg/notice"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/store"
)

// keepMetrics is how long counters are kept.
const keepMetrics = 400 * 24 * time.Hour

// metricShards is among how many items the counters of one hour and group are spread, so that
// transactions for different operations seldom meet.
const metricShards = 4

// SKCounted is the sort key of what was counted of an operation already, SKRest that of what it has
// used after its end and no notice counts.
const (
	SKCounted = "counted"
	SKRest    = "rest"
)

const (
	// RestShards is how many partitions of the due index have the rests that wait to be counted. They
	// are not the outbox's: code that does not know rests must not find them there again and again.
	RestShards = 4
	// restGrace is how long what comes next after the end is waited for: it is counted with it.
	restGrace = 15 * time.Second
)

// RestShard is the partition key of a shard of the rests in the due index.
func RestShard(n int) string { return fmt.Sprint("rest#", n) }

// RestItem builds the item of what an operation has used after its end, as of a change. It takes
// the place of an earlier one, which it counts too.
func RestItem(op operation.Operation) (Item, error) {
	mark, err := store.EncodeDocument(metrics.RestOf(op))
	if err != nil {
		return nil, err
	}
	return expire(RestKey(op.Tenant, op.ID).With(Item{AttrMark: string(mark), "version": op.Version,
		"due_pk": RestShard(store.Shard(op.ID, RestShards)), "due_at": Timestamp(op.UpdatedAt.Add(restGrace))}),
		op.ExpiresAt), nil
}

// RestKey returns the key of what an operation has used after its end.
func RestKey(tenant, operationID string) Item { return OperationKey(tenant, operationID, SKRest) }

// WaitsToBeCounted reports whether the item of SKRest, nil if there is none, is not counted yet.
func WaitsToBeCounted(rest Item) bool { return rest.Text("due_pk") != "" }

// attrCountings counts how often an operation was counted.
const attrCountings = "countings"

// Counting is what one mark adds to the counters.
type Counting struct {
	Facts []metrics.Fact
	// Item is what was counted by then, and replaces the one that was read, which had Before
	// countings. Of one that is there already the expiry stays: the operation's may have been set, or
	// taken back, since the mark was stored.
	Item   Item
	Before int64
}

// CountingOf returns what a mark adds to the counters. counted is the operation's item of
// SKCounted, nil if there is none. The counting is nil if it adds nothing.
func CountingOf(r notice.Ref, mark string, counted Item) (*Counting, error) {
	if mark == "" || r.OperationID == "" {
		return nil, nil
	}
	var m metrics.Mark
	if err := store.DecodeDocument([]byte(mark), &m); err != nil {
		return nil, fmt.Errorf("mark of %s: %w", r.OperationID, err)
	}
	var before *operation.Tally
	if counted != nil {
		t, err := ReadDoc[operation.Tally](counted)
		if err != nil {
			return nil, fmt.Errorf("tally of %s: %w", r.OperationID, err)
		}
		before = &t
	}
	c := Counting{Facts: m.Facts(r.Tenant, r.OperationID, before), Before: counted.Number(attrCountings)}
	if len(c.Facts) == 0 {
		return nil, nil
	}
	by, i := m.Tally, counted
	if before != nil {
		by = by.Later(*before)
	}
	if i == nil {
		i = expire(CountedKey(r.Tenant, r.OperationID), m.ExpiresAt)
	}
	var err error
	c.Item, err = i.With(Item{attrCountings: c.Before + 1}).WithDoc(by)
	return &c, err
}

// CountedKey returns the key of what was counted of an operation.
func CountedKey(tenant, operationID string) Item { return OperationKey(tenant, operationID, SKCounted) }

// Counts are what is to be added to the counters of one item.
type Counts struct {
	Key Item
	Add map[metrics.Counter]int64
	TTL int64
}

// CountsOf sums up facts by the items that keep their counters: by type, and by agent.
func CountsOf(facts []metrics.Fact) (all []Counts) {
	at := map[string]int{}
	for _, f := range facts {
		h := fnv.New32a()
		_, _ = h.Write([]byte(f.OperationID))
		shard := h.Sum32() % metricShards
		for _, dimension := range []string{metrics.ByType + "#" + string(f.Type), metrics.ByAgent + "#" + f.AgentID} {
			k := metricsKey(f.Tenant, f.Hour, fmt.Sprintf("%s#%02d#%d", dimension, f.Hour.UTC().Hour(), shard))
			id := k.Text("pk") + " " + k.Text("sk")
			n, known := at[id]
			if !known {
				n = len(all)
				at[id] = n
				all = append(all, Counts{k, map[metrics.Counter]int64{}, f.Hour.Add(keepMetrics).Unix()})
			}
			for c, more := range f.Add {
				all[n].Add[c] += more
			}
		}
	}
	return all
}

// metricsKey returns the key of counters: a partition for each day.
func metricsKey(tenant string, day time.Time, sk string) Item {
	return Key(tenant, "metrics", day.UTC().Format(time.DateOnly), sk)
}

// MetricsDay returns the key prefix of a day's counters in a dimension. There are no items for all
// operations: their sums are those of all types.
func MetricsDay(tenant string, day time.Time, dimension string) Item {
	if dimension == metrics.All {
		dimension = metrics.ByType
	}
	return metricsKey(tenant, day, dimension+"#")
}

// ReadSums reads an item with counters, for sums in a dimension. ok is false if it is none.
func ReadSums(i Item, day time.Time, dimension string) (s metrics.Sums, ok bool) {
	_, rest, ok := strings.Cut(i.Text("sk"), "#") // the dimension
	if !ok {
		return s, false
	}
	hour, _, ok := cutLast(rest, "#") // the shard
	if !ok {
		return s, false
	}
	group, hour, ok := cutLast(hour, "#")
	var h int
	if _, err := fmt.Sscanf(hour, "%d", &h); err != nil || !ok {
		return s, false
	}
	s = metrics.Sums{Hour: day.UTC().Truncate(24 * time.Hour).Add(time.Duration(h) * time.Hour), Group: group,
		Add: map[metrics.Counter]int64{}}
	if dimension == metrics.All {
		s.Group = ""
	}
	for name, value := range i {
		if n, is := value.(int64); is && name != "ttl" {
			s.Add[metrics.Counter(name)] = n
		}
	}
	return s, true
}

func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}
