package dynamo

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"adcp-orchestrator/pkg/endpoint"
	"adcp-orchestrator/pkg/notice"
	"adcp-orchestrator/pkg/store"
	"adcp-orchestrator/pkg/store/layout"
)

// Endpoints returns all webhook endpoints of a tenant, by id.
func (s *Store) Endpoints(ctx context.Context, tenant string) (all []endpoint.Endpoint, err error) {
	consistent, condition := true, "pk = :pk"
	items, err := s.queryAll(ctx, &dynamodb.QueryInput{
		TableName:                 &s.table,
		ConsistentRead:            &consistent,
		KeyConditionExpression:    &condition,
		ExpressionAttributeValues: item{":pk": attributes(layout.EndpointKey(tenant, ""))["pk"]},
	})
	if err != nil {
		return nil, err
	}
	for _, i := range items {
		e, err := layout.ReadEndpoint(tenant, plain(i))
		if err != nil {
			return nil, err
		}
		all = append(all, e)
	}
	return all, nil
}

// Endpoint returns a webhook endpoint, or store.ErrNotFound.
func (s *Store) Endpoint(ctx context.Context, tenant, id string) (endpoint.Endpoint, error) {
	i, err := s.get(ctx, attributes(layout.EndpointKey(tenant, id)))
	if err == nil && i == nil {
		err = store.ErrNotFound
	}
	if err != nil {
		return endpoint.Endpoint{}, err
	}
	return layout.ReadEndpoint(tenant, plain(i))
}

// AddEndpoint stores a new webhook endpoint and its Idempotency-Key, and counts it, in one
// transaction. It returns store.ErrKeyTaken, store.ErrFull or, for an id that exists,
// store.ErrStale.
func (s *Store) AddEndpoint(ctx context.Context, e endpoint.Endpoint, keyHash string, c endpoint.Creation) error {
	i, err := layout.EndpointItem(e)
	if err != nil {
		return err
	}
	key, err := layout.EndpointCreationItem(keyHash, c)
	if err != nil {
		return err
	}
	free := "attribute_not_exists(pk) OR #ttl < :now"
	failed, err := s.transact(ctx, []types.TransactWriteItem{
		s.put(attributes(key), free, item{":now": num(s.now().Unix())}, map[string]string{"#ttl": "ttl"}),
		s.put(attributes(i), absent, nil, nil),
		s.countEndpoints(e.Tenant, 1, "attribute_not_exists(n) OR n < :limit",
			item{":limit": num(endpoint.MaxEndpoints)}),
	})
	if err != nil {
		return fmt.Errorf("add endpoint: %w", err)
	}
	for n, refused := range []error{store.ErrKeyTaken, store.ErrStale, store.ErrFull} {
		if _, ok := failed[n]; ok {
			return refused
		}
	}
	return nil
}

// countEndpoints is a write of a transaction that changes the count of a tenant's endpoints.
func (s *Store) countEndpoints(tenant string, by int64, condition string, values item) types.TransactWriteItem {
	update := "ADD n :by"
	u := &types.Update{
		TableName:                 &s.table,
		Key:                       attributes(layout.LimitKey(tenant, layout.EndpointsCount)),
		UpdateExpression:          &update,
		ExpressionAttributeValues: with(item{":by": num(by)}, values),
	}
	if condition != "" {
		u.ConditionExpression = &condition
	}
	return types.TransactWriteItem{Update: u}
}

// Creation returns what an Idempotency-Key made, or store.ErrNotFound.
func (s *Store) Creation(ctx context.Context, tenant, keyHash string) (endpoint.Creation, error) {
	c, err := getDocument[endpoint.Creation](ctx, s, layout.EndpointCreationKey(tenant, keyHash))
	c.Tenant = tenant
	return c, err
}

// PutEndpoint stores a webhook endpoint, and what consumers are told of it, if the version before
// it is stored, or returns store.ErrStale. Its health stays.
func (s *Store) PutEndpoint(ctx context.Context, e endpoint.Endpoint, told ...notice.Notice) error {
	i, err := layout.EndpointItem(e)
	if err != nil {
		return err
	}
	return s.putVersion(ctx, i, told...)
}

// DeleteEndpoint deletes a webhook endpoint and counts it no longer, or returns store.ErrNotFound.
func (s *Store) DeleteEndpoint(ctx context.Context, tenant, id string) error {
	k, exists := attributes(layout.EndpointKey(tenant, id)), "attribute_exists(pk)"
	if !storable(k) {
		return store.ErrNotFound
	}
	failed, err := s.transact(ctx, []types.TransactWriteItem{
		{Delete: &types.Delete{TableName: &s.table, Key: k, ConditionExpression: &exists}},
		s.countEndpoints(tenant, -1, "", nil),
	})
	if err != nil {
		return fmt.Errorf("delete endpoint: %w", err)
	}
	if len(failed) > 0 {
		return store.ErrNotFound
	}
	return nil
}

// SetHealth records that an attempt at an endpoint succeeded, or failed.
func (s *Store) SetHealth(ctx context.Context, tenant, id string, ok bool, at time.Time) error {
	update := "SET " + layout.FailingSince + " = :at"
	if ok {
		update = "SET " + layout.LastSuccessAt + " = :at REMOVE " + layout.FailingSince
	}
	err := s.update(ctx, rewriting{
		key: attributes(layout.EndpointKey(tenant, id)), values: item{":at": str(layout.Timestamp(at))},
		expression: update, condition: "attribute_exists(pk)",
	})
	if errors.As(err, new(*types.ConditionalCheckFailedException)) {
		return nil
	}
	return err
}

// ClaimProbe claims an attempt at an endpoint that fails. It returns false if one was claimed less
// than endpoint.ProbeEvery ago.
func (s *Store) ClaimProbe(ctx context.Context, tenant, id string, at time.Time) (bool, error) {
	err := s.update(ctx, rewriting{
		key:        attributes(layout.EndpointKey(tenant, id)),
		values:     item{":at": str(layout.Timestamp(at)), ":before": str(layout.Timestamp(at.Add(-endpoint.ProbeEvery)))},
		expression: "SET probed_at = :at",
		condition:  "attribute_exists(pk) AND (attribute_not_exists(probed_at) OR probed_at <= :before)",
	})
	if errors.As(err, new(*types.ConditionalCheckFailedException)) {
		return false, nil
	}
	return err == nil, err
}

// AddDelivery stores a delivery to a webhook endpoint, or returns store.ErrStale if there is one.
func (s *Store) AddDelivery(ctx context.Context, d endpoint.Delivery) error {
	i, err := layout.WebhookDeliveryItem(d)
	if err != nil {
		return err
	}
	r := rewrite(i, nil)
	r.onCondition(absent, nil)
	err = s.update(ctx, r)
	if errors.As(err, new(*types.ConditionalCheckFailedException)) {
		return store.ErrStale
	}
	return err
}

// PutDelivery stores a delivery if the version before it is stored, or returns store.ErrStale.
func (s *Store) PutDelivery(ctx context.Context, d endpoint.Delivery) error {
	i, err := layout.WebhookDeliveryItem(d)
	if err != nil {
		return err
	}
	return s.putVersion(ctx, i)
}

// WebhookDelivery returns a delivery to a webhook endpoint, or store.ErrNotFound.
func (s *Store) WebhookDelivery(ctx context.Context, tenant, endpointID, id string) (endpoint.Delivery, error) {
	i, err := s.get(ctx, attributes(layout.WebhookDeliveryKey(tenant, endpointID, id)))
	if found := plain(i); err == nil && (i == nil || found.Expired(s.now())) {
		err = store.ErrNotFound
	}
	if err != nil {
		return endpoint.Delivery{}, err
	}
	return layout.ReadWebhookDelivery(tenant, plain(i))
}

// ListDeliveries returns a page of an endpoint's deliveries, the newest first. It looks at no more
// than limit of them.
func (s *Store) ListDeliveries(ctx context.Context, tenant, endpointID string, state endpoint.DeliveryState,
	before string, limit int) (page []endpoint.Delivery, next string, err error) {
	k := attributes(layout.WebhookDeliveryKey(tenant, endpointID, before))
	condition, alive, backwards := "pk = :pk", "#ttl >= :now", false
	projection, pageSize := "sk, doc", int32(limit) //nolint:gosec // a page
	in := &dynamodb.QueryInput{
		TableName:                &s.table,
		Limit:                    &pageSize,
		ScanIndexForward:         &backwards,
		KeyConditionExpression:   &condition,
		ProjectionExpression:     &projection,
		ExpressionAttributeNames: map[string]string{"#ttl": "ttl"},
		// TTL only cleans up: the expiry is compared here.
		ExpressionAttributeValues: item{":pk": k["pk"], ":now": num(s.now().Unix())},
	}
	if before != "" {
		in.ExclusiveStartKey = k
	}
	if state != "" {
		alive += " AND #state = :state"
		in.ExpressionAttributeNames["#state"], in.ExpressionAttributeValues[":state"] = "state", str(string(state))
	}
	in.FilterExpression = &alive
	out, err := s.api.Query(ctx, in)
	if err != nil {
		return nil, "", fmt.Errorf("list deliveries: %w", err)
	}
	for _, i := range out.Items {
		d, err := layout.ReadWebhookDelivery(tenant, plain(i))
		if err != nil {
			return nil, "", fmt.Errorf("delivery %s: %w", text(i, "sk"), err)
		}
		page = append(page, d)
	}
	return page, text(out.LastEvaluatedKey, "sk"), nil
}
