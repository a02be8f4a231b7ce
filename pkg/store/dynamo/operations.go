package dynamo

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"adcp-orchestrator/pkg/digest"
	"adcp-orchestrator/pkg/inbox"
	"adcp-orchestrator/pkg/notice"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/orchestrator"
	"adcp-orchestrator/pkg/store"
	"adcp-orchestrator/pkg/store/layout"
)

// Create stores an operation with its event, request, idempotency key and natural keys, in one
// transaction. It returns store.ErrKeyTaken, a *store.NaturalKeyTakenError or
// store.ErrAgentDeleted.
func (s *Store) Create(ctx context.Context, c orchestrator.NewOperation) error {
	op, beside, err := layout.CreationItems(c.Op, c.Event, c.Request, s.dueShards)
	if err != nil {
		return err
	}
	t, id := c.Op.Tenant, c.Op.ID
	record := orchestrator.IdempotencyRecord{OperationID: id, Fingerprint: c.Fingerprint}
	writes := append(s.bindKey(t, c.KeyHash, record), s.put(attributes(op), absent, nil, nil))
	natural := len(writes)
	for _, k := range c.Op.NaturalKeys() {
		writes = append(writes, s.takeNaturalKey(c, k))
	}
	for _, i := range beside {
		writes = append(writes, s.put(attributes(i), "", nil, nil))
	}
	count := len(writes)
	if c.Op.Counted {
		writes = append(writes, s.countOpen(c.Op, 1))
	}
	failed, err := s.transact(ctx, writes)
	if err != nil {
		return fmt.Errorf("create: %w", err)
	}
	if _, taken := failed[0]; taken {
		return store.ErrKeyTaken
	}
	for i, k := range c.Op.NaturalKeys() {
		if holder, taken := failed[natural+i]; taken {
			return &store.NaturalKeyTakenError{
				OperationID: text(holder, "operation_id"),
				Fingerprint: text(holder, "fingerprint"),
				Key:         k,
			}
		}
	}
	if _, deleted := failed[count]; deleted {
		return store.ErrAgentDeleted
	}
	if len(failed) > 0 {
		return fmt.Errorf("create: operation id %s is taken", id)
	}
	return nil
}

// Commit stores a change with everything that belongs to it, in one transaction. It returns
// store.ErrStale, store.ErrTaskTaken, a *store.DeliveryTakenError or store.ErrNewerSchema.
func (s *Store) Commit(ctx context.Context, c operation.Change) error {
	var free []string
	if c.FreeNaturalKey {
		free = c.Op.NaturalKeys()
	}
	err := s.commit(ctx, c, free)
	if err == nil && !c.Op.Unpublished() && layout.Tells(c) {
		s.signaled(ctx, notice.Ref{Tenant: c.Op.Tenant, OperationID: c.Op.ID})
	}
	return err
}

// commit is Commit for a change that frees natural keys.
func (s *Store) commit(ctx context.Context, c operation.Change, free []string) error {
	op, err := layout.OperationItem(c.Op, s.dueShards)
	if err != nil {
		return err
	}
	beside, err := layout.ChangeItems(c)
	if err != nil {
		return err
	}
	t := c.Op.Tenant
	change := rewrite(op, layout.OptionalAttributes)
	change.onCondition("version = :before", item{":before": num(c.Op.Version - 1)})
	writes := []types.TransactWriteItem{change.inTransaction(&s.table)}
	for _, i := range beside {
		writes = append(writes, s.put(attributes(i), "", nil, nil))
	}
	task, delivery := -1, -1
	if c.BindTask {
		task = len(writes)
		i := with(taskKey(c.Op), item{"operation_id": str(c.Op.ID)})
		if ttl := layout.TTL(c.Op.ExpiresAt); ttl != 0 {
			i["ttl"] = num(ttl)
		}
		values := item{":id": str(c.Op.ID), ":now": num(s.now().Unix())}
		free := absent + " OR operation_id = :id OR #ttl < :now"
		writes = append(writes, s.put(i, free, values, map[string]string{"#ttl": "ttl"}))
	}
	if c.Delivery != nil {
		delivery = len(writes)
		writes = append(writes, s.claimDelivery(t, *c.Delivery))
	}
	if c.Uncount {
		writes = append(writes, s.countOpen(c.Op, -1))
	}
	natural := len(writes)
	for _, k := range free {
		writes = append(writes, s.freeNaturalKey(t, k, c.Op.ID))
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
	var left []string
	for i, k := range free {
		if _, lost := failed[natural+i]; !lost {
			left = append(left, k)
		}
	}
	if len(left) < len(free) {
		// Another operation holds the key, or none: it is not to be freed, and the change itself holds.
		return s.commit(ctx, c, left)
	}
	return nil
}

// taskKey returns the key of the binding of an operation's task.
func taskKey(op operation.Operation) item {
	return key(op.Tenant, "task", inbox.SenderID(op.Target)+"#"+digest.Hex(op.TaskID), skOnly)
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
	values, names := item{":now": num(s.now().Unix())}, map[string]string{"#ttl": "ttl"}
	if d.Replay == "" {
		return s.put(i, absent+" OR #ttl < :now", values, names)
	}
	i["replay"], values[":fingerprint"] = str(d.Replay), str(d.Fingerprint)
	values[":conflict"], values[":wrong_task"] = str(string(operation.Conflict)), str(string(operation.WrongTask))
	return s.put(i, absent+" OR #ttl < :now OR fingerprint = :fingerprint AND verdict IN (:conflict, :wrong_task)",
		values, names)
}

// Delivery returns the claim of a delivery's key, or store.ErrNotFound if there is none or if it
// has expired.
func (s *Store) Delivery(ctx context.Context, tenant, sender, keyHash string) (operation.Delivery, error) {
	i, err := s.get(ctx, key(tenant, "delivery", sender+"#"+keyHash, skOnly))
	if err != nil {
		return operation.Delivery{}, err
	}
	if i == nil || layout.Passed(number(i, "ttl"), s.now()) {
		return operation.Delivery{}, store.ErrNotFound
	}
	return readDelivery(i, tenant, sender, keyHash), nil
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
		Replay:      text(i, "replay"),
	}
}
