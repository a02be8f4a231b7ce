package load

import (
	"context"
	"encoding/json"
	"math"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"adcp-orchestrator/pkg/circuit"
	"adcp-orchestrator/pkg/inbox"
	"adcp-orchestrator/pkg/notice"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/orchestrator"
	"adcp-orchestrator/pkg/registry"
	"adcp-orchestrator/pkg/store"
	"adcp-orchestrator/pkg/store/layout"
	"adcp-orchestrator/pkg/store/storetest"
)

// table is the store of a world, with the time, the capacity and the throttling of a DynamoDB table
// on demand. It counts requests as package dynamo makes them.
type table struct {
	storetest.Store
	w *World
	// sizes and entries are the size of each operation's item and its places in the indexes.
	sizes   map[string]int
	entries map[string]entries
	// partitions are those that many operations share; an operation's own never meets a quota.
	partitions map[string]*partition
	gates      map[circuit.GateID]int // their sizes
	reads      *bucket
	writes     *bucket
}

type partition struct{ reads, writes *bucket }

func newTable(w *World, s storetest.Store) *table {
	return &table{Store: s, w: w, sizes: map[string]int{}, entries: map[string]entries{},
		partitions: map[string]*partition{}, gates: map[circuit.GateID]int{}, reads: newBucket(w.quotas.TableReads, w.now),
		writes: newBucket(w.quotas.TableWrites, w.now)}
}

// load is what a request asks of one partition, in request units.
type load struct {
	partition     string // "" for one that no other operation uses
	reads, writes float64
}

// Times of a request, and how often a client makes one again that was throttled: the SDK's default,
// and package dynamo's for transactions.
const (
	readTime, writeTime          = 3 * time.Millisecond, 6 * time.Millisecond
	tries, transactions, crowded = 3, 13, 25
)

// request makes a request of the table. It returns the throttling error of the SDK when all tries
// were refused.
func (t *table) request(name string, tries int, loads ...load) error {
	took := readTime
	for _, l := range loads {
		if l.writes > 0 {
			took = writeTime
		}
	}
	for try := 0; ; try++ {
		t.w.sleep(took)
		t.w.usage.Requests["DynamoDB "+name]++
		quota := t.refuses(loads)
		if quota == "" {
			return nil
		}
		t.w.met(quota)
		if try == tries-1 {
			if tries == crowded {
				return store.ErrThrottled
			}
			return &types.ProvisionedThroughputExceededException{Message: aws.String("throughput exceeded: " + quota)}
		}
		wait := time.Duration(t.w.Jitter() * math.Pow(2, float64(try)) * float64(time.Second))
		if tries >= transactions { // package dynamo's waits: at least half of it
			wait = time.Duration((0.5 + t.w.Jitter()/2) * float64(int(1)<<min(try, 7)) * 5 * float64(time.Millisecond))
		}
		t.w.sleep(wait)
	}
}

// refuses returns the quota that a request meets; "" after it has used the capacity.
func (t *table) refuses(loads []load) string {
	now := t.w.now
	var reads, writes float64
	for _, l := range loads {
		reads, writes = reads+l.reads, writes+l.writes
		p := t.partition(l.partition)
		switch {
		case p == nil:
		case l.writes > 0 && !p.writes.open(now):
			return "writes of a partition: " + kindOf(l.partition)
		case l.reads > 0 && !p.reads.open(now):
			return "reads of a partition: " + kindOf(l.partition)
		}
	}
	switch {
	case writes > 0 && !t.writes.open(now):
		return "writes of the table"
	case reads > 0 && !t.reads.open(now):
		return "reads of the table"
	}
	for _, l := range loads {
		if p := t.partition(l.partition); p != nil {
			p.reads.take(now, l.reads)
			p.writes.take(now, l.writes)
		}
	}
	t.reads.take(now, reads)
	t.writes.take(now, writes)
	t.w.usage.ReadUnits += reads
	t.w.usage.WriteUnits += writes
	return ""
}

// partition returns a partition's capacity, divided as what it has is.
func (t *table) partition(name string) *partition {
	if name == "" {
		return nil
	}
	p := t.partitions[name]
	if p == nil {
		by := t.w.o.Divide
		switch kindOf(name) {
		case agentPartition, originPartition:
			by = t.w.o.DivideAgent
		case tenantPartition:
			by = t.w.o.DivideTenant
		}
		whole := t.w.o.Quotas
		p = &partition{newBucket(whole.PartitionReads.over(by), t.w.now), newBucket(whole.PartitionWrites.over(by), t.w.now)}
		t.partitions[name] = p
	}
	return p
}

// What the partitions have that many operations use.
const (
	agentPartition  = "an agent's gate, circuit and line"
	tenantPartition = "a tenant's gate"
	originPartition = "an origin's gate"
	feedPartition   = "a tenant's feed"
)

// kindOf is what a partition has, without names.
func kindOf(partition string) string {
	switch {
	case strings.Contains(partition, "#agent#"):
		return agentPartition
	case strings.Contains(partition, "#gate#"):
		return tenantPartition
	case strings.Contains(partition, "#origin#"):
		return originPartition
	case strings.Contains(partition, "#feed#"):
		return feedPartition
	}
	return "the due index"
}

// units are request units of a size.
func units(bytes, each int) float64 { return float64(max(1, (bytes+each-1)/each)) }

func readUnits(bytes int) load  { return load{reads: units(bytes, 4096)} }
func writeUnits(bytes int) load { return load{writes: units(bytes, 1024)} }

func (l load) of(partition string) load {
	l.partition = partition
	return l
}

// twice is a write in a transaction.
func (l load) twice() load {
	l.writes *= 2
	return l
}

// small is the size of an item with a key and a few attributes.
const small = 300

// Get reads an operation.
func (t *table) Get(ctx context.Context, tenant, id string) (operation.Operation, error) {
	if err := t.request("GetItem", tries, readUnits(t.sizes[id])); err != nil {
		return operation.Operation{}, err
	}
	return t.Store.Get(ctx, tenant, id)
}

// Request reads an operation's frozen arguments.
func (t *table) Request(ctx context.Context, tenant, id string) (json.RawMessage, error) {
	if err := t.request("Query", tries, readUnits(small)); err != nil {
		return nil, err
	}
	return t.Store.Request(ctx, tenant, id)
}

// InputArguments reads an input's frozen arguments.
func (t *table) InputArguments(ctx context.Context, tenant, id string, generation int) (json.RawMessage, error) {
	if err := t.request("Query", tries, readUnits(small)); err != nil {
		return nil, err
	}
	return t.Store.InputArguments(ctx, tenant, id, generation)
}

// Create stores a new operation.
func (t *table) Create(ctx context.Context, c orchestrator.NewOperation) error {
	op, beside, err := layout.CreationItems(c.Op, c.Event, c.Request, layout.DefaultDueShards)
	if err != nil {
		return err
	}
	loads := t.itemLoads(append(beside, op), nil)
	for range 3 { // the keys, and the agent's count of open operations
		loads = append(loads, writeUnits(small).twice())
	}
	loads = append(loads, t.indexLoad(op)...)
	if err := t.request("TransactWriteItems", transactions, loads...); err != nil {
		return err
	}
	if err = t.Store.Create(ctx, c); err == nil {
		t.stored(op)
	}
	return err
}

// Commit stores a change.
func (t *table) Commit(ctx context.Context, c operation.Change) error {
	op, err := layout.OperationItem(c.Op, layout.DefaultDueShards)
	if err != nil {
		return err
	}
	beside, err := layout.ChangeItems(c)
	if err != nil {
		return err
	}
	loads := t.itemLoads(beside, op)
	for _, i := range beside {
		if shard := i.Text("due_pk"); shard != "" {
			loads = append(loads, writeUnits(small).of(shard))
		}
	}
	for _, more := range []bool{c.BindTask, c.Delivery != nil, c.FreeNaturalKey && c.Op.NaturalKey != "",
		c.FreeNaturalKey && c.Op.OrderKey != "", c.Uncount} {
		if more {
			loads = append(loads, writeUnits(small).twice())
		}
	}
	loads = append(loads, t.indexLoad(op)...)
	if err := t.request("TransactWriteItems", transactions, loads...); err != nil {
		return err
	}
	if err = t.Store.Commit(ctx, c); err == nil {
		t.stored(op)
		if layout.Tells(c) && !c.Op.Unpublished() {
			t.signal(notice.Ref{Tenant: c.Op.Tenant, OperationID: c.Op.ID})
		}
	}
	return err
}

// itemLoads are the writes of items in a transaction, and of an operation's own, which costs what
// its larger version does.
func (t *table) itemLoads(items []layout.Item, op layout.Item) (loads []load) {
	for _, i := range items {
		loads = append(loads, writeUnits(i.Size()).twice())
	}
	if op != nil {
		loads = append(loads, writeUnits(max(op.Size(), t.sizes[idOf(op)])).twice())
	}
	return loads
}

// indexLoad is what a write of an operation's item does to the indexes: in each the old entry goes,
// and the new one comes. Only the due index has partitions that many tenants share.
func (t *table) indexLoad(op layout.Item) (loads []load) {
	before, after := t.entries[op.Text("pk")], entriesOf(op)
	for n, x := range layout.Indexes {
		if before[n] == after[n] {
			continue
		}
		for _, entry := range []string{before[n], after[n]} {
			if partition, _, ok := strings.Cut(entry, " "); ok {
				if x != layout.DueIndex {
					partition = ""
				}
				loads = append(loads, writeUnits(small).of(partition))
			}
		}
	}
	return loads
}

// entries are an operation's places in layout.Indexes, "" where it stands in none.
type entries [5]string

func entriesOf(i layout.Item) (places entries) {
	for n, x := range layout.Indexes {
		if i.Text(x.SK) != "" {
			places[n] = i.Text(x.PK) + " " + i.Text(x.SK)
		}
	}
	return places
}

func (t *table) stored(op layout.Item) {
	pk := op.Text("pk")
	t.entries[pk] = entriesOf(op)
	t.sizes[idOf(op)] = op.Size()
}

func idOf(op layout.Item) string {
	_, id, _ := strings.Cut(op.Text("pk"), "#op#")
	return id
}

// arm stores a task token, as the state machine does.
func (t *table) arm(tenant, id string, version int64, token string) error {
	if err := t.request("UpdateItem (token)", 1, writeUnits(t.sizes[id]+150)); err != nil {
		return err
	}
	return t.w.memory.Arm(tenant, id, version, token)
}

// IdempotencyRecord reads what a key is bound to.
func (t *table) IdempotencyRecord(ctx context.Context, tenant, hash string) (orchestrator.IdempotencyRecord, error) {
	if err := t.request("GetItem", tries, readUnits(small)); err != nil {
		return orchestrator.IdempotencyRecord{}, err
	}
	return t.Store.IdempotencyRecord(ctx, tenant, hash)
}

// Agent reads an agent's entry.
func (t *table) Agent(ctx context.Context, tenant, id string) (registry.Agent, error) {
	if err := t.request("GetItem", tries, readUnits(small).of(pkOf(layout.AgentKey(tenant, id, "")))); err != nil {
		return registry.Agent{}, err
	}
	return t.Store.Agent(ctx, tenant, id)
}

// Profile reads what is known of an agent. A profile has the agent's capabilities and tools.
func (t *table) Profile(ctx context.Context, tenant, id string, at registry.Endpoint) (registry.Profile, error) {
	if err := t.request("GetItem", tries, readUnits(2000).of(pkOf(layout.AgentKey(tenant, id, "")))); err != nil {
		return registry.Profile{}, err
	}
	return t.Store.Profile(ctx, tenant, id, at)
}

// PutProfile stores what is known of an agent.
func (t *table) PutProfile(ctx context.Context, tenant, id string, p registry.Profile) error {
	if err := t.request("UpdateItem", tries, writeUnits(2000).of(pkOf(layout.AgentKey(tenant, id, "")))); err != nil {
		return err
	}
	return t.Store.PutProfile(ctx, tenant, id, p)
}

// LoadDelivery reads what a delivery is verified against: the operation, the keys, the nonce and
// its counter.
func (t *table) LoadDelivery(ctx context.Context, q inbox.DeliveryQuery) (inbox.DeliveryContext, error) {
	err := t.request("BatchGetItem", tries, readUnits(t.sizes[q.Token.OperationID]), readUnits(small),
		readUnits(small), readUnits(small))
	if err != nil {
		return inbox.DeliveryContext{}, err
	}
	return t.Store.LoadDelivery(ctx, q)
}

// ClaimNonce stores a nonce and counts it.
func (t *table) ClaimNonce(ctx context.Context, n inbox.Nonce, until time.Time, limit int) error {
	err := t.request("TransactWriteItems", transactions, writeUnits(small).twice(), writeUnits(small).twice())
	if err != nil {
		return err
	}
	return t.Store.ClaimNonce(ctx, n, until, limit)
}

func pkOf(key layout.Item) string { return key.Text("pk") }

var _ storetest.Store = (*table)(nil)
