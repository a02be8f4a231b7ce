package dynamo

import (
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/orchestrator"
	"adcp-orchestrator/pkg/store"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

const absent = "attribute_not_exists(pk)"

// Create implements orchestrator.Store: operation, event, request, key and natural key in one transaction.
func (s *Store) Create(ctx context.Context, c orchestrator.NewOperation) error {
	op, err := operationItem(c.Op)
	if err != nil {
		return err
	}
	request, err := bodyItems(c.Op, skRequest, c.Request)
	if err != nil {
		return err
	}
	event, err := eventItem(c.Op, c.Event, 0)
	if err != nil {
		return err
	}
	t, id := c.Op.Tenant, c.Op.ID
	writes := []types.TransactWriteItem{
		s.put(submissionItem(t, c.KeyHash, orchestrator.IdempotencyRecord{OperationID: id, Fingerprint: c.Fingerprint}), absent, nil, nil),
		s.put(op, absent, nil, nil),
		s.put(event, "", nil, nil),
	}
	natural := len(writes)
	if c.NaturalHash != "" {
		i := with(key(t, "natural", c.NaturalHash, skOnly), item{"operation_id": str(id)})
		writes = append(writes, s.put(i, absent+" OR operation_id = :replaces", item{":replaces": str(c.Replaces)}, nil))
	}
	for _, i := range request {
		writes = append(writes, s.put(i, "", nil, nil))
	}
	failed, err := s.transact(ctx, writes)
	if err != nil {
		return fmt.Errorf("create: %w", err)
	}
	if _, taken := failed[0]; taken {
		return store.ErrKeyTaken
	}
	if held, taken := failed[natural]; taken {
		return &store.NaturalKeyTakenError{OperationID: text(held, "operation_id")}
	}
	if len(failed) > 0 {
		return fmt.Errorf("create: operation id %s is taken", id)
	}
	return nil
}

// Commit implements orchestrator.Store: the change with all that belongs to it in one transaction.
func (s *Store) Commit(ctx context.Context, c operation.Change) error {
	op, err := operationItem(c.Op)
	if err != nil {
		return err
	}
	t := c.Op.Tenant
	writes := []types.TransactWriteItem{s.put(op, "version = :before", item{":before": num(c.Op.Version - 1)}, nil)}
	for n, e := range c.Events {
		i, err := eventItem(c.Op, e, n)
		if err != nil {
			return err
		}
		writes = append(writes, s.put(i, "", nil, nil))
	}
	for sk, body := range map[string]json.RawMessage{skResult: c.Result, skResumeOf(c.Op.InputRequest.Generation): c.Input} {
		if body == nil {
			continue
		}
		items, err := bodyItems(c.Op, sk, body)
		if err != nil {
			return err
		}
		for _, i := range items {
			writes = append(writes, s.put(i, "", nil, nil))
		}
	}
	task, delivery := -1, -1
	if c.BindTask {
		task = len(writes)
		i := with(key(t, "task", c.Op.AgentID+"#"+hashHex(c.Op.TaskID), skOnly), item{"operation_id": str(c.Op.ID)})
		writes = append(writes, s.put(i, absent+" OR operation_id = :id", item{":id": str(c.Op.ID)}, nil))
	}
	if d := c.Delivery; d != nil {
		delivery = len(writes)
		i := with(key(t, "delivery", d.AgentID+"#"+d.KeyHash, skOnly), item{"fingerprint": str(d.Fingerprint), "operation_id": str(d.OperationID),
			"verdict": str(string(d.Verdict)), "ttl": num(d.ExpiresAt)})
		// TTL only cleans up: the expiry is compared here (contract F77).
		writes = append(writes, s.put(i, absent+" OR #ttl < :now", item{":now": num(s.now().Unix())}, map[string]string{"#ttl": "ttl"}))
	}
	failed, err := s.transact(ctx, writes)
	if err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	if first, taken := failed[delivery]; taken && delivery >= 0 {
		return &store.DeliveryTakenError{First: operation.Delivery{Tenant: t, AgentID: c.Op.AgentID, KeyHash: c.Delivery.KeyHash,
			Fingerprint: text(first, "fingerprint"), OperationID: text(first, "operation_id"), Verdict: operation.Verdict(text(first, "verdict")),
			ExpiresAt: number(first, "ttl")}}
	}
	if _, stale := failed[0]; stale {
		return store.ErrStale
	}
	if _, taken := failed[task]; taken {
		return store.ErrTaskTaken
	}
	return nil
}

// Get implements orchestrator.Store.
func (s *Store) Get(ctx context.Context, tenant, id string) (operation.Operation, error) {
	i, err := s.get(ctx, operationKey(tenant, id, skOperation))
	if err != nil {
		return operation.Operation{}, err
	}
	if i == nil {
		return operation.Operation{}, store.ErrNotFound
	}
	return readOperation(i)
}

// Request implements orchestrator.Store.
func (s *Store) Request(ctx context.Context, tenant, id string) (json.RawMessage, error) {
	return s.body(ctx, tenant, id, skRequest)
}

// Resume implements orchestrator.Store.
func (s *Store) InputArguments(ctx context.Context, tenant, id string, generation int) (json.RawMessage, error) {
	return s.body(ctx, tenant, id, skResumeOf(generation))
}

func skResumeOf(generation int) string { return fmt.Sprintf("%s%03d#", skResume, generation) }

// body reads what bodyItems has spread over items.
func (s *Store) body(ctx context.Context, tenant, id, sk string) (json.RawMessage, error) {
	consistent, condition := true, "pk = :pk AND begins_with(sk, :sk)"
	items, err := s.queryAll(ctx, &dynamodb.QueryInput{TableName: &s.table, ConsistentRead: &consistent, KeyConditionExpression: &condition,
		ExpressionAttributeValues: item{":pk": operationKey(tenant, id, "")["pk"], ":sk": str(sk)}})
	if err != nil {
		return nil, err
	}
	if len(items) == 0 {
		return nil, store.ErrNotFound
	}
	var packed []byte
	for _, i := range items {
		packed = append(packed, data(i, "body")...)
	}
	return unpack(packed)
}

// Load implements orchestrator.Store.
func (s *Store) Load(ctx context.Context, tenant, id string) (operation.Record, error) {
	consistent, condition := true, "pk = :pk"
	items, err := s.queryAll(ctx, &dynamodb.QueryInput{TableName: &s.table, ConsistentRead: &consistent, KeyConditionExpression: &condition,
		ExpressionAttributeValues: item{":pk": operationKey(tenant, id, "")["pk"]}})
	if err != nil {
		return operation.Record{}, err
	}
	var r operation.Record
	var request, result []byte
	for _, i := range items {
		switch sk := text(i, "sk"); {
		case sk == skOperation:
			r.Op, err = readOperation(i)
		case strings.HasPrefix(sk, skRequest):
			request = append(request, data(i, "body")...)
		case strings.HasPrefix(sk, skResult):
			result = append(result, data(i, "body")...)
		case strings.HasPrefix(sk, skEvent):
			var e operation.Event
			err = json.Unmarshal([]byte(text(i, "doc")), &e)
			r.Events = append(r.Events, e)
		}
		if err != nil {
			return operation.Record{}, fmt.Errorf("read %s of %s: %w", text(i, "sk"), id, err)
		}
	}
	if r.Op.ID == "" {
		return operation.Record{}, store.ErrNotFound
	}
	if r.Request, err = unpack(request); err == nil && result != nil {
		r.Result, err = unpack(result)
	}
	return r, err
}

// dueShards spreads the sweeper's index over partitions.
const dueShards = 4

// Due implements orchestrator.Store. The index is read shard by shard; it lags behind the table, so what it names is read again.
func (s *Store) Due(ctx context.Context, now time.Time, limit int) ([]operation.Ref, error) {
	var refs []operation.Ref
	index, condition, most := "due", "due_pk = :shard AND due_at < :now", int32(limit)
	for shard := range dueShards {
		if most = int32(limit - len(refs)); most <= 0 {
			break
		}
		items, err := s.queryAll(ctx, &dynamodb.QueryInput{TableName: &s.table, IndexName: &index, KeyConditionExpression: &condition, Limit: &most,
			ExpressionAttributeValues: item{":shard": str(shardName(shard)), ":now": str(stamp(now))}})
		if err != nil {
			return nil, err
		}
		for _, i := range items {
			if tenant, id, ok := strings.Cut(text(i, "pk"), "#op#"); ok {
				refs = append(refs, operation.Ref{Tenant: tenant, OperationID: id})
			}
		}
	}
	return refs, nil
}

func shardName(n int) string { return fmt.Sprintf("due#%d", n) }

// shard spreads what is named over n shards.
func shard(name string, n int) int {
	h := fnv.New32a()
	_, _ = io.WriteString(h, name)
	return int(h.Sum32() % uint32(n))
}

// stamp is RFC 3339 with a fixed number of digits: its order as text is its order in time.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// operationItem makes the whole item anew. task_token and version are attributes of their own because the state machine writes them.
func operationItem(op operation.Operation) (item, error) {
	doc, err := json.Marshal(op)
	if err != nil {
		return nil, err
	}
	i := with(operationKey(op.Tenant, op.ID, skOperation), item{"version": num(op.Version), "state": str(string(op.State)), "doc": str(string(doc))})
	if op.TaskToken != "" {
		i["task_token"] = str(op.TaskToken)
	}
	if !op.DueAt.IsZero() {
		i["due_pk"], i["due_at"] = str(shardName(shard(op.ID, dueShards))), str(stamp(op.DueAt))
	}
	return i, nil
}

func readOperation(i item) (operation.Operation, error) {
	var op operation.Operation
	if err := json.Unmarshal([]byte(text(i, "doc")), &op); err != nil {
		return op, fmt.Errorf("stored operation: %w", err)
	}
	op.Version, op.TaskToken = number(i, "version"), text(i, "task_token")
	return op, nil
}

func eventItem(op operation.Operation, e operation.Event, place int) (item, error) {
	doc, err := json.Marshal(e)
	if err != nil {
		return nil, err
	}
	return with(operationKey(op.Tenant, op.ID, fmt.Sprintf("%s%010d#%d", skEvent, e.Seq, place)), item{"doc": str(string(doc))}), nil
}

// chunk is what one item holds of a body: an item's limit is 400 KB, a transaction's 4 MB.
const chunk = 350 << 10

// bodyItems compresses a request or result and spreads it over as many items as it needs.
func bodyItems(op operation.Operation, sk string, b []byte) ([]item, error) {
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	if _, err := z.Write(b); err != nil {
		return nil, err
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	var items []item
	for packed := range slices.Chunk(out.Bytes(), chunk) {
		items = append(items, with(operationKey(op.Tenant, op.ID, fmt.Sprintf("%s%03d", sk, len(items))), item{"body": bin(packed)}))
	}
	return items, nil
}

func unpack(b []byte) (json.RawMessage, error) {
	z, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(z)
}
