package dynamo

import (
	"context"
	"fmt"
	"math"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"adcp-orchestrator/pkg/registry"
	"adcp-orchestrator/pkg/store"
	"adcp-orchestrator/pkg/store/layout"
)

// Agent returns an agent's entry, or store.ErrNotFound.
func (s *Store) Agent(ctx context.Context, tenant, id string) (registry.Agent, error) {
	a, err := getDocument[registry.Agent](ctx, s, layout.AgentKey(tenant, id, layout.SKRegistry))
	a.Tenant = tenant
	return a, err
}

// PutAgent stores an entry if the version before it is stored, or returns store.ErrStale.
func (s *Store) PutAgent(ctx context.Context, a registry.Agent) error {
	if a.Version == 1 {
		return s.AddAgent(ctx, a, math.MaxInt)
	}
	i, err := agentItem(a)
	if err != nil {
		return err
	}
	return s.putVersion(ctx, i)
}

func agentItem(a registry.Agent) (layout.Item, error) {
	return layout.AgentKey(a.Tenant, a.ID, layout.SKRegistry).With(layout.Item{"version": a.Version}).WithDoc(a)
}

// AddAgent stores an agent's first entry and counts it, in one transaction. It returns
// store.ErrStale if there is an entry, or store.ErrFull.
func (s *Store) AddAgent(ctx context.Context, a registry.Agent, limit int) error {
	i, err := agentItem(a)
	if err != nil {
		return err
	}
	entry := rewrite(i, nil)
	entry.onCondition(absent, nil)
	update, condition := "ADD n :one", "attribute_not_exists(n) OR n < :limit"
	failed, err := s.transact(ctx, []types.TransactWriteItem{
		entry.inTransaction(&s.table),
		{Update: &types.Update{
			TableName:                 &s.table,
			Key:                       attributes(layout.LimitKey(a.Tenant, layout.AgentsCount)),
			UpdateExpression:          &update,
			ConditionExpression:       &condition,
			ExpressionAttributeValues: item{":one": num(1), ":limit": num(int64(limit))},
		}},
	})
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

// CountAgents returns how many agents of a tenant are stored.
func (s *Store) CountAgents(ctx context.Context, tenant string) (int, error) {
	i, err := s.get(ctx, attributes(layout.LimitKey(tenant, layout.AgentsCount)))
	return int(number(i, "n")), err
}

// Profile returns what was discovered about an agent at an endpoint, or store.ErrNotFound.
func (s *Store) Profile(
	ctx context.Context, tenant, agentID string, at registry.Endpoint,
) (registry.Profile, error) {
	return getDocument[registry.Profile](ctx, s, layout.ProfileKey(tenant, agentID, at.Key()))
}

// PutProfile replaces an agent's profile of the same endpoint.
func (s *Store) PutProfile(ctx context.Context, tenant, agentID string, p registry.Profile) error {
	k := layout.ProfileKey(tenant, agentID, p.Endpoint().Key())
	return s.putDocument(ctx, k.Until(s.now().Add(registry.ProfileFor)), p)
}
