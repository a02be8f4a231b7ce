package dynamo

import (
	"context"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/registry"
	"adcp-orchestrator/pkg/store"
	"adcp-orchestrator/pkg/store/layout"
)

// deleteTries is how often DeleteAgent begins anew because an operation ended meanwhile.
const deleteTries = 3

// agentItem builds the item of an entry. Its place in the list never changes: the creation does
// not.
func agentItem(a registry.Agent) (layout.Item, error) {
	return layout.AgentKey(a.Tenant, a.ID, layout.SKRegistry).With(layout.Item{"version": a.Version}).
		With(layout.ListEntry(a.Tenant, layout.KindAgents, a.CreatedAt, a.ID)).WithDoc(a)
}

// AddAgent stores an agent's first entry and counts it, in one transaction, which also takes away
// what the deletion of a former agent of that id has left. It returns store.ErrStale if there is an
// entry, or store.ErrFull.
func (s *Store) AddAgent(ctx context.Context, a registry.Agent, limit int) error {
	i, err := agentItem(a)
	if err != nil {
		return err
	}
	entry := rewrite(i, nil)
	entry.onCondition(absent, nil)
	writes := append([]types.TransactWriteItem{
		entry.inTransaction(&s.table),
		s.change(attributes(layout.LimitKey(a.Tenant, layout.AgentsCount)), "ADD n :one",
			"attribute_not_exists(n) OR n < :limit", item{":one": num(1), ":limit": num(int64(limit))}),
		{Delete: &types.Delete{TableName: &s.table, Key: attributes(layout.BrakeKey(a.Tenant, a.ID))}},
	}, s.eachOpen(a.Tenant, a.ID, "REMOVE #closed, #ttl", "", nil)...)
	failed, err := s.transact(ctx, writes)
	if err != nil {
		return fmt.Errorf("add agent: %w", err)
	}
	if _, stale := failed[0]; stale {
		return store.ErrStale
	}
	if len(failed) > 0 {
		return store.ErrFull
	}
	return nil
}

// DeleteAgent deletes the entry of that version and its brake, on condition that no operation of
// the agent is open, and closes the agent's count: from then on Create refuses. All of it is one
// transaction. It returns store.ErrNotFound, store.ErrStale or a *store.AgentBusyError.
func (s *Store) DeleteAgent(ctx context.Context, tenant, id string, version int64) error {
	writes := append([]types.TransactWriteItem{
		{Delete: &types.Delete{
			TableName:                           &s.table,
			Key:                                 attributes(layout.AgentKey(tenant, id, layout.SKRegistry)),
			ConditionExpression:                 new("version = :version"),
			ExpressionAttributeValues:           item{":version": num(version)},
			ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
		}},
		{Delete: &types.Delete{TableName: &s.table, Key: attributes(layout.BrakeKey(tenant, id))}},
		s.change(attributes(layout.LimitKey(tenant, layout.AgentsCount)), "ADD n :less", "", item{":less": num(-1)}),
	}, s.eachOpen(tenant, id, "SET #closed = :yes, #ttl = :ttl", "attribute_not_exists(n) OR n <= :none", item{
		":yes": num(1), ":none": num(0), ":ttl": num(wholeSeconds(s.now().Add(layout.ClosedFor))),
	})...)
	for range deleteTries {
		failed, err := s.transact(ctx, writes)
		if err != nil {
			return fmt.Errorf("delete agent: %w", err)
		}
		stored, stale := failed[0]
		switch {
		case len(failed) == 0:
			return nil
		case stale && len(stored) == 0:
			return store.ErrNotFound
		case stale:
			return store.ErrStale
		}
		open, err := s.OpenOperations(ctx, tenant, id)
		if err != nil {
			return err
		}
		if open > 0 {
			return &store.AgentBusyError{Open: open}
		}
	}
	return store.ErrStale
}

// OpenOperations returns how many operations of an agent are open.
func (s *Store) OpenOperations(ctx context.Context, tenant, agentID string) (int, error) {
	consistent, condition := true, "pk = :pk"
	items, err := s.queryAll(ctx, &dynamodb.QueryInput{
		TableName: &s.table, ConsistentRead: &consistent, KeyConditionExpression: &condition,
		ExpressionAttributeValues: item{":pk": str(layout.OpenKey(tenant, agentID, 0).Text("pk"))},
	})
	open := 0
	for _, i := range items {
		open += int(number(i, layout.AttrOpen))
	}
	return open, err
}

// countOpen is the write of a transaction that counts an operation among its agent's open ones, or
// takes it out. Only a new one is refused when the agent has been deleted.
func (s *Store) countOpen(op operation.Operation, by int64) types.TransactWriteItem {
	condition := ""
	if by > 0 {
		condition = "attribute_not_exists(closed)"
	}
	k := layout.OpenKey(op.Tenant, op.AgentID, layout.OpenShard(op.ID))
	return s.change(attributes(k), "ADD n :by", condition, item{":by": num(by)})
}

// eachOpen are the writes of a transaction that make a change of each item of an agent's count.
func (s *Store) eachOpen(tenant, agentID, update, condition string, values item) (
	writes []types.TransactWriteItem) {
	for shard := range layout.OpenShards {
		w := s.change(attributes(layout.OpenKey(tenant, agentID, shard)), update, condition, values)
		w.Update.ExpressionAttributeNames = map[string]string{"#closed": layout.AttrClosed, "#ttl": "ttl"}
		writes = append(writes, w)
	}
	return writes
}

// change is an update as a write of a transaction. An empty condition always holds.
func (s *Store) change(k item, update, condition string, values item) types.TransactWriteItem {
	u := &types.Update{TableName: &s.table, Key: k, UpdateExpression: &update, ExpressionAttributeValues: values}
	if condition != "" {
		u.ConditionExpression = &condition
		u.ReturnValuesOnConditionCheckFailure = types.ReturnValuesOnConditionCheckFailureAllOld
	}
	return types.TransactWriteItem{Update: u}
}

// AgentsPage lists a tenant's agents, the newest first. The cursor is a position in the list.
func (s *Store) AgentsPage(ctx context.Context, tenant, after string, limit int) (
	page []registry.Agent, next string, err error) {
	items, next, err := s.listed(ctx, layout.ListQuery{Tenant: tenant, Kind: layout.KindAgents, Before: after}, limit)
	if err != nil {
		return nil, "", err
	}
	for _, i := range items {
		a, err := layout.ReadDoc[registry.Agent](i)
		if err != nil {
			return nil, "", fmt.Errorf("agents page: %w", err)
		}
		a.Tenant = tenant
		page = append(page, a)
	}
	return page, next, nil
}

// stored returns the items of keys that are still there, in the order of the keys: the index lags.
func (s *Store) stored(ctx context.Context, keys []item) (items []layout.Item, err error) {
	for batch := range slices.Chunk(keys, maxBatch) {
		found, err := s.getAll(ctx, batch)
		if err != nil {
			return nil, err
		}
		for _, k := range batch {
			if i := found(k); i != nil {
				items = append(items, plain(i))
			}
		}
	}
	return items, nil
}

// Brake returns an agent's brake, the zero one if none was ever put.
func (s *Store) Brake(ctx context.Context, tenant, agentID string) (registry.Brake, error) {
	i, err := s.get(ctx, attributes(layout.BrakeKey(tenant, agentID)))
	if err != nil || i == nil {
		return registry.Brake{}, err
	}
	return layout.ReadDoc[registry.Brake](plain(i))
}

// PutBrake stores an agent's brake if there is an entry of the agent, or returns store.ErrNotFound.
func (s *Store) PutBrake(ctx context.Context, tenant, agentID string, b registry.Brake) error {
	i, err := layout.BrakeKey(tenant, agentID).WithDoc(b)
	if err != nil {
		return err
	}
	failed, err := s.transact(ctx, []types.TransactWriteItem{
		{ConditionCheck: &types.ConditionCheck{
			TableName: &s.table, Key: attributes(layout.AgentKey(tenant, agentID, layout.SKRegistry)),
			ConditionExpression: new("attribute_exists(pk)"),
		}},
		s.put(attributes(i), "", nil, nil),
	})
	if err != nil {
		return fmt.Errorf("put brake: %w", err)
	}
	if len(failed) > 0 {
		return store.ErrNotFound
	}
	return nil
}

// Paused reports whether an agent's brake is on.
func (s *Store) Paused(ctx context.Context, tenant, agentID string) (bool, error) {
	b, err := s.Brake(ctx, tenant, agentID)
	return b.On, err
}
