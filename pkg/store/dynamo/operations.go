package dynamo

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"adcp-orchestrator/pkg/digest"
	"adcp-orchestrator/pkg/inbox"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/orchestrator"
	"adcp-orchestrator/pkg/store"
)

// Create stores an operation with its event, request, idempotency key and natural key, in one
// transaction. It returns store.ErrKeyTaken or a *store.NaturalKeyTakenError.
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
	record := orchestrator.IdempotencyRecord{OperationID: id, Fingerprint: c.Fingerprint}
	writes := []types.TransactWriteItem{
		s.put(idempotencyItem(t, c.KeyHash, record), absent, nil, nil),
		s.put(op, absent, nil, nil),
		s.put(event, "", nil, nil),
	}
	natural := len(writes)
	if c.Op.NaturalKey != "" {
		i := with(naturalKey(t, c.Op.NaturalKey), item{
			"operation_id": str(id),
			"fingerprint":  str(c.NaturalFingerprint),
		})
		free := "attribute_not_exists(operation_id) OR operation_id = :replaces"
		writes = append(writes, s.put(i, free, item{":replaces": str(c.Replaces)}, nil))
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
	if holder, taken := failed[natural]; taken {
		return &store.NaturalKeyTakenError{
			OperationID: text(holder, "operation_id"),
			Fingerprint: text(holder, "fingerprint"),
		}
	}
	if len(failed) > 0 {
		return fmt.Errorf("create: operation id %s is taken", id)
	}
	return nil
}

// Commit stores a change with everything that belongs to it, in one transaction. It returns
// store.ErrStale, store.ErrTaskTaken or a *store.DeliveryTakenError.
func (s *Store) Commit(ctx context.Context, c operation.Change) error {
	op, err := operationItem(c.Op)
	if err != nil {
		return err
	}
	t := c.Op.Tenant
	writes := []types.TransactWriteItem{
		s.put(op, "version = :before", item{":before": num(c.Op.Version - 1)}, nil),
	}
	for n, e := range c.Events {
		i, err := eventItem(c.Op, e, n)
		if err != nil {
			return err
		}
		writes = append(writes, s.put(i, "", nil, nil))
	}
	bodies := map[string]json.RawMessage{skResult: c.Result, skInputOf(c.Op.InputRequest.Generation): c.Input}
	for sk, body := range bodies {
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
	task, delivery, natural := -1, -1, -1
	if c.BindTask {
		task = len(writes)
		k := key(t, "task", inbox.SenderID(c.Op.Target)+"#"+digest.Hex(c.Op.TaskID), skOnly)
		i := with(k, item{"operation_id": str(c.Op.ID)})
		writes = append(writes, s.put(i, absent+" OR operation_id = :id", item{":id": str(c.Op.ID)}, nil))
	}
	if c.Delivery != nil {
		delivery = len(writes)
		writes = append(writes, s.claimDelivery(t, *c.Delivery))
	}
	if c.FreeNaturalKey && c.Op.NaturalKey != "" {
		natural = len(writes)
		writes = append(writes, s.freeNaturalKey(t, c.Op.NaturalKey, c.Op.ID))
	}
	failed, err := s.transact(ctx, writes)
	if err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	if first, taken := failed[delivery]; taken && delivery >= 0 {
		return &store.DeliveryTakenError{First: readDelivery(first, t, c.Delivery.Sender, c.Delivery.KeyHash)}
	}
	if _, stale := failed[0]; stale {
		return store.ErrStale
	}
	if _, taken := failed[task]; taken {
		return store.ErrTaskTaken
	}
	if _, lost := failed[natural]; lost {
		// Another operation holds the key, or none: nothing is left to free, and the change itself holds.
		c.FreeNaturalKey = false
		return s.Commit(ctx, c)
	}
	return nil
}

// claimDelivery is the write of a transaction that stores a delivery's key unless a live one is
// stored.
func (s *Store) claimDelivery(tenant string, d operation.Delivery) types.TransactWriteItem {
	i := with(key(tenant, "delivery", d.Sender+"#"+d.KeyHash, skOnly), item{
		"fingerprint":  str(d.Fingerprint),
		"operation_id": str(d.OperationID),
		"verdict":      str(string(d.Verdict)),
		"ttl":          num(d.ExpiresAt),
	})
	now, names := item{":now": num(s.now().Unix())}, map[string]string{"#ttl": "ttl"}
	return s.put(i, absent+" OR #ttl < :now", now, names)
}

func readDelivery(i item, tenant, sender, keyHash string) operation.Delivery {
	return operation.Delivery{
		Tenant:      tenant,
		Sender:      sender,
		KeyHash:     keyHash,
		Fingerprint: text(i, "fingerprint"),
		OperationID: text(i, "operation_id"),
		Verdict:     operation.Verdict(text(i, "verdict")),
		ExpiresAt:   number(i, "ttl"),
	}
}

// operationItem builds the complete item. task_token and version are separate attributes because
// the state machine writes them.
func operationItem(op operation.Operation) (item, error) {
	doc, err := json.Marshal(op)
	if err != nil {
		return nil, err
	}
	i := with(operationKey(op.Tenant, op.ID, skOperation), item{
		"version": num(op.Version),
		"state":   str(string(op.State)),
		"doc":     str(string(doc)),
	})
	if op.TaskToken != "" {
		i["task_token"] = str(op.TaskToken)
	}
	if !op.DueAt.IsZero() {
		i["due_pk"], i["due_at"] = str(dueShard(shard(op.ID, dueShards))), str(timestamp(op.DueAt))
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

// eventItem is the item of an event; place is its index in the change.
func eventItem(op operation.Operation, e operation.Event, place int) (item, error) {
	doc, err := json.Marshal(e)
	if err != nil {
		return nil, err
	}
	k := operationKey(op.Tenant, op.ID, fmt.Sprintf("%s%010d#%d", skEvent, e.Seq, place))
	return with(k, item{"doc": str(string(doc))}), nil
}
