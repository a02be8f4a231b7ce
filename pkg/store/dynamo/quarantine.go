package dynamo

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"adcp-orchestrator/pkg/inbox"
	"adcp-orchestrator/pkg/notice"
	"adcp-orchestrator/pkg/store"
	"adcp-orchestrator/pkg/store/layout"
)

// Quarantine stores a delivery, or counts its repetition. Of a new one consumers are told, in the
// same transaction; if it is authentic, that counts it for its operation and day and stores its
// body too. It returns store.ErrFull.
func (s *Store) Quarantine(ctx context.Context, q inbox.Quarantined) error {
	i, err := layout.QuarantineItem(q)
	if err != nil {
		return err
	}
	first := attributes(i)
	told := notice.Quarantined(q.Tenant, q.AgentID, q.OperationID, q.ID(), q.Code, q.Authentic, q.At)
	tell, err := s.tell(told)
	if err != nil {
		return err
	}
	writes := []types.TransactWriteItem{s.put(first, absent, nil, nil), tell}
	if q.Authentic {
		body, err := layout.QuarantineBody(q)
		if err != nil {
			return err
		}
		counter := key(q.Tenant, "quarantined", q.Day()+"#"+q.OperationID, skOnly)
		writes = append(writes, s.increment(counter, inbox.MaxQuarantined, i.Number("ttl")))
		for _, chunk := range body {
			writes = append(writes, s.put(attributes(chunk), "", nil, nil))
		}
	}
	for {
		if exists, err := s.countRepetition(ctx, first, "attribute_exists(pk)"); exists || err != nil {
			return err
		}
		failed, err := s.transact(ctx, writes)
		if err != nil {
			return fmt.Errorf("quarantine: %w", err)
		}
		if len(failed) == 0 {
			s.signaled(ctx, notice.Ref{Tenant: q.Tenant, NoticeID: told.ID})
			return nil
		}
		if _, exists := failed[0]; !exists {
			return store.ErrFull
		}
		// Another process has stored the same delivery since, so this one is a repetition.
	}
}

// countRepetition increments the count of a delivery, or stores first if there is none yet. done is
// false if the condition failed. Transactions on the item are waited for. If an answer is lost, the
// SDK repeats the request and it counts twice; nothing depends on the exact count.
func (s *Store) countRepetition(ctx context.Context, first item, condition string) (done bool, err error) {
	update := "SET doc = if_not_exists(doc, :doc), list_pk = if_not_exists(list_pk, :list_pk), " +
		"list_sk = if_not_exists(list_sk, :list_sk), last_at = :at, #ttl = :ttl ADD #count :one"
	in := &dynamodb.UpdateItemInput{
		TableName:                &s.table,
		Key:                      item{"pk": first["pk"], "sk": first["sk"]},
		UpdateExpression:         &update,
		ExpressionAttributeNames: map[string]string{"#ttl": "ttl", "#count": "count"},
		ExpressionAttributeValues: item{
			":doc": first["doc"], ":at": first["last_at"], ":ttl": first["ttl"], ":one": first["count"],
			":list_pk": first[layout.ListIndex.PK], ":list_sk": first[layout.ListIndex.SK],
		},
	}
	if condition != "" {
		in.ConditionExpression = &condition
	}
	for try := 0; ; try++ {
		_, err := s.api.UpdateItem(ctx, in)
		if err == nil {
			return true, nil
		}
		if errors.As(err, new(*types.ConditionalCheckFailedException)) {
			return false, nil
		}
		if !errors.As(err, new(*types.TransactionConflictException)) || try == maxRetries {
			return false, fmt.Errorf("count %s: %w", text(first, "pk"), err)
		}
		if err := waitBeforeRetry(ctx, try); err != nil {
			return false, err
		}
	}
}

// QuarantinePage lists a page of a tenant's deliveries, the newest first.
func (s *Store) QuarantinePage(ctx context.Context, tenant string, from, before time.Time, after string, limit int) (
	page []inbox.Quarantined, next string, err error) {
	least, greatest := layout.QuarantineRange(from, before)
	items, next, err := s.listed(ctx, layout.ListQuery{Tenant: tenant, Kind: layout.KindQuarantine, Before: after,
		From: least, To: greatest}, limit)
	if err != nil {
		return nil, "", err
	}
	for _, i := range items {
		q, err := layout.ReadQuarantined(tenant, i, s.now())
		if errors.Is(err, store.ErrNotFound) { // TTL only cleans up: the expiry is compared (contract F77)
			continue
		}
		if err != nil {
			return nil, "", err
		}
		page = append(page, q)
	}
	return page, next, nil
}

// QuarantinedByID returns a delivery, or store.ErrNotFound.
func (s *Store) QuarantinedByID(ctx context.Context, tenant, id string) (inbox.Quarantined, error) {
	i, err := s.get(ctx, attributes(layout.QuarantineKey(tenant, id, layout.SKEntry)))
	if err != nil {
		return inbox.Quarantined{}, err
	}
	if i == nil {
		return inbox.Quarantined{}, store.ErrNotFound
	}
	return layout.ReadQuarantined(tenant, plain(i), s.now())
}

// QuarantinedBody returns the kept body of a delivery, or store.ErrNotFound.
func (s *Store) QuarantinedBody(ctx context.Context, tenant, id string) ([]byte, error) {
	if !layout.QuarantineKey(tenant, id, layout.SKBody).Storable() {
		return nil, store.ErrNotFound
	}
	consistent, condition := true, "pk = :pk AND begins_with(sk, :body)"
	items, err := s.queryAll(ctx, &dynamodb.QueryInput{
		TableName: &s.table, ConsistentRead: &consistent, KeyConditionExpression: &condition,
		ExpressionAttributeValues: item{
			":pk": str(layout.QuarantineKey(tenant, id, "").Text("pk")), ":body": str(layout.SKBody),
		},
	})
	if err != nil {
		return nil, err
	}
	return layout.ReadQuarantineBody(plainAll(items), s.now())
}

// HandleQuarantined stores what a person did about a delivery. It returns store.ErrStale for one
// that was replayed, or store.ErrNotFound.
func (s *Store) HandleQuarantined(ctx context.Context, tenant, id string, state inbox.QuarantineState,
	h inbox.Handled) error {
	doc, err := layout.HandledText(h)
	if err != nil {
		return err
	}
	change := rewrite(layout.QuarantineKey(tenant, id, layout.SKEntry).With(layout.Item{
		layout.AttrState: string(state), layout.AttrHandled: doc,
	}), nil)
	change.names["#state"] = layout.AttrState
	change.onCondition("attribute_exists(pk) AND (attribute_not_exists(#state) OR #state <> :replayed)",
		item{":replayed": str(string(inbox.Replayed))})
	err = s.update(ctx, change)
	if !errors.As(err, new(*types.ConditionalCheckFailedException)) {
		return err
	}
	if _, err := s.QuarantinedByID(ctx, tenant, id); err != nil {
		return err
	}
	return store.ErrStale
}
